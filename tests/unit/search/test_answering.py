"""Answers while all is well, while the engine is gone, and after it came back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from tidemill.errors import Invalid, Permanent, Transient
from tidemill.search.answering import REST_S, Answering
from tidemill.search.base import Position, SearchQuery, SearchResult
from tidemill.settings.tree import SearchSettings

QUERY = SearchQuery("mill")


@dataclass
class Engine:
    """Counts what it is asked; `failure` is raised instead of an answer."""

    total: int = 1
    event_id: int = 1
    asked: int = 0
    delay_s: float = 0.0
    failure: Exception | None = None
    knows: bool = False

    async def position(self) -> Position:
        if self.failure:
            raise self.failure
        return Position("e", self.event_id)

    def known_position(self) -> Position | None:
        return Position("e", self.event_id) if self.knows else None

    async def search(self, query: SearchQuery) -> SearchResult:
        self.asked += 1
        await asyncio.sleep(self.delay_s)
        if self.failure:
            raise self.failure
        return SearchResult(query.text, self.total, 1.0, ())

    async def suggest(self, text: str, limit: int) -> tuple[str, ...]:
        if self.failure:
            raise self.failure
        return (f"{text} {self.total}",)


@dataclass
class Clock:
    now: float = 1000.0
    calls: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now


def answering(engine: Any, fallback: Any = None, clock: Clock | None = None, **settings: Any) -> Answering:
    return Answering(engine, fallback, SearchSettings(**settings), clock or Clock())


GONE = Transient("gone", reason="search_unavailable")


async def test_an_answer_is_given_again_until_the_index_changes() -> None:
    engine, clock = Engine(), Clock()
    answers = answering(engine, clock=clock)
    assert (await answers.search(QUERY)).age_s == 0
    clock.now += 10
    again = await answers.search(QUERY)
    assert (again.total, again.age_s, again.stale, engine.asked) == (1, 10, False, 1)
    engine.event_id, engine.total = 2, 5
    assert (await answers.search(QUERY)).total == 5


async def test_an_old_answer_is_asked_for_anew_and_none_is_kept_if_nobody_wants_it() -> None:
    engine, clock = Engine(), Clock()
    answers = answering(engine, clock=clock, cache_ttl_s=60)
    await answers.search(QUERY)
    clock.now += 61
    await answers.search(QUERY)
    assert engine.asked == 2
    never = answering(engine, clock=clock, cache_ttl_s=0)
    await never.search(QUERY)
    await never.search(QUERY)
    assert engine.asked == 4


async def test_the_fallback_answers_for_an_engine_that_is_gone_and_says_so() -> None:
    engine, fallback, clock = Engine(failure=GONE), Engine(total=7), Clock()
    answers = answering(engine, fallback, clock)
    first = await answers.search(QUERY)
    assert (first.total, first.stale, answers.is_degraded) == (7, True, True)
    assert await answers.suggest("mi", 3) == ("mi 7",)


async def test_an_engine_that_failed_is_left_alone_for_a_moment_and_comes_back_by_itself() -> None:
    engine, fallback, clock = Engine(failure=GONE), Engine(total=7), Clock()
    answers = answering(engine, fallback, clock)
    engine_asked = []
    for _ in range(3):
        await answers.search(QUERY)
        engine_asked.append(engine.asked)
    assert engine_asked[0] == engine_asked[-1]
    engine.failure = None
    clock.now += REST_S + 1
    found = await answers.search(QUERY)
    assert (found.total, found.stale, answers.is_degraded) == (1, False, False)


async def test_without_a_fallback_the_last_answer_stands_in_with_its_age() -> None:
    engine, clock = Engine(), Clock()
    answers = answering(engine, clock=clock, cache_ttl_s=5)
    await answers.search(QUERY)
    engine.failure = GONE
    clock.now += 100
    found = await answers.search(QUERY)
    assert (found.total, found.stale, found.age_s) == (1, True, 100)
    with pytest.raises(Transient, match="gone"):
        await answers.search(SearchQuery("never asked"))


async def test_a_failing_fallback_leaves_the_answer_of_before() -> None:
    engine, fallback, clock = Engine(), Engine(failure=GONE), Clock()
    answers = answering(engine, fallback, clock)
    await answers.search(QUERY)
    engine.failure = GONE
    clock.now += 1000
    assert (await answers.search(QUERY)).stale


async def test_a_question_that_the_engine_refuses_is_answered_by_the_fallback_and_no_other_one_is() -> None:
    engine, fallback = Engine(failure=Permanent("too many clauses", reason="search_refused")), Engine(total=7)
    asked = answering(engine, fallback)
    found = await asked.search(QUERY)
    assert (found.total, found.stale, asked.is_degraded) == (7, True, False)
    engine.failure = None
    assert (await asked.search(SearchQuery("other"))).stale is False
    with pytest.raises(Permanent):
        await answering(Engine(failure=Permanent("no", reason="search_refused"))).search(QUERY)


async def test_a_slow_engine_is_not_waited_for() -> None:
    answers = answering(Engine(delay_s=30), timeout_s=0.01)
    with pytest.raises(Transient, match=r"search\.timeout_s") as failed:
        await answers.search(QUERY)
    assert failed.value.reason == "search_timeout"


async def test_what_the_asker_did_wrong_is_no_outage() -> None:
    answers = answering(Engine(failure=Invalid("no", reason="invalid_query")), Engine())
    with pytest.raises(Invalid):
        await answers.search(QUERY)
    assert not answers.is_degraded


async def test_the_state_of_the_index_has_a_name_unless_the_engine_cannot_tell() -> None:
    engine = Engine()
    answers = answering(engine, fallback=Engine(total=7))
    assert await answers.generation() == "e:1"
    engine.event_id = 2
    assert await answers.generation() == "e:2"
    engine.failure = GONE
    assert await answers.generation() is None
    assert (await answers.search(QUERY)).stale
    engine.failure = None
    assert await answers.generation() is None, "who failed is not believed before it has answered"


async def test_a_state_that_was_seen_before_vouches_for_no_newer_answer() -> None:
    engine, clock = Engine(), Clock()
    answers = answering(engine, clock=clock)
    await answers.generation()
    engine.event_id, engine.total = 2, 5
    assert (await answers.search(QUERY)).total == 5
    engine.total = 6
    assert (await answers.search(QUERY)).total == 6, "kept as of a state that is gone, so it is asked again"
    clock.now += 1
    assert (await answers.search(QUERY)).age_s == 1


async def test_a_generation_is_told_at_once_only_by_an_engine_that_knows_it_and_has_not_failed() -> None:
    engine = Engine()
    answers = answering(engine)
    assert answers.known_generation() is None
    engine.knows, engine.event_id = True, 7
    assert answers.known_generation() == await answers.generation() == "e:7"
    engine.failure = GONE
    with pytest.raises(Transient):
        await answers.search(QUERY)
    assert answers.known_generation() is None
