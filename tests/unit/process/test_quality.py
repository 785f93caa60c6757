"""What validation and enrichment make of a draft: checks, schemas, dates, keywords; and text that runs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from selectolax.lexbor import LexborHTMLParser
from tests.unit.process.pages import PROSE, capture

from tidemill.markup.safe_html import safe_html
from tidemill.models.document import Draft, Json
from tidemill.models.source import CheckRule, ProcessRules
from tidemill.process.steps.enrich import enrich
from tidemill.process.steps.markdown import make_safe
from tidemill.process.steps.validate import validate

CAPTURE = capture()
DRAFT = Draft(kind="product", title="A mill", content="one two three four five six", word_count=6)


def problems(rules: ProcessRules, fields: Mapping[str, Json] | None = None) -> tuple[str, ...]:
    draft = Draft(kind="product", title="A mill", content=DRAFT.content, word_count=6, fields=fields or {})
    return validate(draft, rules, CAPTURE).problems


@pytest.mark.parametrize(
    ("check", "value", "problem"),
    [
        (CheckRule(type="number"), 3.5, None),
        (CheckRule(type="number"), "three", "bad_type:x"),
        (CheckRule(type="integer"), 3.5, "bad_type:x"),
        (CheckRule(minimum=1), 0, "too_small:x"),
        (CheckRule(maximum=1), 2, "too_large:x"),
        (CheckRule(min_length=3), "ab", "too_short:x"),
        (CheckRule(max_length=1), "ab", "too_long:x"),
        (CheckRule(max_length=1), ["a", "b"], "too_long:x"),
        (CheckRule(pattern="[A-Z]{2}-[0-9]+"), "AB-12", None),
        (CheckRule(pattern="[A-Z]{2}-[0-9]+"), "AB-12x", "bad_pattern:x"),
        (CheckRule(one_of=("new", "used")), "old", "not_one_of:x"),
    ],
)
def test_a_check_names_what_is_wrong_with_which_value(check: CheckRule, value: Json, problem: str | None) -> None:
    assert problems(ProcessRules(checks={"x": check}), {"x": value}) == ((problem,) if problem else ())


@pytest.mark.thorough
def test_a_pattern_that_would_take_for_ever_ends() -> None:
    hostile = ProcessRules(checks={"x": CheckRule(pattern="(a+)+b")})
    assert problems(hostile, {"x": "a" * 50_000})


def test_every_problem_is_named_and_none_twice() -> None:
    rules = ProcessRules(
        min_words=10, required=("price",), languages=("en",), checks={"title": CheckRule(max_length=2)}
    )
    found = problems(rules)
    assert set(found) == {"empty_content", "unknown_language", "missing_price", "too_long:title"}
    draft = Draft(kind="product", title="A mill", content=DRAFT.content, word_count=6)
    once = validate(draft, rules, CAPTURE)
    assert validate(once, rules, CAPTURE) == once


def test_a_schema_of_the_source_holds_for_the_document_as_it_is_exported() -> None:
    schema: dict[str, Any] = {"type": "object", "required": ["title"], "properties": {"title": {"maxLength": 3}}}
    assert any(problem.startswith("schema:") for problem in problems(ProcessRules(schema=schema)))
    assert problems(ProcessRules(schema={"type": "object"})) == ()


def test_too_many_words() -> None:
    assert problems(ProcessRules(max_words=5)) == ("too_many_words",)


def test_an_impossible_date_is_dropped_and_kept_in_view() -> None:
    draft = Draft(
        kind="article", title="x", content=PROSE, word_count=100, published_at=datetime(2031, 1, 1, tzinfo=UTC)
    )
    checked = validate(draft, ProcessRules(), CAPTURE)
    assert checked.published_at is None
    assert "implausible_date" in checked.flags
    assert any(entry["field"] == "published_at" for entry in checked.disagreements)
    assert validate(draft, ProcessRules(required=("published_at",)), CAPTURE).problems == ("missing_published_at",)


def test_an_event_does_not_end_before_it_starts() -> None:
    fields: dict[str, Json] = {"start": "2026-06-02T10:00:00+00:00", "end": "2026-06-01T10:00:00+00:00"}
    checked = validate(Draft(kind="event", title="x", fields=fields), ProcessRules(), CAPTURE)
    assert "end" not in checked.fields
    assert "end_before_start" in checked.flags


def test_keywords_come_from_the_text() -> None:
    found = enrich(Draft(kind="article", title="The tide mill", content=PROSE), ProcessRules(), CAPTURE).keywords
    assert 0 < len(found) <= 10
    folded = " ".join(PROSE.casefold().split())
    assert all(word.casefold() in folded for word in found)


def test_a_language_without_stop_words_has_no_keywords() -> None:
    text = "Η παλίρροια γυρίζει ξανά τον μύλο στο παλιό λιμάνι μετά από ενενήντα χρόνια σιωπής. " * 5
    assert enrich(Draft(kind="article", content=text), ProcessRules(), CAPTURE).keywords == ()


def test_without_spacy_a_source_that_wants_entities_is_told() -> None:
    draft = enrich(Draft(kind="article", content=PROSE), ProcessRules(entities=True), CAPTURE)
    assert draft.entities == ()
    assert draft.flags == ("entities_unavailable",)


VECTORS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[a](javascript:alert(1))",
    "[a](JaVa&#115;cript:alert(1))",
    "[a](java\nscript:alert(1))",
    "[a](\tjavascript:alert(1))",
    "[a]( <javascript:alert(1)> )",
    "![a](data:text/html;base64,PHNjcmlwdD4=)",
    "<javascript:alert(1)>",
    "[a][b]\n\n[b]: javascript:alert(1)",
    "[b]: <javascript:alert(1)>\n\n[b]",
    "[a[b](javascript:alert(1))](x)",
    "<!-- --><svg onload=alert(1)>",
    "> <iframe src=javascript:alert(1)>",
    "- ```\n<script>alert(1)</script>",
    "`a\n\n<script>alert(1)</script>`",
    "<a href='javascript:alert(1)'>x</a>",
    "[a](vbscript:x)",
]


def assert_harmless(markup: str) -> None:
    tree = LexborHTMLParser(markup)
    assert not tree.css("script, iframe, svg, object, embed, style, form")
    for node in tree.css("*"):
        for name, value in node.attributes.items():
            assert not name.startswith("on")
            scheme = "".join((value or "").split()).lower()
            assert name not in {"href", "src"} or not scheme.startswith(("javascript:", "data:", "vbscript:"))


@pytest.mark.parametrize("vector", VECTORS)
def test_nothing_that_runs_survives_in_markdown(vector: str) -> None:
    for preset in ("commonmark", "js-default"):
        assert_harmless(MarkdownIt(preset, {"html": True, "linkify": False}).render(make_safe(vector)))


@given(st.text(alphabet="<>[]()`\n \t:!-javscript/#&;=\"'*_~|\\x", max_size=80))
def test_no_markdown_becomes_markup_that_runs(text: str) -> None:
    assert_harmless(MarkdownIt("commonmark", {"html": True}).render(make_safe(text)))


@pytest.mark.parametrize("vector", VECTORS)
def test_nothing_that_runs_survives_in_html(vector: str) -> None:
    assert_harmless(safe_html(vector))


def test_safe_html_keeps_what_is_harmless() -> None:
    kept = safe_html('<h2>A</h2><p>b <a href="https://x.example/">c</a></p><ul><li>d</li></ul>')
    assert "<h2>A</h2>" in kept
    assert 'href="https://x.example/"' in kept
    assert "<li>d</li>" in kept
