"""A deadline counts from when it was set last, and a little grace is given to what is on its way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tidemill.process.deadline import Deadline


class Clock:
    """A loop of which only the time and the timers are needed; time passes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self.made = 0

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None]) -> Any:
        self.timers.append((when, callback))
        self.made += 1
        return callback

    def pass_until(self, when: float) -> None:
        while due := sorted((each for each in self.timers if each[0] <= when), key=lambda each: each[0]):
            self.timers.remove(due[0])
            self.now = due[0][0]
            due[0][1]()
        self.now = when


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def missed() -> list[float]:
    return []


@pytest.fixture
def deadline(clock: Clock, missed: list[float]) -> Deadline:
    loop: Any = clock
    return Deadline(loop, lambda: missed.append(clock.now))


def test_it_calls_once_when_the_time_and_the_grace_are_over(
    clock: Clock, deadline: Deadline, missed: list[float]
) -> None:
    deadline.set(30)
    clock.pass_until(30.05)
    assert missed == []
    clock.pass_until(100)
    assert missed == [pytest.approx(30.1)]


def test_it_counts_from_when_it_was_set_last_and_makes_no_timer_for_each_time(
    clock: Clock, deadline: Deadline, missed: list[float]
) -> None:
    for second in range(100):
        clock.pass_until(second)
        deadline.set(30)
    assert clock.made < 6
    clock.pass_until(129)
    assert missed == []
    clock.pass_until(130)
    assert missed == [pytest.approx(129.1)]


def test_what_happens_in_the_grace_puts_it_off(clock: Clock, deadline: Deadline, missed: list[float]) -> None:
    deadline.set(30)
    clock.pass_until(30.05)
    deadline.set(30)
    clock.pass_until(60)
    assert missed == []
    clock.pass_until(61)
    assert missed == [pytest.approx(60.15)]


def test_nothing_is_due_after_it_was_cancelled_until_it_is_set_again(
    clock: Clock, deadline: Deadline, missed: list[float]
) -> None:
    deadline.set(30)
    clock.pass_until(30.05)
    deadline.cancel()
    clock.pass_until(200)
    assert missed == []
    deadline.set(30)
    clock.pass_until(231)
    assert missed == [pytest.approx(230.1)]


@pytest.mark.thorough
async def test_it_works_over_a_loop() -> None:
    over = asyncio.Event()
    Deadline(asyncio.get_running_loop(), over.set).set(0.01)
    await asyncio.wait_for(over.wait(), 5)
