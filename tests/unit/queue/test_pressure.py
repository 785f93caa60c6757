"""Back-pressure: on at the high mark, off at the low one and not before, and never asked too often."""

from __future__ import annotations

from typing import Any

import pytest

from tidemill.queue.pressure import BackPressure
from tidemill.settings import QueueSettings
from tidemill.store import captures
from tidemill.telemetry.metrics import Metrics


class Backlog:
    """How many captures wait, as the test says, and how often that was asked."""

    def __init__(self) -> None:
        self.waiting = 0
        self.asked = 0
        self.now = 0.0

    async def count(self, _store: Any, most: int) -> int:
        self.asked += 1
        return min(self.waiting, most)

    def clock(self) -> float:
        return self.now


@pytest.fixture
def backlog(monkeypatch: pytest.MonkeyPatch) -> Backlog:
    made = Backlog()
    monkeypatch.setattr(captures, "count_waiting", made.count)
    return made


def pressure(backlog: Backlog, high: int = 100, low: int = 40) -> BackPressure:
    settings = QueueSettings(high_water=high, low_water=low)
    return BackPressure(None, settings, Metrics(), clock=backlog.clock)  # type: ignore[arg-type]


async def test_it_holds_from_the_high_mark_to_the_low_one(backlog: Backlog) -> None:
    gauge = pressure(backlog)
    held = []
    for backlog.waiting in (99, 100, 60, 41, 40, 99, 100, 0):
        backlog.now += 1
        held.append(await gauge.holds())
    assert held == [False, True, True, True, False, False, True, False]


async def test_between_two_looks_it_remembers(backlog: Backlog) -> None:
    gauge = pressure(backlog)
    backlog.waiting = 500
    assert [await gauge.holds() for _ in range(10)] == [True] * 10
    assert backlog.asked == 1


async def test_without_a_high_mark_nobody_is_asked(backlog: Backlog) -> None:
    backlog.waiting = 10**9
    assert not await pressure(backlog, high=0, low=0).holds()
    assert backlog.asked == 0
