"""What is believed of a language model's answer: what satisfies the schema, was asked for, and is lacking."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.errors import Permanent
from tidemill.models.document import Draft, Json
from tidemill.models.source import LanguageModelRules
from tidemill.process.llm.answer import check, check_schema, fill, flagged
from tidemill.process.llm.question import FILLABLE, Question, about, lacks

EMPTY = Draft(kind="article", content="Some words.")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
NAMES = st.sampled_from((*FILLABLE, "price", "rating"))


def question(*names: str, **schema: object) -> Question:
    asked = about(EMPTY, LanguageModelRules(dict.fromkeys(names, "in words"), schema=schema), 1000)
    assert asked is not None
    return asked


def put(draft: Draft = EMPTY, **values: Json) -> Draft:
    return fill(draft, values, model="m", url="http://a.example/b/c", zone=ZoneInfo("Europe/Madrid"))


@pytest.mark.parametrize(
    "text",
    [
        '{"price": "4"}',
        ' {"price": "4"}\n',
        '```json\n{"price": "4"}\n```',
        '```\n{"price": "4"}```',
        '\n```JSON \n\n{"price": "4"}\n \n```\n',
    ],
)
def test_an_object_is_read_also_if_it_is_fenced(text: str) -> None:
    assert check(text, question("price")) == {"price": "4"}


@given(st.text() | st.dictionaries(st.sampled_from(("price", "kind")), JSON).map(lambda given: json.dumps(given)))
def test_any_text_is_believed_or_refused_and_nothing_else(text: str) -> None:
    reason, values = None, {}
    try:
        values = check(text, question("price"))
    except Permanent as error:
        reason = error.reason
    assert reason in (None, "bad_answer", "schema")
    assert set(values) <= {"price"}


def test_what_was_not_asked_for_is_left_out_even_if_the_schema_allows_it() -> None:
    assert check('{"price": 4, "kind": "event"}', question("price", type="object")) == {"price": 4}


@pytest.mark.parametrize("schema", [{"type": "nonsense"}, {"properties": 3}, {"pattern": "("}])
def test_a_schema_that_is_none_is_found_before_anything_is_asked(schema: dict[str, object]) -> None:
    with pytest.raises(Permanent, match=r"llm\.schema") as caught:
        check_schema(question("price", **schema))
    assert caught.value.reason == "bad_schema"


def test_values_become_what_a_document_has() -> None:
    filled = put(
        title=" A  lamp\n",
        author=["Ada Byron", "Mary Shelley"],
        published_at="2026-07-01T12:00:00",
        modified_at="2026-07-02",
        image_url="/lamp.png",
        tags="brass, light; brass",
        site_name="The shop",
        price={"amount": 40, "currency": "EUR"},
    )
    assert (filled.title, filled.author, filled.site_name) == ("A lamp", "Ada Byron, Mary Shelley", "The shop")
    assert filled.published_at == datetime(2026, 7, 1, 10, tzinfo=UTC), "written without a zone: that of the source"
    assert filled.modified_at == datetime(2026, 7, 2, tzinfo=UTC)
    assert filled.image_url == "http://a.example/lamp.png"
    assert filled.tags == ("brass", "light")
    assert filled.fields == {"price": {"amount": 40, "currency": "EUR"}}
    assert filled.provenance["tags"] == "llm@m tags"


@pytest.mark.parametrize(
    "values",
    [{"published_at": "soon"}, {"image_url": "javascript:alert(1)"}, {"title": "  "}, {"tags": []}, {"price": ""}],
)
def test_what_cannot_be_read_fills_nothing(values: dict[str, Json]) -> None:
    assert put(**values) is EMPTY


@pytest.mark.thorough
@given(st.dictionaries(NAMES, JSON, max_size=5), st.dictionaries(NAMES, JSON, max_size=5))
def test_filling_replaces_nothing_and_says_what_it_added(first: dict[str, Json], second: dict[str, Json]) -> None:
    once = put(**first)
    twice = put(once, **second)
    for name in (*FILLABLE, "price", "rating"):
        held = getattr(once, name) if name in FILLABLE else once.fields.get(name)
        now = getattr(twice, name) if name in FILLABLE else twice.fields.get(name)
        assert lacks(once, name) or now == held
        assert (name in twice.provenance) == (not lacks(twice, name))
    assert put(once, **first) == once


def test_a_cured_document_no_longer_lacks_what_it_got() -> None:
    lacking = replace(EMPTY, problems=("missing_price", "missing_rating"))
    assert put(lacking, price="40 EUR").problems == ("missing_rating",)


def test_only_the_last_failure_is_flagged() -> None:
    assert flagged(flagged(replace(EMPTY, flags=("truncated",)), "timeout"), "budget").flags == (
        "truncated",
        "llm_failed:budget",
    )
