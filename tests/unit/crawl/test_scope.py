"""Which URLs belong to a source, and which are traps."""

from __future__ import annotations

from datetime import date

import pytest

from tidemill.crawl.scope import Scope, folder_spec
from tidemill.errors import Invalid
from tidemill.models.source import SourceSpec

TODAY = date(2026, 11, 23)


def scope(
    *, max_depth: int | None = None, start: tuple[str, ...] = ("http://a.example/x/",), **fields: tuple[str, ...]
) -> Scope:
    return Scope(SourceSpec(name="s", start=start, **fields), max_depth=max_depth, today=TODAY)  # type: ignore[arg-type]


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


def test_within_is_the_beginning_of_a_url_under_either_scheme() -> None:
    inside = scope(within=("http://a.example/x/",))
    assert inside.covers("https://a.example/x/y")
    assert not inside.covers("http://a.example/x")
    assert not inside.covers("http://a.example/y/x/")
    assert inside.same_site("http://a.example/y")


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
