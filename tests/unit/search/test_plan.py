"""What a question asks of any engine."""

from __future__ import annotations

import pytest

from tidemill.search.analysis import Analysis
from tidemill.search.base import SearchQuery
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
