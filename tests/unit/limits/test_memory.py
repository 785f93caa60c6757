"""The law of the window, whatever comes when: never more than the quota, never less than it could be. And bounds."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from tidemill.limits.base import SLOTS, Quota
from tidemill.limits.memory import MemoryCache, MemoryLimiter

WINDOW_S = 10.0
STEPS = st.lists(st.floats(0, 4, allow_nan=False), min_size=1, max_size=120)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def quota(most: int, who: str = "a") -> Quota:
    return Quota("requests", who, most, WINDOW_S)


async def moments(steps: list[float], most: int) -> list[float]:
    """When requests passed that came so far apart."""
    clock = Clock()
    limiter, found = MemoryLimiter(clock=clock), []
    for step in steps:
        clock.now += step
        if (await limiter.take([quota(most)])).is_allowed:
            found.append(clock.now)
    return found


@given(STEPS, st.integers(1, 8))
def test_no_window_sees_more_than_the_quota(steps: list[float], most: int) -> None:
    found = asyncio.run(moments(steps, most))
    for number, moment in enumerate(found):
        assert sum(moment <= each < moment + WINDOW_S for each in found[number:]) <= most


@given(STEPS, st.integers(1, 8))
def test_who_was_silent_for_a_window_and_a_slot_has_all_of_it(steps: list[float], most: int) -> None:
    async def run() -> None:
        clock = Clock()
        limiter = MemoryLimiter(clock=clock)
        for step in steps:
            clock.now += step
            await limiter.take([quota(most)])
        clock.now += WINDOW_S * (1 + 1 / SLOTS) + 0.001
        assert (await limiter.take([quota(most)])).standings[0].remaining == most - 1

    asyncio.run(run())


@given(STEPS, st.integers(1, 8))
def test_who_waits_as_long_as_told_passes(steps: list[float], most: int) -> None:
    async def run() -> None:
        clock = Clock()
        limiter = MemoryLimiter(clock=clock)
        for step in steps:
            clock.now += step
            verdict = await limiter.take([quota(most)])
            if not verdict.is_allowed:
                clock.now += verdict.standings[0].reset_s + 1e-6
                assert (await limiter.take([quota(most)])).is_allowed

    asyncio.run(run())


@given(st.lists(st.floats(-500, 5), min_size=1, max_size=60), st.integers(1, 5))
def test_a_clock_that_goes_back_gives_nothing_away_and_locks_nobody_out(steps: list[float], most: int) -> None:
    async def run() -> None:
        clock = Clock()
        limiter = MemoryLimiter(clock=clock)
        for step in steps:
            before = (await limiter.take([quota(most)])).standings[0]
            clock.now += min(step, 0.0)
            after = (await limiter.take([quota(most)])).standings[0]
            assert after.remaining == max(0, before.remaining - 1)
            assert after.reset_s <= WINDOW_S * (1 + 1 / SLOTS) + 1e-6
            clock.now += max(step, 0.0)

    asyncio.run(run())


async def test_a_flood_of_strangers_takes_no_more_room_and_leaves_other_rules_alone() -> None:
    limiter = MemoryLimiter(most=100)
    mine = Quota("user", "ada", 1, 60)
    assert (await limiter.take([mine])).is_allowed
    for number in range(5000):
        await limiter.take([Quota("address", f"10.0.{number // 256}.{number % 256}", 5, 60)])
    assert len(limiter) == 101
    assert not (await limiter.take([mine])).is_allowed


async def test_who_asks_without_end_takes_no_more_room() -> None:
    clock = Clock()
    limiter = MemoryLimiter(clock=clock)
    for _ in range(5000):
        clock.now += 0.05
        await limiter.take([quota(10_000)])
    (window,) = limiter._rules["requests"].values()
    assert len(window.slots) <= SLOTS + 1


async def test_the_cache_is_bounded_by_bytes_and_forgets_what_was_asked_for_longest_ago() -> None:
    cache = MemoryCache(10_000)
    for number in range(100):
        await cache.put(f"k{number}", b"x" * 500, 60)
        assert await cache.get("k0") is not None
    assert cache.size_bytes <= 10_000
    assert await cache.get("k1") is None
    assert await cache.get("k99") is not None


async def test_what_is_too_large_or_too_old_is_not_kept() -> None:
    clock = Clock()
    cache = MemoryCache(10_000, clock=clock)
    await cache.put("large", b"x" * 2000, 60)
    await cache.put("old", b"x", 5)
    await cache.put("old", b"y", 5)
    clock.now += 5
    assert (await cache.get("large"), await cache.get("old"), cache.size_bytes) == (None, None, 0)
