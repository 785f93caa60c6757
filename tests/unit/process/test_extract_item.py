"""An item of a JSON API becomes a document, by the source's own mapping or by the names that APIs commonly use."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.process.pages import capture

from tidemill.errors import Permanent
from tidemill.models.document import Draft
from tidemill.models.source import FieldRule, ItemsRule, ProcessRules
from tidemill.process.extract.item import extract_item, is_html, plain_text
from tidemill.process.extract.page import Page
from tidemill.process.extract.selectors import extract_selected

URL = "https://api.example/articles/7"
NOON = datetime(2026, 4, 3, 12, tzinfo=UTC)


def drafts(item: Any, rules: ProcessRules | None = None, **fields: str) -> tuple[Draft, ...]:
    """What both readers of JSON make of it: by the rules for its fields, written the short way, or by usual names."""
    mapping = {name: FieldRule(path=path, type="json") for name, path in fields.items()}
    page = Page(capture(URL, "application/json"), json.dumps(item).encode(), rules or ProcessRules(fields=mapping))
    return (*extract_item(page), *extract_selected(page))


def draft(item: Any, **fields: str) -> Draft:
    (only,) = drafts(item, **fields)
    return only


def test_the_mapping_says_where_each_value_is() -> None:
    item = {
        "attributes": {"head": "The mill turns", "body": "<p>It <b>turns</b> again.</p><ul><li>one</li></ul>"},
        "by": [{"name": "Ann Weir"}, {"name": "Bo Race"}],
        "dates": {"out": "2026-04-03T14:00:00+02:00", "changed": 1_775_217_600},
        "lang": "en-GB",
        "topics": ["mill", "tide", "mill"],
        "pictures": [{"src": "/mill.jpg"}],
        "self": "/mill",
        "price": {"amount": 5},
        "other": "left alone",
    }
    found = draft(
        item, title="attributes.head", content="attributes.body", author="by", published_at="dates.out",
        modified_at="dates.changed", language="lang", tags="topics", image_url="pictures.0.src", canonical_url="self",
        price="price.amount", lost="no.where",
    )  # fmt: skip
    assert (found.kind, found.item_key, found.title) == ("article", "", "The mill turns")
    assert found.content.split("\n") == ["It turns again.", "- one"]
    assert found.markdown.startswith("It **turns** again.")
    assert (found.author, found.language, found.tags) == ("Ann Weir, Bo Race", "en", ("mill", "tide"))
    assert (found.published_at, found.modified_at) == (NOON, NOON)
    assert (found.image_url, found.canonical_url) == ("https://api.example/mill.jpg", "https://api.example/mill")
    assert found.fields == {"price": 5}
    assert found.provenance["author"] == "selector@1 path:by"
    assert set(found.provenance) >= {"title", "content", "author", "published_at", "tags", "price"}


def test_a_mapping_is_taken_at_its_word() -> None:
    assert draft({"title": "A", "name": "B", "author": "C"}, title="name") == Draft(
        kind="article", title="B", provenance={"title": "selector@1 path:name"}
    )


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"headline": "T", "body": "text", "created_at": NOON.isoformat(), "html_url": "/x"}, "/x"),
        (
            {"title": {"rendered": "T"}, "content": {"rendered": "<p>text</p>"}, "date": "2026-04-03", "link": "/x"},
            "/x",
        ),
        ({"name": "T", "articleBody": "text", "datePublished": "2026-04-03T12:00:00Z"}, None),
        ({"title": "", "headline": "T", "text": "text", "published": 1_775_217_600_000}, None),
        ({"title": "T", "content": None, "description": "text", "date": "Fri, 03 Apr 2026 12:00:00 GMT"}, None),
    ],
)
def test_without_a_mapping_the_usual_names_are_tried(item: Any, expected: str | None) -> None:
    found = draft(item)
    assert (found.title, found.content.strip()) == ("T", "text")
    assert found.published_at in (NOON, NOON.replace(hour=0))
    assert found.canonical_url == (f"https://api.example{expected}" if expected else None)
    assert found.provenance["title"] == "item@1"


@pytest.mark.parametrize(
    ("kind", "expected"), [("recipe", "recipe"), ("Not A Slug", "article"), ("x" * 33, "article"), (5, "article")]
)
def test_an_item_may_say_of_what_kind_it_is(kind: Any, expected: str) -> None:
    found = draft({"type": kind}, kind="type")
    assert (found.kind, found.fields) == (expected, {})


@pytest.mark.parametrize("value", [[], ["text", 5, None], "text", 5, None, True])
def test_what_is_no_object_is_no_document(value: Any) -> None:
    assert drafts(value) == ()
    assert drafts(value, title="title") == ()


@pytest.mark.parametrize("fields", [{}, {"title": "title"}])
def test_each_object_of_a_list_is_a_document(fields: dict[str, str]) -> None:
    found = drafts([{"title": "A", "id": 1}, "no object", {"title": "B", "id": 2}], **fields)
    assert [draft.title for draft in found] == ["A", "B"]
    assert len({draft.item_key for draft in found}) == 2
    assert "" not in {draft.item_key for draft in found}


def test_items_without_fields_are_read_by_the_usual_names() -> None:
    answer = {"data": {"list": [{"headline": "A", "sku": 5}, {"headline": "B", "sku": 6}]}, "title": "The list"}
    found = drafts(answer, ProcessRules(items=ItemsRule(path="data.list", kind="product", key=("sku",))))
    assert [(draft.kind, draft.title) for draft in found] == [("product", "A"), ("product", "B")]


def test_keys_of_a_list_stay_when_its_order_changes() -> None:
    items: list[Any] = [{"title": "A"}, {"title": "A", "text": "another"}, {"id": 7, "title": "A"}, {"url": "/x"}]
    keys = {(draft.title, draft.content, draft.item_key) for draft in drafts(items)}
    assert len({key for _, _, key in keys}) == 4
    assert {(draft.title, draft.content, draft.item_key) for draft in drafts(items[::-1])} == keys


def test_an_identifier_outlives_a_change_of_title() -> None:
    before, after = drafts([{"id": 7, "title": "A"}]), drafts([{"id": 7, "title": "B"}])
    assert before[0].item_key == after[0].item_key


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b'{"a": "\xff"}'])
def test_what_is_no_json_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(Permanent) as caught:
        extract_item(Page(capture(URL, "application/json"), body))
    assert caught.value.reason == "bad_json"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("if a < b and c > d: <5>", False),
        ("Tom & Jerry", False),
        ("use List<String>", False),
        ("<p>one", True),
        ("one<br/>two", True),
        ('see <a href="/x">this</a>', True),
        ("<IMG SRC=x>", True),
    ],
)
def test_html_is_told_from_text(text: str, expected: bool) -> None:
    assert is_html(text) == expected


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a < b & c", ["a < b & c"]),
        ("AT&amp;T &#8217;", ["AT&T \u2019"]),
        ("<p>one <b>two</b></p><p>three<br>four</p><script>x()</script>", ["one two", "three", "four"]),
        ("<ul><li>a</li><li>b &amp; c</li></ul>", ["a", "b & c"]),
    ],
)
def test_text_is_what_a_reader_sees(text: str, lines: list[str]) -> None:
    assert [line.strip() for line in plain_text(text).split("\n") if line.strip()] == lines


def test_text_that_is_no_html_stays_as_it_is() -> None:
    found = draft({"title": "a < b", "content": "1 < 2\n\n* not a list"})
    assert (found.title, found.content) == ("a < b", "1 < 2\n\n* not a list")
    assert found.markdown == "1 \\< 2\n\n\\* not a list"


def test_no_word_of_the_content_is_taken_for_boilerplate() -> None:
    parts = [
        "<aside>A note of the margin, longer than all of the rest together, is no less the item's own.</aside>",
        "<nav>one two three four five six seven</nav>",
        "<p>End.</p>",
    ]
    content = draft({"content": "".join(parts)}).content
    assert all(word in content.split() for word in ("margin,", "seven", "End."))


def test_paragraphs_may_be_a_list() -> None:
    assert draft({"content": ["one", "two"]}).content == "one\n\ntwo"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("mill, tide ,,mill", ("mill", "tide")),
        (["mill", {"name": "tide"}, 12, None], ("mill", "tide")),
        ([1, 2], ()),
        ("x" * 61, ()),
        ({"name": "mill"}, ("mill",)),
    ],
)
def test_tags_are_a_list_or_a_text_with_commas(given: Any, expected: tuple[str, ...]) -> None:
    assert draft({"tags": given}).tags == expected


@pytest.mark.parametrize(
    ("value", "time", "flags"),
    [
        ("2026-04-03T12:00:00Z", NOON, ()),
        ("2026-04-03 12:00:00", NOON, ("zone_assumed",)),
        (1_775_217_600, NOON, ()),
        (1_775_217_600_000, NOON, ()),
        (1_775_217_600.0, NOON, ()),
        ({"value": "2026-04-03T12:00:00Z"}, NOON, ()),
        *((junk, None, ()) for junk in (0, -1, 1e300, True, "soon", [], "9" * 400)),
    ],
)
def test_times(value: Any, time: datetime | None, flags: tuple[str, ...]) -> None:
    found = draft({"title": "T", "date": value})
    assert (found.published_at, found.flags) == (time, flags)
    assert ("published_at" in found.provenance) == (time is not None)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "mailto:a@b.example", "http://[", 5])
def test_a_link_that_is_no_page_is_not_canonical(url: Any) -> None:
    found = draft({"title": "T", "url": url, "image": url})
    assert found.canonical_url is None or found.canonical_url.startswith("https://api.example/")
    assert found.image_url is None or found.image_url.startswith("https://api.example/")


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20)
)
INNER = st.sampled_from(["name", "rendered", "url", "x"])
VALUE = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(INNER, inner, max_size=3), max_leaves=6
)
NAMES = st.sampled_from(
    ["title", "author", "date", "updated", "tags", "url", "image", "lang", "content", "summary", "kind"]
)


@given(st.dictionaries(NAMES, VALUE, max_size=6), st.booleans())
def test_any_object_makes_a_draft(item: dict[str, Any], mapped: bool) -> None:
    names = {"title": "title", "content": "content.rendered", "published_at": "date", "kind": "kind", "extra": "tags.0"}
    (found,) = drafts(item, **(names if mapped else {}))
    assert isinstance(found.title, str)
    assert all(time is None or time.tzinfo is not None for time in (found.published_at, found.modified_at))
