"""How validation treats rules that are wrong, values that are odd and reasons that others gave."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.process.pages import capture

from tidemill.models.document import Draft, Json
from tidemill.models.source import CheckRule, ProcessRules
from tidemill.process.steps.schema import find_fault
from tidemill.process.steps.validate import validate

CAPTURE = capture()


def problems(rules: ProcessRules, **given_values: Any) -> tuple[str, ...]:
    return validate(Draft(kind="product", word_count=9, **given_values), rules, CAPTURE).problems


def of_field(rule: CheckRule, value: Json) -> tuple[str, ...]:
    return problems(ProcessRules(checks={"x": rule}), fields={"x": value})


@pytest.mark.parametrize(
    ("rule", "value", "expected"),
    [
        (CheckRule(minimum=1), "2.5", ()),
        (CheckRule(minimum=1, type="number"), "2.5", ("bad_type:x",)),
        (CheckRule(minimum=1), "cheap", ("bad_type:x",)),
        (CheckRule(minimum=1), float("nan"), ("bad_type:x",)),
        (CheckRule(type="integer"), True, ("bad_type:x",)),
        (CheckRule(type="integer"), 3.0, ()),
        (CheckRule(type="date"), "2026-05-01", ()),
        (CheckRule(type="datetime"), "2026-05-01", ("bad_type:x",)),
        (CheckRule(type="datetime"), "2026-05-01T10:00:00+02:00", ()),
        (CheckRule(type="url"), "https://mill.example/a", ()),
        (CheckRule(type="url"), "javascript:alert(1)", ("bad_type:x",)),
        (CheckRule(type="json"), {"a": [1]}, ()),
        (CheckRule(type="text"), ["a", 1], ("bad_type:x",)),
        (CheckRule(min_length=2, one_of=("a",)), ["a"], ("too_short:x",)),
        (CheckRule(one_of=("1",)), 1, ()),
        (CheckRule(minimum=5, max_length=1), 11, ("too_long:x",)),
        (CheckRule(minimum=5), "", ()),
        (CheckRule(minimum=5), None, ()),
        (CheckRule(pattern="("), "a", ("bad_rule:checks.x.pattern",)),
    ],
)
def test_checks(rule: CheckRule, value: Json, expected: tuple[str, ...]) -> None:
    assert of_field(rule, value) == expected


def test_a_name_with_dots_leads_into_a_value() -> None:
    rules = ProcessRules(required=("offer.currency",), checks={"offer.prices.1": CheckRule(maximum=5)})
    fields: Mapping[str, Json] = {"offer": {"prices": [1, 7]}}
    assert problems(rules, fields=fields) == ("missing_offer.currency", "too_large:offer.prices.1")


def test_reasons_of_extractors_stay_first_until_their_value_is_there() -> None:
    rules = ProcessRules(required=("sku",), checks={"price": CheckRule(minimum=1)})
    draft = Draft(kind="product", word_count=9, problems=("bad_type:price", "missing_price", "scanned_pdf"))
    judged = validate(draft, rules, CAPTURE)
    assert judged.problems == ("bad_type:price", "scanned_pdf", "missing_sku", "missing_price")
    assert validate(judged, rules, CAPTURE) == judged
    filled = validate(
        Draft(kind="product", word_count=9, fields={"price": 0}, problems=judged.problems), rules, CAPTURE
    )
    assert filled.problems == ("scanned_pdf", "missing_sku", "too_small:price")


@pytest.mark.parametrize(
    ("draft", "rules", "expected"),
    [
        (Draft(kind="product", fields={"price": 1}), ProcessRules(), ()),
        (Draft(kind="product"), ProcessRules(), ("empty_content",)),
        (Draft(kind="book", item_key="1", fields={"price": 1}), ProcessRules(kind="book"), ()),
        (Draft(kind="book", fields={"price": 1}), ProcessRules(kind="book"), ("empty_content",)),
        (Draft(kind="book", fields={"price": 1}), ProcessRules(kind="book", min_words=0), ()),
        (Draft(kind="pdf", fields={"pages": 3}), ProcessRules(min_words=0), ("empty_content",)),
    ],
)
def test_who_needs_a_text(draft: Draft, rules: ProcessRules, expected: tuple[str, ...]) -> None:
    assert validate(draft, rules, CAPTURE).problems == expected


def test_the_next_plausible_date_takes_the_place_of_an_impossible_one() -> None:
    draft = Draft(
        kind="event",
        published_at=datetime(1970, 1, 1, tzinfo=UTC),
        provenance={"published_at": "jsonld@1 datePublished"},
        disagreements=(
            {"field": "published_at", "value": "2060-01-01T00:00:00+00:00", "origin": "meta@1 date"},
            {"field": "published_at", "value": "2025-03-04T00:00:00+00:00", "origin": "html@1 time"},
        ),
    )
    judged = validate(draft, ProcessRules(required=("published_at",)), CAPTURE)
    assert judged.published_at == datetime(2025, 3, 4, tzinfo=UTC)
    assert judged.provenance["published_at"] == "html@1 time"
    assert judged.disagreements[-1] == {
        "field": "published_at",
        "value": "1970-01-01T00:00:00+00:00",
        "origin": "validate@1 implausible (jsonld@1 datePublished)",
    }
    assert judged.problems == ()
    assert validate(judged, ProcessRules(required=("published_at",)), CAPTURE) == judged


def test_a_checked_date_that_had_to_be_dropped_is_missing() -> None:
    draft = Draft(kind="event", modified_at=datetime(2031, 1, 1, tzinfo=UTC))
    rules = ProcessRules(checks={"modified_at": CheckRule(type="datetime")})
    judged = validate(draft, rules, CAPTURE)
    assert judged.problems == ("missing_modified_at",)
    assert validate(judged, rules, CAPTURE) == judged


@pytest.mark.parametrize(
    ("start", "end", "is_kept"),
    [
        ("2026-06-02T10:00:00+00:00", "2026-06-02T11:00:00+02:00", False),
        ("2026-06-02T10:00:00+00:00", "2026-06-02", True),
        ("2026-06-02", "2026-06-01", False),
        ("2026-06-02T10:00:00", "2026-06-02T09:00:00+00:00", True),
        ("2026-06-02T10:00:00+00:00", "soon", True),
    ],
)
def test_only_an_end_that_is_surely_before_the_start_is_dropped(start: str, end: str, is_kept: bool) -> None:
    judged = validate(Draft(kind="event", fields={"start": start, "end": end}), ProcessRules(), CAPTURE)
    assert ("end" in judged.fields) == is_kept
    assert validate(judged, ProcessRules(), CAPTURE) == judged


def test_places_of_a_schema_are_pointers_to_what_is_wrong_or_absent() -> None:
    schema = {
        "required": ["sku", "title"],
        "properties": {
            "price": {"type": "number"},
            "fields": {"properties": {"a/b": {"maxLength": 1}}},
            "url": {"pattern": "^https://mill"},
            "tags": {"items": {"minLength": 2}},
            "fetched_at": {"format": "date-time"},
            "published_at": {"type": "string"},
        },
    }
    fields: Mapping[str, Json] = {"price": "3", "a/b": "xx"}
    expected = ("schema:/fields/a~1b", "schema:/price", "schema:/published_at", "schema:/sku", "schema:/tags/1")
    assert problems(ProcessRules(schema=schema), fields=fields, tags=("ab", "c")) == expected


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nonsense"},
        {"$ref": "https://schemas.example/a.json"},
        {"$ref": "#/$defs/absent"},
        {"$ref": "#"},
        {"properties": {"url": {"pattern": "("}}},
    ],
)
def test_a_schema_that_cannot_be_used_is_told_and_nothing_is_fetched(schema: dict[str, Any]) -> None:
    assert problems(ProcessRules(schema=schema)) == ("bad_rule:schema",)


def test_faults_of_schemas_have_their_place() -> None:
    assert find_fault({"properties": {"a": {"type": "string"}}}) is None
    assert "/properties/a" in (find_fault({"properties": {"a": {"type": "nonsense"}}}) or "")


@given(
    fields=st.dictionaries(st.sampled_from(["price", "sku", "end", "start"]), st.none() | st.integers() | st.text()),
    found=st.lists(st.sampled_from(["missing_price", "bad_type:sku", "scanned_pdf", "missing_title"]), max_size=3),
)
def test_judging_twice_is_judging_once(fields: dict[str, Json], found: list[str]) -> None:
    rules = ProcessRules(
        required=("sku", "title"),
        checks={"sku": CheckRule(type="integer"), "price": CheckRule(minimum=2), "title": CheckRule(min_length=1)},
        schema={"required": ["price"]},
    )
    once = validate(Draft(kind="event", fields=fields, problems=tuple(found)), rules, CAPTURE)
    assert validate(once, rules, CAPTURE) == once
