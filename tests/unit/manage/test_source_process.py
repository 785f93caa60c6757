"""Mistakes in what a source says of its documents are told when it is written, each with its field and the way out."""

from __future__ import annotations

from typing import Any

import pytest

from tidemill.errors import Invalid
from tidemill.manage.source_mapping import read_mapping
from tidemill.models.source import FieldRule, ItemsRule, SourceSpec

SOURCE = {"name": "a", "start": ["https://a.example/"]}
API = {"name": "a", "kind": "json_api", "start": ["https://a.example/api"], "api": {"url": "link"}}


def source(process: dict[str, Any], base: dict[str, Any] = SOURCE) -> SourceSpec:
    return read_mapping({**base, "process": process})


def problems(process: dict[str, Any], base: dict[str, Any] = SOURCE) -> list[str]:
    try:
        source(process, base)
    except Invalid as error:
        return list(error.problems)
    return []


def field(**rule: Any) -> dict[str, Any]:
    return {"fields": {"x": rule}}


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("h1", FieldRule(css="h1")),
        ("h1::text", FieldRule(css="h1")),
        ("a.next::attr(href)", FieldRule(css="a.next", attribute="href")),
        ("a::attr( data-x )", FieldRule(css="a", attribute="data-x")),
        ("::attr(href)", FieldRule(css=":scope", attribute="href")),
        (":scope", FieldRule(css=":scope")),
    ],
)
def test_a_text_is_a_css_selector(text: str, rule: FieldRule) -> None:
    assert source({"fields": {"x": text}}).process.fields == {"x": rule}
    assert source({"fields": {"x": {"css": text}}}).process.fields == {"x": rule}


def test_a_text_of_an_api_is_a_path_to_what_is_kept_as_it_is() -> None:
    assert source({"fields": {"x": "data.0"}}, API).process.fields == {"x": FieldRule(path="data.0", type="json")}
    assert source({"fields": {"x": {"path": "data.0"}}}, API).process.fields == {"x": FieldRule(path="data.0")}


def test_items_have_defaults() -> None:
    made = source({"fields": {"title": "h2"}, "items": {"css": "li"}}).process.items
    assert made == ItemsRule(css="li", kind="item", key=(), only=True)
    assert source({"items": None}).process.items is None


