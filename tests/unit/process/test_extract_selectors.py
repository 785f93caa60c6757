"""Values by the rules of a source: what is found, of what type, from where; and what is said when it is not."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.unit.process.pages import capture

from tidemill.models.document import Draft
from tidemill.models.source import FieldRule, ItemsRule, ProcessRules
from tidemill.process.extract.page import Page
from tidemill.process.extract.record import TOO_MUCH_TEXT
from tidemill.process.extract.selectors import TOO_MANY_ITEMS, extract_selected

SHOP = """<html lang="de"><head><base href="/shop/"></head><body>
<h1> The  <b>Blue</b> lamp </h1><p class="by">Ann</p><p class="by">Bo</p>
<time datetime="2026-04-03T12:00">heute Mittag</time>
<div class="text"><h2>What it is</h2><p>A <b>lamp</b>.<br>It shines.</p><ul><li>blue</li><li>new</li></ul></div>
<i class="price">1.234,50 €</i><i class="weight">heavy</i><i class="empty"> </i><i class="empty">full</i>
<a class="more" href="more.html">More</a><img src="lamp.jpg"><input class="stock" checked>
<script id="data">{"product": {"skus": ["a", "b"]}}</script>
<table><tr><td>Colour</td><td>blue</td></tr></table></body></html>"""

LIST = """<ul><li><a href="/e/1">Walk</a> <time>2026-04-05 17:00</time> <em>Quay</em></li>
<li><a href="/e/2">Talk</a> <time>2026-05-02</time></li><li class="note"></li></ul>"""


def css(selector: str, **more: Any) -> FieldRule:
    return FieldRule(css=selector, **more)


def html(markup: str = SHOP, items: ItemsRule | None = None, **fields: FieldRule) -> tuple[Draft, ...]:
    rules = ProcessRules(fields=fields, items=items, time_zone="Europe/Madrid", kind="product")
    return extract_selected(Page(capture(), markup.encode(), rules))


def one(**fields: FieldRule) -> Draft:
    (draft,) = html(**fields)
    return draft


def of_json(value: Any, items: ItemsRule | None = None, **fields: FieldRule) -> tuple[Draft, ...]:
    page = Page(
        capture("https://api.example/x", "application/json"),
        json.dumps(value).encode(),
        ProcessRules(fields=fields, items=items),
    )
    return extract_selected(page)


def test_names_of_a_document_fill_it_and_others_are_its_fields() -> None:
    draft = one(
        title=css("h1"),
        author=css(".by", many=True),
        published_at=css("time"),
        canonical_url=css("a.more"),
        image_url=css("img"),
        tags=css("li"),
        summary=FieldRule(xpath="string(//h2)"),
        colour=FieldRule(xpath="//td[.='Colour']/following-sibling::td"),
    )
    assert (draft.kind, draft.item_key, draft.title, draft.author) == ("product", "", "The Blue lamp", "Ann, Bo")
    assert draft.published_at == datetime(2026, 4, 3, 10, tzinfo=UTC)
    assert draft.canonical_url == "https://mill.example/shop/more.html"
    assert draft.image_url == "https://mill.example/shop/lamp.jpg"
    assert (draft.tags, draft.summary, draft.fields) == (("blue", "new"), "What it is", {"colour": "blue"})
    assert draft.provenance["title"] == "selector@1 css:h1"
    assert draft.provenance["colour"] == "selector@1 xpath://td[.='Colour']/following-sibling::td"
    assert draft.flags == ("zone_assumed",)


def test_the_content_keeps_its_structure() -> None:
    draft = one(content=css(".text"))
    assert [line for line in draft.content.split("\n") if line] == [
        "What it is", "A lamp.", "It shines.", "- blue", "- new",
    ]  # fmt: skip
    assert "## What it is" in draft.markdown
    assert "**lamp**" in draft.markdown
    assert draft.provenance["markdown"] == draft.provenance["content"] == "selector@1 css:.text"


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        (css(".price", type="number"), 1234.5),
        (css(".by"), "Ann"),
        (css(".by", many=True), ["Ann", "Bo"]),
        (css(".by, p, .by", many=True), ["Ann", "Bo", "A lamp.\nIt shines."]),
        (css(".by", many=True, transform=("upper", "join:+")), "ANN+BO"),
        (css("h1", transform=("split: ",)), ["The", "Blue", "lamp"]),
        (css(".empty"), "full"),
        (css("a.more", attribute="href"), "more.html"),
        (css("a.more", type="url"), "https://mill.example/shop/more.html"),
        (css("a.more", attribute="href", type="url"), "https://mill.example/shop/more.html"),
        (css(".stock", attribute="checked", type="boolean"), True),
        (css(".by", attribute="checked", type="boolean", default=False), False),
        (css("#data", type="json"), {"product": {"skus": ["a", "b"]}}),
        (css("#data", transform=("path:product.skus",)), ["a", "b"]),
        (css("time", type="datetime"), "2026-04-03T12:00:00+02:00"),
        (css("time"), "heute Mittag"),
        (css(".none", default="nothing"), "nothing"),
        (css(".weight", type="number", default=0), 0),
        (FieldRule(xpath="//a/@href"), "more.html"),
        (FieldRule(xpath="//p[@class='by']/text()", many=True), ["Ann", "Bo"]),
        (FieldRule(xpath="count(//li)", type="integer"), 2),
        (FieldRule(xpath="//table/tbody/tr/td[2]"), "blue"),
        (FieldRule(xpath="//a[re:test(@href, '^more')]"), "More"),
    ],
)
def test_a_rule_and_what_it_finds(rule: FieldRule, value: Any) -> None:
    assert one(x=rule).fields["x"] == value


def test_html_is_safe_and_whole() -> None:
    value = one(x=css(".text", type="html")).fields["x"]
    assert isinstance(value, str)
    assert "<li>blue</li>" in value


def test_what_is_not_there_is_not_in_the_document() -> None:
    draft = one(title=css("h1"), x=css(".none"))
    assert (draft.fields, draft.problems, draft.flags) == ({}, (), ())
    assert set(draft.provenance) == {"title"}


def test_what_is_required_and_not_there_is_a_problem() -> None:
    draft = one(x=css(".none", required=True), language=css("h1", required=True), title=css("h1", required=True))
    assert draft.problems == ("missing_x", "missing_language")


def test_a_value_that_cannot_be_read_is_told_with_its_rule() -> None:
    draft = one(weight=css(".weight", type="number", required=True), published_at=css("h1"))
    assert draft.flags == ("bad_value:weight", "bad_value:published_at")
    assert draft.problems == ("missing_weight",)
    assert draft.provenance == {
        "weight": "selector@1 css:.weight could not read 'heavy' as number",
        "published_at": "selector@1 css:h1 could not read 'The Blue lamp' as date or time",
    }


@pytest.mark.thorough
def test_a_pattern_that_comes_to_no_end_costs_its_value_alone() -> None:
    (draft,) = html(f"<h1>Lamp</h1><p>{'a' * 60}!</p>", title=css("h1"), code=css("p", transform=("regex:(a|aa)+$",)))
    assert (draft.title, draft.flags, draft.fields) == ("Lamp", ("bad_value:code",), {})
    assert "takes more than 0.1 s on 61 characters" in draft.provenance["code"]


def test_of_a_long_value_only_the_beginning_is_told() -> None:
    (draft,) = html(f"<p>{'x' * 5000}</p>", x=css("p", type="integer"))
    assert len(draft.provenance["x"]) < 200


@pytest.mark.parametrize("by", [{"css": "li"}, {"xpath": "//li"}])
@pytest.mark.parametrize(
    "fields",
    [
        {"title": css("a"), "start": css("time"), "url": css("a"), "location": css("em")},
        {
            "title": FieldRule(xpath="a"),
            "start": FieldRule(xpath=".//time"),
            "url": FieldRule(xpath="a/@href"),
            "location": css("em"),
        },
    ],
)
def test_each_item_is_a_document_by_whichever_selectors(by: dict[str, str], fields: dict[str, FieldRule]) -> None:
    walk, talk = html(LIST, ItemsRule(kind="event", **by), **fields)
    assert (walk.kind, walk.title, walk.canonical_url) == ("event", "Walk", "https://mill.example/e/1")
    assert walk.fields == {"start": "2026-04-05T17:00:00+02:00", "url": "https://mill.example/e/1", "location": "Quay"}
    assert talk.fields == {"start": "2026-05-02", "url": "https://mill.example/e/2"}
    assert len({walk.item_key, talk.item_key, ""}) == 3


def test_a_page_keeps_its_tree_after_its_items_were_read_by_both_parsers() -> None:
    page = Page(capture(), LIST.encode(), ProcessRules(items=ItemsRule(css="li"), fields={"x": FieldRule(xpath="a")}))
    before = page.tree.html
    assert len(extract_selected(page)) == 2
    assert page.tree.html == before


def test_an_absolute_xpath_looks_in_the_whole_page_and_scope_is_the_item_itself() -> None:
    markup = "<h1>Today</h1><a href=/1>A</a><a href=/2>B</a>"
    day, itself = FieldRule(xpath="//h1"), css(":scope", attribute="href", type="url")
    assert [d.fields["url"] for d in html(markup, ItemsRule(css="a"), day=day, url=itself)] == [
        "https://mill.example/1",
        "https://mill.example/2",
    ]
    assert {d.fields["day"] for d in html(markup, ItemsRule(css="a"), day=day, url=itself)} == {"Today"}


def test_an_item_without_a_required_value_is_kept_with_its_problem() -> None:
    found = html(LIST, ItemsRule(css="li"), title=css("a", required=True))
    assert [(draft.title, draft.problems) for draft in found] == [
        ("Walk", ()),
        ("Talk", ()),
        ("", ("missing_title",)),
    ]


def test_keys_do_not_depend_on_the_order_of_the_items() -> None:
    values = [("a", 1, 1), ("a", 2, 2), ("a", 1, 3), ("b", 1, 4)]
    rows = [f"<li><b>{title}</b><i>{day}</i><u>{number}</u></li>" for title, day, number in values]
    fields = {"title": css("b"), "start": css("i", transform=("prefix:2026-04-0",)), "n": css("u")}
    keys = {draft.fields["n"]: draft.item_key for draft in html("".join(rows), ItemsRule(css="li"), **fields)}
    random.Random(7).shuffle(rows)
    assert {d.fields["n"]: d.item_key for d in html("".join(rows), ItemsRule(css="li"), **fields)} == keys
    assert len(set(keys.values())) == 4
    first, second = sorted((keys["1"], keys["3"]))
    assert second == f"{first}-2", "these two have the same title and start"


def test_the_key_is_of_the_fields_that_the_rule_names() -> None:
    fields = {"title": css("b"), "sku": css("i")}
    rule = ItemsRule(css="li", key=("sku",))
    (before,) = html("<li><b>Lamp</b><i>7</i>", rule, **fields)
    (after,) = html("<li><b>Blue lamp</b><i>7</i>", rule, **fields)
    assert before.item_key == after.item_key


@pytest.mark.thorough
def test_a_page_of_very_many_items_says_that_some_were_left_out() -> None:
    found = html("<b>x</b>" * 10_001, ItemsRule(css="b"), n=css(":scope"))
    assert len(found) == 10_000
    assert found[0].flags == (TOO_MANY_ITEMS,)


@pytest.mark.thorough
def test_elements_that_lie_in_each_other_are_read_until_they_are_more_than_the_page_can_have() -> None:
    (nested,) = html("<div>word " * 2_000, all=css("div", many=True))
    assert nested.flags == (TOO_MUCH_TEXT,)
    values = nested.fields["all"]
    assert isinstance(values, list)
    assert 0 < sum(len(str(value)) for value in values) < 1_000_000
    (plain,) = html("<div>word</div>" * 2_000, all=css("div", many=True))
    assert plain.flags == ()


def test_json_is_read_by_paths() -> None:
    item = {
        "t": "A &amp; B",
        "p": "1.234,5 €",
        "by": [{"name": "Ann"}, {"name": "Bo"}],
        "n": {"deep": [1, 2]},
        "h": "<p>x</p>",
    }
    (draft,) = of_json(
        item,
        title=FieldRule(path="t"),
        price=FieldRule(path="p", type="number"),
        author=FieldRule(path="by"),
        names=FieldRule(path="by.*.name", many=True),
        first=FieldRule(path="by.0.name", transform=("upper",)),
        deep=FieldRule(path="n.deep", many=True, type="integer"),
        raw=FieldRule(path="n", type="json"),
        text=FieldRule(path="h"),
        gone=FieldRule(path="no", required=True),
    )
    assert (draft.title, draft.author, draft.problems) == ("A & B", "Ann, Bo", ("missing_gone",))
    assert draft.fields == {
        "price": 1234.5, "names": ["Ann", "Bo"], "first": "ANN", "deep": [1, 2], "raw": {"deep": [1, 2]}, "text": "x",
    }  # fmt: skip


@pytest.mark.parametrize("path", ["data.list", "data.list.*"])
def test_items_of_json(path: str) -> None:
    answer = {"data": {"list": [{"t": "A", "u": "/a"}, {"t": "B", "u": "/b"}, {}]}}
    found = of_json(answer, ItemsRule(path=path, kind="product"), title=FieldRule(path="t"), url=FieldRule(path="u"))
    assert [(d.kind, d.title, d.canonical_url) for d in found] == [
        ("product", "A", "https://api.example/a"),
        ("product", "B", "https://api.example/b"),
    ]


def test_rules_for_the_other_kind_of_page_do_not_count() -> None:
    assert html(x=FieldRule(path="a", required=True)) == ()
    assert of_json({"a": 1}, x=css("a", required=True)) == ()
    assert of_json({"a": 1}, ItemsRule(css="li"), x=FieldRule(path="a")) == ()
    assert extract_selected(Page(capture(), SHOP.encode(), ProcessRules())) == ()


@pytest.mark.parametrize("markup", ["", "<", "<!doctype html>", "\ufeff<p>", "<svg><p>x</svg>", "<table><b>x<tr>"])
def test_broken_pages_are_read_as_well_as_they_go(markup: str) -> None:
    assert len(html(markup, a=css("*"), b=FieldRule(xpath="//*"), c=FieldRule(xpath="//comment()"))) == 1


def test_no_entity_and_no_file_is_read() -> None:
    markup = '<!DOCTYPE html [<!ENTITY x SYSTEM "file:///etc/passwd">]><p>&x;</p>'
    (draft,) = html(markup, a=FieldRule(xpath="//p"))
    assert "root:" not in str(draft)
