"""A hook that reads gauges: one at a time, behind the scrape if it is slow, and never more than a share of the time."""

from __future__ import annotations

import asyncio

import pytest

from tidemill.telemetry.refreshing import Refreshing


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Hook:
    """Takes as long as it is told by the clock, and waits for `go`."""

    def __init__(self, clock: Clock, takes_s: float = 0.0) -> None:
        self.clock, self.takes_s = clock, takes_s
        self.times = 0
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self) -> None:
        self.times += 1
        await self.go.wait()
        self.clock.now_s += self.takes_s


async def test_a_quick_one_is_asked_each_time() -> None:
    clock = Clock()
    hook = Hook(clock, 0.01)
    refreshing = Refreshing("x", hook, clock)
    for _ in range(3):
        await refreshing.ask(1.0)
    assert hook.times == 3


async def test_one_that_takes_long_rests_twenty_times_as_long() -> None:
    clock = Clock()
    hook = Hook(clock, 3.0)
    refreshing = Refreshing("x", hook, clock)
    await refreshing.ask(1.0)
    clock.now_s = 62.9
    await refreshing.ask(1.0)
    assert hook.times == 1
    clock.now_s = 63.1
    await refreshing.ask(1.0)
    assert hook.times == 2


async def test_a_slow_one_goes_on_behind_the_scrape_and_is_not_begun_again() -> None:
    clock = Clock()
    hook = Hook(clock)
    hook.go.clear()
    refreshing = Refreshing("x", hook, clock)
    for _ in range(2):
        with pytest.raises(TimeoutError):
            await refreshing.ask(0.01)
    assert hook.times == 1
    hook.go.set()
    await refreshing.ask(1.0)
    assert hook.times == 1
    await refreshing.close()


async def test_what_it_raises_is_told_and_it_is_asked_again() -> None:
    failures = iter([OSError("gone")])

    async def hook() -> None:
        if (failure := next(failures, None)) is not None:
            raise failure

    refreshing = Refreshing("x", hook)
    with pytest.raises(OSError, match="gone"):
        await refreshing.ask(1.0)
    await refreshing.ask(1.0)


async def test_closing_ends_what_is_under_way() -> None:
    clock = Clock()
    hook = Hook(clock)
    hook.go.clear()
    refreshing = Refreshing("x", hook, clock)
    with pytest.raises(TimeoutError):
        await refreshing.ask(0.01)
    await refreshing.close()
    assert refreshing._task is not None
    assert refreshing._task.cancelled()