@pytest.mark.parametrize(
    ("good", "bad", "problem"),
    [
        ({"kind": "product"}, {"kind": "A product"}, "process.kind is 'A product'; give a word of a-z"),
        (field(css="p"), field(), "process.fields.x has no selector; give one of css, xpath, path"),
        (field(css="p"), field(css="p", xpath="//p"), "process.fields.x has css and xpath; keep one"),
        (field(css="p:has(a)"), field(css="p:hsa(a)"), "process.fields.x.css is 'p:hsa(a)', which is no CSS selector"),
        (field(css="p"), field(css=""), "process.fields.x.css is '', which is no CSS selector"),
        (
            field(css="a", attribute="href"),
            field(css="a::attr(href)", attribute="src"),
            "process.fields.x.css is 'a::attr(href)', which is no CSS selector; give the attribute once",
        ),
        (field(xpath="//a[1]/@href"), field(xpath="//a["), "process.fields.x.xpath is '//a[', which is no XPath ("),
        (
            field(xpath="//a[contains(., 'b(c)')]"),
            field(xpath="//a[matches(., 'b')]"),
            "process.fields.x.xpath is \"//a[matches(., 'b')]\", which calls matches(), a function that XPath 1.0",
        ),
        (field(xpath="//g"), field(xpath="//svg:g"), "process.fields.x.xpath is '//svg:g', which is no XPath (Undef"),
        (field(xpath="//a[re:test(@b, '^c')]"), field(xpath=""), "process.fields.x.xpath is '', which is no XPath"),
        (field(path="a.*.0"), field(path="a..b"), "process.fields.x.path is 'a..b'; give names and indexes"),
        (field(css="a", attribute="data-x"), field(css="a", attribute="a b"), "process.fields.x.attribute is 'a b'"),
        (field(path="a"), field(path="a", attribute="b"), "process.fields.x.attribute is given with a path"),
        (field(css="a", type="date"), field(css="a", type="Date"), "process.fields.x.type is 'Date'; use one of text"),
        (
            field(css="a", transform=["regex:(\\d+)"]),
            field(css="a", transform=["strip", "regex:("]),
            "process.fields.x.transform is 'regex:(', which is no regular expression",
        ),
        (
            field(css="a", type="integer", default=3),
            field(css="a", type="integer", default="three"),
            "process.fields.x.default is 'three', which is no integer",
        ),
        ({"fields": {"x": "p"}}, {"fields": {" ": "p"}}, "process.fields holds the empty name ' '"),
        (
            {"fields": {"x": "p"}, "items": {"css": "li"}},
            {"items": {"css": "li"}},
            "process.items is given without process.fields",
        ),
        (
            {"items": {"path": "data.list"}},
            {"items": {}},
            "process.items has no selector; give one of css, xpath, path",
        ),
        (
            {"items": {"path": "*", "kind": "event"}},
            {"items": {"path": "*", "kind": "An event"}},
            "process.items.kind is 'An event'; give a word",
        ),
        (
            {"fields": {"x": "p"}, "items": {"css": "li", "key": ["x"]}},
            {"fields": {"x": "p"}, "items": {"css": "li", "key": ["y"]}},
            "process.items.key holds 'y', which is no field; use x",
        ),
        (
            {"fields": {"x": {"xpath": "a"}}, "items": {"css": "li"}},
            {"fields": {"x": {"path": "a"}}, "items": {"css": "li"}},
            "process.fields.x.path never finds anything in items by css; give css or xpath",
        ),
        (
            {"fields": {"x": {"path": "a"}}, "items": {"path": "list"}},
            {"fields": {"x": "a"}, "items": {"path": "list"}},
            "process.fields.x.css never finds anything in items by path; give a path",
        ),
        ({"time_zone": "America/Lima"}, {"time_zone": "../x"}, "process.time_zone is '../x', which is no zone"),
        ({"prefer": {"title": ["h1"]}}, {"prefer": {"title": []}}, "process.prefer.title is empty"),
        ({"prefer": {"title": ["h1"]}}, {"prefer": {"title": ["h 1"]}}, "process.prefer.title holds 'h 1'"),
        ({"max_words": 5}, {"max_words": 4}, "process has min_words 5 and max_words 4; give them so that"),
        ({"min_words": 0, "max_words": 1}, {"min_words": 0, "max_words": 0}, "process.max_words is 0; give 1 or more"),
        ({"checks": {"x": {"minimum": 1}}}, {"checks": {"x": {}}}, "process.checks.x checks nothing"),
        ({"checks": {"x": {"type": "url"}}}, {"checks": {"x": {"type": "uri"}}}, "process.checks.x.type is 'uri'; use"),
        (
            {"checks": {"x": {"minimum": 1, "maximum": 1}}},
            {"checks": {"x": {"minimum": 2, "maximum": 1}}},
            "process.checks.x has minimum 2 and maximum 1; give them in order",
        ),
        (
            {"checks": {"x": {"max_length": 0}}},
            {"checks": {"x": {"max_length": -1}}},
            "process.checks.x.max_length is -1; give 0 or more",
        ),
        ({"checks": {"x": {"pattern": "a+"}}}, {"checks": {"x": {"pattern": "+"}}}, "process.checks.x.pattern is '+'"),
        (
            {"checks": {"x": {"pattern": r"\p{L}+"}}},
            {"checks": {"x": {"pattern": "(" * 5000 + ")" * 5000}}},
            "process.checks.x.pattern is '((((",
        ),
        (
            {"schema": {"properties": {"title": {"type": "string"}}}},
            {"schema": {"properties": {"title": {"type": "txt"}}}},
            "process.schema.properties.title.type is no JSON schema: 'txt'",
        ),
        (
            {"schema": {"$ref": "#/$defs/a", "$defs": {"a": {}}}},
            {"schema": {"items": [], "$ref": "https://a.example/schema"}},
            "process.schema",
        ),
        (
            {"schema": {"$ref": "#/$defs/a", "$defs": {"a": {}}}},
            {"schema": {"not": {"$ref": "https://a.example/schema"}}},
            "process.schema.not refers to 'https://a.example/schema'; nothing is fetched for a check",
        ),
        (
            {"schema": {"properties": {"sku": {"pattern": r"\p{Lu}+"}, "pattern": {"const": {"pattern": "("}}}}},
            {"schema": {"properties": {"sku": {"pattern": "[A-Z"}}}},
            "process.schema.properties.sku has the pattern '[A-Z', which is no regular expression (unterminated",
        ),
        (
            {"schema": {"anyOf": [True, {"patternProperties": {"^x": False}}]}},
            {"schema": {"anyOf": [True, {"patternProperties": {"(": False}}]}},
            "process.schema.anyOf.1 has the pattern '(', which is no regular expression (missing )",
        ),
        (
            {"schema": {"$ref": "#me", "$defs": {"a": {"$anchor": "me"}}}},
            {"schema": {"properties": {"a": {"$ref": "#/$defs/b"}}, "$defs": {"a": {}}}},
            "process.schema.properties.a refers to '#/$defs/b'; there is no such place in the schema; correct it",
        ),
        (
            {"schema": {"enum": [{"$ref": "https://a.example/"}]}},
            {"schema": {"$schema": "http://json-schema.org/draft-07/schema#", "items": [{}]}},
            "process.schema.items is no JSON schema: [{}] is not of type 'object', 'boolean'",
        ),
        (
            {"llm": {"fields": {"author": "who wrote it", "price": "what it costs"}}},
            {"llm": {"fields": {"content": "the text"}}},
            "process.llm.fields.content is never asked for; use one of title, author, published_at",
        ),
        (
            {"llm": {"schema": {"properties": {"a": {"pattern": "a+"}}}}},
            {"llm": {"schema": {"properties": {"a": {"pattern": "+"}}}}},
            "process.llm.schema.properties.a.pattern is no JSON schema: '+' is not a 'regex'",
        ),
        ({"near_duplicates": None}, {"near_duplicates": 0.4}, "process.near_duplicates is 0.4; give 0.5 or more"),
        ({"near_duplicates": 1}, {"near_duplicates": 1.1}, "process.near_duplicates is 1.1; give 1 or less"),
        ({"llm": {"fields": {"a": "b"}}}, {"llm": {"fields": {"a": " "}}}, "process.llm.fields.a is ' '; say in words"),
        ({"llm": {"schema": {"type": "object"}}}, {"llm": {"schema": {"type": 7}}}, "process.llm.schema.type is no"),
        ({"llm": {"max_pages": 0}}, {"llm": {"max_pages": -1}}, "process.llm.max_pages is -1; give 0 or more"),
    ],
)
def test_a_rule_and_what_breaks_it(good: dict[str, Any], bad: dict[str, Any], problem: str) -> None:
    assert problems(good) == []
    assert any(each.startswith(problem) for each in problems(bad)), problems(bad)


def test_selectors_of_html_are_for_sources_that_read_html() -> None:
    assert problems({"fields": {"x": {"css": "p"}}}, API) == [
        "process.fields.x.css is for HTML, but kind is 'json_api' without api.follow; give a path"
    ]
    assert problems({"fields": {"x": {"css": "p"}}}, {**API, "api": {"url": "link", "follow": True}}) == []


@pytest.mark.parametrize("place", ["fields", "items", "checks", "llm", "schema", "prefer"])
def test_a_part_is_a_mapping(place: str) -> None:
    assert any(each.startswith(f"process.{place} is 7") for each in problems({place: 7}))


def test_every_fault_is_told_at_once() -> None:
    found = problems({"fields": {"a": "[", "b": {"xpath": "["}}, "time_zone": "x", "checks": {"c": {"pattern": "("}}})
    assert len(found) == 4
