"""What a question asks of any engine."""

from __future__ import annotations

import pytest

from tidemill.search.analysis import STEMMERS, Analysis
from tidemill.search.base import SearchQuery
from tidemill.search.opensearch.compile import MOST_LEAVES, _leaves, query_of
from tidemill.search.plan import AnyOf, Beginning, Exactly, Misspelt, OneWord, Plan, Planner, Tokens, Within
from tidemill.search.query import parse
from tidemill.search.typed import Bounds

ANALYSIS = Analysis()


def plan(text: str, *languages: str, **options: object) -> Plan:
    return Planner(ANALYSIS, languages or ("en",)).plan(parse(text), SearchQuery(text, **options))  # type: ignore[arg-type]


def test_words_have_the_stems_of_all_languages_in_the_index() -> None:
    assert plan("running").wishes == (OneWord("running", ("running", "run")),)
    (word,) = plan("canciones", "en", "es").wishes
    assert isinstance(word, OneWord)
    assert word.forms == ("canciones", "cancion")


@pytest.mark.parametrize("text", ["boundary-layer", "boundary‑layer", "boundary/layer", "boundary's layer"])
def test_joined_words_are_their_parts(text: str) -> None:
    assert {word.token for word in plan(text).wishes if isinstance(word, OneWord)} >= {"boundary", "layer"}


def test_names_of_several_parts_stay_whole() -> None:
    assert plan("pg_dump").wishes == (Tokens(("pg", "dump")),)
    assert plan("日本語").wishes == (
        AnyOf((Tokens(("日", "本", "語")), Tokens(("日", "本")), Tokens(("本", "語")))),
    )  # fmt: skip


@pytest.mark.parametrize("words", [1, 12, 64])
def test_pairs_of_characters_are_bounded_over_the_whole_question(words: int) -> None:
    found = plan(" ".join(chr(0x4E00 + each) + "日本語水車小屋" * 20 for each in range(words)))
    pairs = [part for atom in found.wishes if isinstance(atom, AnyOf) for part in atom.parts[1:]]
    assert words <= len(found.wishes) <= len(pairs) <= 128


def test_the_longest_questions_have_no_more_conditions_than_a_cluster_takes() -> None:
    every = tuple(sorted(STEMMERS))
    chinese = " ".join(chr(0x4E00 + each) + "日本語水車小屋" * 6 for each in range(12))
    long = " ".join(f"internationalizations{chr(97 + each % 26)}ables{each}ingly" for each in range(64))
    for text in (chinese, long, long.replace(" ", "~ "), long.replace(" ", " OR ")):
        found = plan(text, *every)
        assert _leaves(query_of(found)) <= MOST_LEAVES


def test_stop_words_count_only_among_themselves() -> None:
    assert plan("what is the fox").wishes == (OneWord("fox", ("fox",)),)
    assert len(plan("to be or not to be").wishes) == 6
    assert plan("the").empty


def test_neighbours_are_told() -> None:
    assert plan("brown fox jumps").near == (("brown", "fox"), ("fox", "jumps"))
    assert plan("fox fox").near == ()


def test_typos_are_forgiven_by_length() -> None:
    found = [each.distance for each in plan("fox~ foxes~ foxhounds~").wishes if isinstance(each, Misspelt)]
    assert found == [0, 1, 2]
    assert all(isinstance(each, Misspelt) for each in plan("quick fox", fuzzy=True).wishes)


def test_filters_are_not_scored() -> None:
    found = plan('lang:es tag:art* fields.price:<5 date:2024 "tide mill"', fields=("city:porto",))
    assert found.phrases == (Tokens(("tide", "mill")),)
    assert Exactly("language", "es") in found.filters
    assert Exactly("tag", "art", begins=True) in found.filters
    assert Exactly("fields.city", "porto") in found.filters
    assert Within("fields.price", Bounds(high=5.0, include_high=False)) in found.filters
    assert found.scored
    assert not plan("lang:es").scored


def test_a_beginning_is_one() -> None:
    assert plan("mil*").wishes == (Beginning(("mil",)),)
