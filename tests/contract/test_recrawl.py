"""How often pages are due: the store learns from each visit, within the bounds of the source."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.contract.store_house import House, opened_house

from tidemill.models.source import RecrawlRules

HOUR_S = 3600.0
RULES = RecrawlRules(first_hours=24, min_hours=10, max_hours=50)


@pytest.fixture
async def house(tmp_path: Path, database: str) -> AsyncIterator[House]:
    async with opened_house(tmp_path, recrawl=RULES) as house:
        yield house


async def learned(house: House, *answers: str | int) -> list[float]:
    """The interval of a page in hours after each visit."""
    hours = []
    for answer in answers:
        await house.finished(await house.begin("a"), {"a": answer})
        row = await house.page_row("a")
        hours.append(row.interval_s / HOUR_S)
        assert abs(row.due_at - house.store.now() - timedelta(seconds=row.interval_s)) < timedelta(seconds=5)
        house.store.turn_on(HOUR_S)
    return hours


async def test_a_new_page_is_due_after_the_first_interval(house: House) -> None:
    assert await learned(house, "one") == [24]


async def test_a_change_halves_the_interval_down_to_its_bound(house: House) -> None:
    assert await learned(house, "one", "two", "three") == [24, 12, 10]


@pytest.mark.parametrize("same", ["one", 304], ids=["the same bytes", "304"])
async def test_rest_lengthens_it_up_to_its_bound(house: House, same: str | int) -> None:
    assert await learned(house, "one", same, same, same) == [24, 36, 50, 50]


@pytest.mark.parametrize("answer", [500, 302, 404])
async def test_a_visit_that_saw_nothing_teaches_nothing(house: House, answer: int) -> None:
    assert await learned(house, "one", answer, "one") == [24, 24, 36]


async def test_a_page_that_was_never_had_has_the_first_interval(house: House) -> None:
    assert await learned(house, 500) == [24]


async def test_a_page_that_is_due_is_visited_in_a_run_of_what_is_due(house: House) -> None:
    await learned(house, "one")
    assert (await house.begin(due_only=True)).discovered == 0
    house.store.turn_on(24 * HOUR_S)
    assert (await house.begin(due_only=True)).discovered == 1
