"""Which URLs belong to a source, and which are traps."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.crawl.scope import Scope, folder_spec
from tidemill.errors import Invalid
from tidemill.models.source import QueryRules, SourceSpec
from tidemill.models.url import url_key

TODAY = date(2026, 11, 23)


def scope(*, max_depth: int | None = None, start: tuple[str, ...] = ("http://a.example/x/",), **fields: Any) -> Scope:
    return Scope(SourceSpec(name="s", start=start, **fields), max_depth=max_depth, today=TODAY)


@pytest.mark.parametrize(
    ("url", "covered"),
    [
        ("http://a.example/", True),
        ("http://a.example/anything?x=1", True),
        ("https://a.example/", True),
        ("http://a.example:80/", True),
        ("http://me@a.example/", True),
        ("http://a.example:8080/", False),
        ("http://b.example/", False),
        ("http://www.a.example/", False),
        ("http://a.example.evil/", False),
        ("http://evil/http://a.example/", False),
    ],
)
def test_a_source_is_at_home_on_the_hosts_of_its_start(url: str, covered: bool) -> None:
    assert scope().covers(url) is covered
    assert scope().same_site(url) is covered


@pytest.mark.parametrize("host", ["B.Example", "b.example:80", "b.example.", "b.example:443"])
def test_named_hosts_take_the_place_of_those_of_the_start(host: str) -> None:
    of_b = scope(hosts=(host,))
    assert of_b.covers("https://b.example/")
    assert not of_b.covers("http://a.example/")


def test_named_hosts_may_be_international() -> None:
    assert scope(hosts=("münchen.example",)).covers("http://xn--mnchen-3ya.example/")


@pytest.mark.parametrize(
    "host", ["", "http://b.example", "b.example/x", "b.example?", "me@b.example", "b example", "b:x"]
)
def test_what_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(Invalid, match=r"source 's': hosts holds .*write a name"):
        scope(hosts=(host,))


def test_a_source_of_many_hosts_covers_each() -> None:
    many = scope(hosts=tuple(f"h{number}.example" for number in range(100)))
    assert all(many.covers(f"https://h{number}.example/") for number in range(100))
    assert not many.covers("http://h100.example/")
    assert not many.covers("http://h100.example/")


@pytest.mark.parametrize("kind", ["files", "warc"])
def test_paths_of_this_machine_have_no_host_so_any_is_in_scope(kind: str) -> None:
    of_paths = scope(kind=kind, start=("./folder", "/list.txt"))
    assert of_paths.covers("http://a.example/")
    assert of_paths.same_site("https://b.example:8080/x")


@pytest.mark.parametrize("kind", ["files", "warc"])
def test_the_base_url_of_paths_gives_their_host(kind: str) -> None:
    of_paths = scope(kind=kind, start=("./folder",), base_url="https://a.example/docs/")
    assert of_paths.covers("http://a.example/elsewhere")
    assert not of_paths.covers("http://b.example/")


@pytest.mark.parametrize("kind", ["files", "warc"])
def test_named_hosts_take_the_place_of_the_base_url(kind: str) -> None:
    of_paths = scope(kind=kind, start=("./folder",), base_url="https://a.example/", hosts=("b.example",))
    assert of_paths.covers("http://b.example/")
    assert not of_paths.covers("http://a.example/")


@pytest.mark.parametrize(
    ("kind", "start", "covered"),
    [
        ("files", "/folder", True),
        ("warc", "/x.warc", True),
        ("website", "http://a.example/", False),
        ("sitemap", "http://a.example/", False),
    ],
)
def test_files_belong_to_folders_and_archives_alone(kind: str, start: str, covered: bool) -> None:
    assert scope(kind=kind, start=(start,)).covers("file:///folder/x.html") is covered
    assert scope(kind=kind, start=(start,), deny=(r"\.tmp$",)).covers("file:///folder/x.tmp") is False


@pytest.mark.parametrize(
    ("keep", "drop", "query", "left"),
    [
        (None, (), "a=1&b=2", "a=1&b=2"),
        (None, ("a",), "a=1&b=2", "b=2"),
        (None, ("a",), "a=1", ""),
        (None, ("a",), "a", ""),
        (None, ("a",), "A=1&aa=2", "A=1&aa=2"),
        (None, ("a",), "a=1&a=2&b", "b"),
        (None, ("ref_*",), "ref_=1&ref_x=2&ref=3&xref_=4", "ref=3&xref_=4"),
        (None, ("*",), "a=1&b=2", ""),
        (None, ("a.c",), "abc=1", "abc=1"),
        (None, ("größe",), "größe=1&b=2", "b=2"),
        (None, ("utm_source",), "b=2&=3", "=3&b=2"),
        (("id",), (), "a=1&id=2", "id=2"),
        (("id",), (), "Id=2", ""),
        (("f_*",), (), "f_x=1&g=2", "f_x=1"),
        (("f_*",), ("f_x",), "f_x=1&f_y=2", "f_y=2"),
        ((), (), "a=1", ""),
    ],
)
def test_which_parameters_tell_pages_apart(
    keep: tuple[str, ...] | None, drop: tuple[str, ...], query: str, left: str
) -> None:
    rules = scope(query=QueryRules(keep=keep, drop=drop))
    assert rules.rewrite(url_key(f"http://a.example/x?{query}")) == url_key(f"http://a.example/x?{left}")


@given(st.text(alphabet="ab=&%*é?", max_size=12), st.sampled_from([None, ("a",), ("a*",), ()]))
def test_a_rewritten_url_is_canonical_and_stays_as_it_is(query: str, keep: tuple[str, ...] | None) -> None:
    rules = scope(query=QueryRules(keep=keep, drop=("b", "ab*")))
    once = rules.rewrite(url_key(f"http://a.example/x?{query}"))
    assert url_key(once) == once
    assert rules.rewrite(once) == once


def test_within_is_the_beginning_of_a_url_under_either_scheme() -> None:
    inside = scope(within=("http://a.example/x/",))
    assert inside.covers("https://a.example/x/y")
    assert not inside.covers("http://a.example/x")
    assert not inside.covers("http://a.example/y/x/")
    assert inside.same_site("http://a.example/y")


def test_within_reaches_no_further_than_the_hosts() -> None:
    inside = scope(within=("http://a.example/x/", "http://b.example/x/"))
    assert inside.covers("http://a.example/x/y")
    assert not inside.covers("http://b.example/x/y")
    assert not scope(within=("http://a.example/x/",), deny=("y$",)).covers("http://a.example/x/y")


def test_allow_and_deny_are_regular_expressions_over_the_whole_url() -> None:
    some = scope(allow=(r"/news/", r"\.pdf$"), deny=(r"[?&]print=",))
    assert some.covers("http://a.example/news/1")
    assert some.covers("http://a.example/x.pdf")
    assert not some.covers("http://a.example/x")
    assert not some.covers("http://a.example/news/1?print=1")


def test_a_broken_pattern_is_named() -> None:
    with pytest.raises(Invalid, match=r"source 's': deny holds '\('"):
        scope(deny=("(",))


def test_depth() -> None:
    assert scope(max_depth=2).refusal("http://a.example/", 2) is None
    assert scope(max_depth=2).refusal("http://a.example/", 3) == "depth"
    assert scope(max_depth=0).refusal("http://a.example/", 1) == "depth"
    assert scope().refusal("http://a.example/", 10_000) is None


@pytest.mark.parametrize(
    "path",
    [
        "calendar/2029/01/",
        "calendar/2031-12",
        "calendar/2099/12/24",
        "tides?month=2029-03",
        "archive/2040/",
        "year=2050-1",
        "loop/loop/loop/loop/",
        "a/x/b/x/c/x/d/x",
        "/".join("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"),
        "x" * 2000,
    ],
)
def test_traps(path: str) -> None:
    assert scope().refusal(f"http://a.example/{path}", 1) == "trap"


@pytest.mark.parametrize(
    "path",
    [
        "calendar/2028/12/",
        "calendar/1999/01/",
        "2026/11/23/news",
        "loop/loop/loop/",
        "a/x/b/x/c/x/d",
        "questions/2345/how-to-tie-a-knot",
        "t/2999/",
        "item-2500-12",
        "part2050",
        "2050",
        "x" * 1900,
        "a//b//c//d",
        "/".join("abcdefghijklmnopqrstuvwxyz"),
    ],
)
def test_what_only_looks_like_a_trap(path: str) -> None:
    assert scope().refusal(f"http://a.example/{path}", 1) is None


@pytest.mark.parametrize(
    ("url", "within"),
    [
        ("http://a.example", "http://a.example/"),
        ("http://a.example/docs/index.html?x=1", "http://a.example/docs/"),
        ("http://a.example/docs", "http://a.example/"),
    ],
)
def test_an_ad_hoc_source_stays_in_the_folder_of_its_url(url: str, within: str) -> None:
    assert folder_spec("n", url).within == (within,)
    assert Scope(folder_spec("n", url), max_depth=None, today=TODAY).covers(folder_spec("n", url).start[0])
