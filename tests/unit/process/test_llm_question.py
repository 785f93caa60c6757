"""What a language model is asked: only what a document lacks, by a key of all that the answer depends on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tidemill.models.document import Draft, Processed
from tidemill.models.source import LanguageModelRules
from tidemill.process.llm.question import FILLABLE, RESERVED, Question, about, candidates, estimate_tokens

RULES = LanguageModelRules({"price": "the price", "author": "who wrote it"})
LAMP = Draft(kind="article", title="A lamp", content="It costs forty euros.")


def asked(draft: Draft = LAMP, rules: LanguageModelRules = RULES, max_chars: int = 1000) -> Question:
    question = about(draft, rules, max_chars)
    assert question is not None
    return question


def test_only_what_is_lacking_is_asked() -> None:
    assert set(asked().fields) == {"price", "author"}
    assert set(asked(replace(LAMP, author="Ada")).fields) == {"price"}
    assert set(asked(replace(LAMP, fields={"price": ""})).fields) == {"price", "author"}
    assert about(replace(LAMP, author="Ada", fields={"price": 0}), RULES, 1000) is None


def test_a_document_without_text_is_not_asked_about() -> None:
    assert about(Draft(kind="event", title="A concert"), RULES, 1000) is None


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_what_we_compute_ourselves_is_never_asked(name: str) -> None:
    assert about(LAMP, LanguageModelRules({name: "whatever"}), 1000) is None


def test_every_value_of_a_document_is_either_fillable_or_reserved() -> None:
    assert set(Draft.__slots__) == RESERVED | set(FILLABLE)


def test_the_schema_is_our_own_unless_the_source_has_one() -> None:
    assert asked().is_strict
    assert asked().schema["required"] == ["price", "author"]
    schema = {"type": "object"}
    own = asked(rules=replace(RULES, schema=schema))
    assert (own.schema, own.is_strict) == (schema, False)


def test_the_text_is_cut_and_has_a_message_to_itself() -> None:
    system, user = asked(replace(LAMP, content="x" * 5000), max_chars=200).messages()
    assert user == {"role": "user", "content": "A lamp\n\n" + "x" * 192}
    assert "x" * 10 not in system["content"]


def test_the_key_changes_with_all_that_the_answer_depends_on() -> None:
    other_words = replace(RULES, fields={**RULES.fields, "price": "the price with its currency"})
    keys = [
        asked().key("a"),
        asked().key("b"),
        asked(replace(LAMP, content="It costs fifty euros.")).key("a"),
        asked(replace(LAMP, title="The lamp")).key("a"),
        asked(replace(LAMP, author="Ada")).key("a"),
        asked(rules=other_words).key("a"),
        asked(rules=replace(RULES, schema={"type": "object"})).key("a"),
    ]
    assert len(set(keys)) == len(keys)
    assert all(len(key) == 64 for key in keys)
    assert asked(replace(LAMP, flags=("whatever",), word_count=9)).key("a") == keys[0]


def test_lone_surrogates_do_not_hinder_the_request() -> None:
    question = asked(replace(LAMP, content="broken \ud800 text"))
    assert "\ufffd" in question.messages()[1]["content"]
    assert question.estimated_tokens() > 0


@pytest.mark.parametrize(
    ("problems", "is_asked"),
    [((), True), (("missing_price",), True), (("missing_price", "empty_content"), False), (("missing_rating",), False)],
)
def test_an_invalid_document_is_asked_about_only_if_that_can_cure_it(problems: tuple[str, ...], is_asked: bool) -> None:
    draft = replace(LAMP, problems=problems)
    assert candidates(Processed("c", (draft,)), RULES) == ((draft,) if is_asked else ())


def test_the_page_s_own_document_is_asked_about_or_the_only_one() -> None:
    items = tuple(replace(LAMP, item_key=key) for key in ("a", "b"))
    assert candidates(Processed("c", (*items, LAMP)), RULES) == (LAMP,)
    assert candidates(Processed("c", items[:1]), RULES) == items[:1]
    assert candidates(Processed("c", items), RULES) == ()


def test_four_bytes_are_a_token() -> None:
    assert [estimate_tokens(text) for text in ("", "a", "abcd", "abcde", "漢字漢字")] == [0, 1, 1, 2, 3]
