"""Highlights: where the fragments are cut, what is marked, and that the rest is harmless."""

from __future__ import annotations

import re
from html import unescape

from hypothesis import given
from hypothesis import strategies as st

from tidemill.search.highlight import FRAGMENT_CHARS, FRAGMENTS, Wanted, highlight

FILLER = "lorem ipsum dolor sit amet " * 40


def words(*forms: str) -> Wanted:
    return Wanted(frozenset(forms))


def test_nothing_wanted_or_nothing_found_gives_nothing() -> None:
    assert highlight("some text", Wanted()) == ()
    assert highlight("some text", words("other")) == ()
    assert highlight("", words("other")) == ()


def test_whole_words_are_marked_and_neighbours_are_one_mark() -> None:
    assert highlight("fox foxes fox_hunt", words("fox")) == ("<mark>fox</mark> foxes <mark>fox</mark>_hunt",)
    assert highlight("a quick brown fox", words("quick", "brown")) == ("a <mark>quick brown</mark> fox",)


def test_forms_are_asked_for_words_that_begin_alike_only() -> None:
    asked = []

    def form_of(word: str) -> frozenset[str]:
        asked.append(word)
        return frozenset({word.lower().removesuffix("ning")})

    wanted = Wanted(frozenset({"run"}), form_of=form_of)
    assert highlight("He is Running from rust", wanted) == ("He is <mark>Running</mark> from rust",)
    assert asked == ["Running"]


def test_the_best_fragment_comes_first_and_none_overlap() -> None:
    text = f"comet {FILLER} comet orbit {FILLER} orbit {FILLER} comet {FILLER} comet"
    fragments = highlight(text, words("comet", "orbit"))
    assert len(fragments) == FRAGMENTS
    assert "<mark>comet orbit</mark>" in fragments[0]
    assert all(fragment.startswith("… ") for fragment in fragments[:1])


def test_fragments_are_cut_between_words() -> None:
    (fragment,) = highlight(f"{FILLER}comet {FILLER}", words("comet"))
    plain = re.sub(r"</?mark>", "", fragment).strip("… ")
    assert set(plain.split()) <= {*FILLER.split(), "comet"}
    assert FRAGMENT_CHARS - 65 <= len(plain) <= FRAGMENT_CHARS


def test_a_sequence_is_one_mark_and_its_words_alone_are_none() -> None:
    wanted = Wanted(sequences=(("pg", "dump"),))
    assert highlight("pg dump, pg_dump, PG-Dump; pg and dump, pg dumps", wanted) == (
        "<mark>pg dump</mark>, <mark>pg_dump</mark>, <mark>PG-Dump</mark>; pg and dump, pg dumps",
    )


def test_a_long_text_is_looked_through_as_far_as_needed() -> None:
    assert highlight("x " * 60_000 + "comet", words("comet"))
    assert highlight("x " * 150_000 + "comet", words("comet")) == ()


def test_whitespace_is_one_space() -> None:
    assert highlight("a\n\n  comet\tb", words("comet")) == ("a <mark>comet</mark> b",)


@given(st.text("ab <>&\"'é日\n", max_size=300), st.sampled_from(["a", "b", "ab", "é"]))
def test_only_marks_are_markup(text: str, word: str) -> None:
    for fragment in highlight(text, words(word)):
        without = fragment.replace("<mark>", "").replace("</mark>", "")
        assert "<" not in without
        assert ">" not in without
        assert re.sub(r"\s+", " ", text).find(unescape(without).strip("… ")) >= 0
