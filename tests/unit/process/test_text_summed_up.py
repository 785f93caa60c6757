"""Sentences, summaries, keywords, languages: what can be told of a text by reading it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.process.pages import PROSE, capture

from tidemill.models.document import Draft
from tidemill.models.source import ProcessRules
from tidemill.process.steps.enrich import enrich
from tidemill.process.steps.keywords import find_keywords
from tidemill.process.steps.language import recognize
from tidemill.process.steps.sentences import split_sentences
from tidemill.process.steps.stopwords import STOPWORDS
from tidemill.process.steps.summary import MAX_SUMMARY_CHARS, summarize


@pytest.mark.parametrize(
    ("text", "language", "sentences"),
    [
        ("One. Two! Three? Four", "en", ["One.", "Two!", "Three?", "Four"]),
        ("Dr. Smith met Mr. J. R. Hale. He left.", "en", ["Dr. Smith met Mr. J. R. Hale.", "He left."]),
        ("It cost 3.5 million. Nobody paid.", "en", ["It cost 3.5 million.", "Nobody paid."]),
        ("Bring flour, salt, etc. and water.", "en", ["Bring flour, salt, etc. and water."]),
        ('"Stop!" he said. "Why?" she asked.', "en", ['"Stop!" he said.', '"Why?" she asked.']),
        ("La Sra. García llegó. ¿Quién más?", "es", ["La Sra. García llegó.", "¿Quién más?"]),
        ("Am 3. Oktober war es so. Dann nicht.", "de", ["Am 3. Oktober war es so.", "Dann nicht."]),
        ("潮汐磨坊转动了。人们来看。", "zh", ["潮汐磨坊转动了。", "人们来看。"]),
        ("A heading\nA sentence.", "en", ["A heading", "A sentence."]),
        ("", "en", []),
    ],
)
def test_sentences(text: str, language: str, sentences: list[str]) -> None:
    assert split_sentences(text, language) == sentences


@given(st.text(alphabet="Ab .!?\n\"'。", max_size=80))
def test_no_letter_is_lost_between_sentences(text: str) -> None:
    assert "".join("".join(split_sentences(text)).split()) == "".join(text.split())


def test_a_summary_is_whole_sentences_of_the_text_in_their_order() -> None:
    sentences = split_sentences(PROSE, "en")
    summary = summarize(sentences, "The tide mill turns again", "en")
    assert summary is not None
    assert len(summary) <= MAX_SUMMARY_CHARS
    chosen = [sentence for sentence in sentences if sentence in summary]
    assert summary == " ".join(chosen)
    assert "tide mill" in summary


def test_a_summary_passes_over_what_the_text_is_not_about() -> None:
    text = (
        "Subscribe today and never miss another weekly letter from us again.\n"
        "The old tide mill in the harbour was repaired by volunteers last winter. "
        "The mill grinds flour when the tide in the harbour falls."
    )
    summary = summarize(split_sentences(text, "en"), "Tide mill repaired", "en")
    assert summary is not None
    assert "The old tide mill in the harbour was repaired by volunteers last winter." in summary


def test_a_text_without_sentences_is_summed_up_by_its_beginning() -> None:
    summary = summarize(["word " * 100], "", "en")
    assert summary is not None
    assert summary.endswith("word…")
    assert summarize([], "", "en") is None


@given(st.text(max_size=400), st.sampled_from([None, *STOPWORDS]))
def test_a_summary_is_never_too_long_and_keywords_are_never_too_many(text: str, language: str | None) -> None:
    assert len(summarize(split_sentences(text, language), "", language) or "") <= MAX_SUMMARY_CHARS
    assert len(find_keywords(text, "", language)) <= 10


SPANISH = (
    "El molino de mareas de Bilbao vuelve a girar. El molino de mareas fue restaurado por voluntarios del barrio y "
    "ahora muele trigo otra vez. Los voluntarios enseñan el molino a los visitantes cada domingo, y los visitantes "
    "compran harina de trigo en la tienda del puerto."
)


@pytest.mark.parametrize(
    ("text", "title", "language", "expected"),
    [
        (PROSE, "The tide mill turns again", "en", {"tide mill"}),
        (SPANISH, "El molino de mareas de Bilbao", "es", {"molino", "voluntarios", "visitantes", "trigo"}),
    ],
)
def test_keywords_are_what_a_text_repeats(text: str, title: str, language: str, expected: set[str]) -> None:
    found = find_keywords(text, title, language)
    assert expected <= set(found)
    assert not STOPWORDS[language].intersection(word.lower() for word in found)


def test_a_name_keeps_its_capitals_and_the_beginning_of_a_sentence_does_not() -> None:
    text = "Windmills turn near Rotterdam. Many windmills of Rotterdam are old. " * 5
    assert {"windmills", "Rotterdam"} <= set(find_keywords(text, "", "en"))


def test_part_of_a_keyword_is_no_keyword_of_its_own() -> None:
    text = "The solar panel broke, and another solar panel was bought for the roof of that school house. " * 4
    found = find_keywords(text, "", "en")
    assert "solar panel" in found
    assert not {"solar", "panel"} & set(found)


@pytest.mark.parametrize("language", ["el", "zh", None])
def test_there_are_no_keywords_without_stop_words(language: str | None) -> None:
    assert find_keywords(PROSE, "", language) == ()


def test_a_few_words_have_no_keywords() -> None:
    assert find_keywords("Tide mill. Tide mill.", "Tide mill", "en") == ()


@pytest.mark.parametrize(
    ("text", "declared", "language"),
    [
        ("O moinho de maré voltou a girar ontem.", "pt", "pt"),
        ("El molino gira de nuevo este domingo.", "es", "es"),
        ("THE TIDE MILL AT THE OLD HARBOUR TURNS AGAIN AFTER NINETY YEARS", None, "en"),
        (PROSE, "de", "en"),
        ("12345 67890", "fr", "fr"),
    ],
)
def test_what_the_page_declares_counts_but_does_not_decide(text: str, declared: str, language: str) -> None:
    found, confidence, origin = recognize(Draft(kind="article", content=text, language=declared))
    assert found == language
    assert (confidence is None) == (origin is None)


def test_a_description_that_only_repeats_the_title_is_no_summary() -> None:
    title = "The tide mill at the old harbour turns again after years"
    draft = Draft(kind="article", title=title, summary=title.upper(), content=PROSE)
    enriched = enrich(draft, ProcessRules(), capture())
    assert enriched.summary != title.upper()
    assert enriched.provenance["summary"] == "extractive@1"
