"""A page of a JSON API: its items, their addresses, and where the next page lies."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.crawl.discover.json_api import at_path, read_api
from tidemill.crawl.discover.listing import Listed, Listing
from tidemill.errors import Permanent
from tidemill.markup import bounds
from tidemill.models.source import ApiRules

URL = "https://api.example/v1/articles?size=2"
LINKED = ApiRules(items="items", url="url", follow=True)


def read(answer: Any, rules: ApiRules = LINKED, url: str = URL) -> Listing:
    return read_api(json.dumps(answer).encode(), url, rules)


def urls(answer: Any, rules: ApiRules = LINKED) -> tuple[str, ...]:
    return tuple(page.url for page in read(answer, rules).pages)


ONE = {"items": [{"url": "https://a.example/1"}]}


@pytest.mark.parametrize(
    ("answer", "path"),
    [
        ([{"url": "/1"}], ""),
        ({"items": [{"url": "/1"}]}, "items"),
        ({"data": {"items": [{"url": "/1"}]}}, "data.items"),
        ([{}, {"found": [{"url": "/1"}]}], "1.found"),
        ({"0": {"found": [{"url": "/1"}]}}, "0.found"),
    ],
)
def test_items_lie_at_a_path(answer: Any, path: str) -> None:
    assert urls(answer, ApiRules(items=path, url="url", follow=True)) == ("https://api.example/1",)


@pytest.mark.parametrize(
    ("item", "rule", "url"),
    [
        ({"url": "https://a.example/1"}, "url", "https://a.example/1"),
        ({"url": " ../x "}, "url", "https://api.example/x"),
        ({"links": [{"href": "/1"}]}, "links.0.href", "https://api.example/1"),
        ("https://a.example/1", "", "https://a.example/1"),
        ({"id": 7}, "https://a.example/articles/{id}", "https://a.example/articles/7"),
        ({"id": 0}, "/articles/{id}", "https://api.example/articles/0"),
        ({"a": {"b": "x y/é?#"}, "l": "en"}, "/{l}/{a.b}.html", "https://api.example/en/x%20y%2F%C3%A9%3F%23.html"),
    ],
)
def test_an_item_has_its_address_by_path_or_template(item: Any, rule: str, url: str) -> None:
    assert urls({"items": [item]}, ApiRules(items="items", url=rule, follow=True)) == (url,)


@pytest.mark.parametrize(
    "item",
    [
        {}, None, 1, "", [], {"url": None}, {"url": ""}, {"url": 5}, {"url": {"href": "/1"}},
        {"url": "mailto:a@b.example"}, {"url": "http://["}, {"url": "javascript:alert(1)"},
        {"url": "https://a.example/" + "x" * 5000},
    ],
)  # fmt: skip
def test_an_item_without_an_address_is_left_out_and_spoils_no_other(item: Any) -> None:
    assert urls({"items": [item, {"url": "/2"}]}) == ("https://api.example/2",)


@pytest.mark.parametrize("value", [None, "", "..", ".", True, [], {}])
def test_a_template_is_not_filled_with_what_is_no_part_of_an_address(value: Any) -> None:
    assert urls({"items": [{"id": value}]}, ApiRules(items="items", url="/articles/{id}", follow=True)) == ()


def test_an_item_that_is_not_followed_is_brought_along_in_one_spelling() -> None:
    rules = ApiRules(items="items", url="u")
    one, two = (
        read({"items": [{"u": "/1", "b": [2], "a": "é"}]}, rules),
        read({"items": [{"a": "é", "b": [2], "u": "/1"}]}, rules),
    )
    assert one == two == Listing((Listed("https://api.example/1", item='{"a":"é","b":[2],"u":"/1"}'.encode()),))


def test_an_item_that_is_followed_is_not() -> None:
    assert read(ONE).pages == (Listed("https://a.example/1"),)


@pytest.mark.parametrize(
    ("value", "further"),
    [
        ("https://api.example/v1/articles?page=2", ("https://api.example/v1/articles?page=2",)),
        ("/v1/articles?page=2", ("https://api.example/v1/articles?page=2",)),
        ("?page=2", ("https://api.example/v1/articles?page=2",)),
        *((nothing, ()) for nothing in (None, "", "  ", 5, {}, False, "http://[", "mailto:a@b.example")),
        *((itself, ()) for itself in (URL, "?size=2", "?size=2#top", "HTTPS://API.EXAMPLE:443/v1/articles?size=2")),
    ],
)
def test_the_next_page_is_told(value: Any, further: tuple[str, ...]) -> None:
    answer = {**ONE, "links": {"next": value}}
    assert read(answer, ApiRules(items="items", url="url", next_url="links.next")).further == further


@pytest.mark.parametrize(
    ("url", "value", "further"),
    [
        (URL, "a/b=", (f"{URL}&after=a%2Fb%3D",)),
        (URL, 7, (f"{URL}&after=7",)),
        (f"{URL}&after=6&x=%20", 7, (f"{URL}&x=%20&after=7",)),
        (f"{URL}&after=7", 7, ()),
        (f"{URL}&after=a%2Fb%3D", "a/b=", ()),
        *((URL, nothing, ()) for nothing in (None, "", [], {}, True)),
    ],
)
def test_a_cursor_leads_on_until_there_is_none_or_the_same(url: str, value: Any, further: tuple[str, ...]) -> None:
    rules = ApiRules(items="items", url="url", cursor="meta.cursor", cursor_parameter="after")
    assert read({**ONE, "meta": {"cursor": value}}, rules, url).further == further


@pytest.mark.parametrize(
    ("url", "first", "following"),
    [
        (URL, 1, "2"),
        (URL, 0, "1"),
        (f"{URL}&page=9", 1, "10"),
        (f"{URL}&page=0", 1, "1"),
        (f"{URL}&page=junk", 1, "2"),
        (f"{URL}&page={'9' * 50}", 1, "2"),
    ],
)
def test_pages_are_counted_up(url: str, first: int, following: str) -> None:
    (further,) = read(ONE, ApiRules(items="items", url="url", page_parameter="page", first_page=first), url).further
    assert dict(parse_qsl(urlsplit(further).query)) == {"size": "2", "page": following}


@pytest.mark.parametrize("answer", [{"items": []}, {"items": None}])
def test_a_page_without_items_is_the_last(answer: Any) -> None:
    assert read(answer, ApiRules(items="items", url="url", page_parameter="page")) == Listing()


def test_without_a_rule_there_is_one_page() -> None:
    assert read({**ONE, "next": "/2"}).further == ()


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"", "no JSON"),
        (b"<html>", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (
            b'{"results": [], "count": 0}',
            "there is nothing and no list of items; the answer is an object with count, results",
        ),
        (b'{"items": {"1": {}}}', "there is an object with 1 and no list"),
        (b'{"items": "none"}', "there is the value 'none' and no list"),
        (b"[]", "there is nothing and no list of items; the answer is a list of 0"),
        (b"null", "the answer is nothing"),
    ],
)
def test_what_is_no_list_of_items_is_said_to_be_none(body: bytes, found: str) -> None:
    with pytest.raises(Permanent) as caught:
        read_api(body, URL, LINKED)
    assert caught.value.reason == "bad_json"
    assert found in str(caught.value)
    assert URL in str(caught.value)


def test_a_byte_order_mark_is_no_fault() -> None:
    assert read_api(b"\xef\xbb\xbf[]", URL, ApiRules()) == Listing()


SCALARS = st.none() | st.booleans() | st.integers(-9, 99) | st.text(max_size=5) | st.just("/1")
NAMES = st.sampled_from(["items", "url", "next", "0"])
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
)


@given(
    JSON, st.sampled_from(["", "items", "items.0", "url"]), st.sampled_from(["next_url", "cursor", "page_parameter"])
)
def test_no_answer_leads_to_itself_or_breaks_the_reader(answer: Any, items: str, way: str) -> None:
    rules = ApiRules(items=items, url="url", **{way: "next"})
    try:
        listing = read(answer, rules)
    except Permanent as error:
        assert error.reason == "bad_json"  # noqa: PT017
    else:
        assert URL not in listing.further
        assert all(page.item is not None and urlsplit(page.url).scheme in {"http", "https"} for page in listing.pages)


@given(JSON, st.text("items.url0", max_size=8))
def test_a_path_leads_somewhere_or_nowhere(answer: Any, path: str) -> None:
    found = at_path(answer, path)
    assert found is None or json.dumps(found) in json.dumps(answer)


def test_an_item_nested_too_deeply_to_be_written_is_a_fault_of_the_answer() -> None:
    body = b'[{"url": "https://a.example/1", "x": ' + b"[" * 400 + b"]" * 400 + b"}]"
    with pytest.raises(Permanent, match="nested too deeply") as caught:
        read_api(body, URL, ApiRules(url="url"))
    assert caught.value.reason == "bad_json"


@pytest.mark.parametrize("filler", ["{}", "[]"])
def test_what_would_take_all_memory_is_refused_before_it_is_parsed(
    filler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "MOST_CONTAINERS", 1_000)
    assert read_api(f"[{','.join([filler] * 900)}]".encode(), URL, ApiRules(url="url")).pages == ()
    with pytest.raises(Permanent) as caught:
        read_api(f"[{','.join([filler] * 1_001)}]".encode(), URL, ApiRules(url="url"))
    assert caught.value.reason == "too_large"
