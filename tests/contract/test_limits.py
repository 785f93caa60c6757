"""One suite for whatever counts requests and keeps answers, and what is done while Redis is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
from tests.contract.api_house import house, served
from tests.harness.brokers import PATIENCE_S, OwnServer, own_redis

from tidemill.errors import Invalid, Transient
from tidemill.limits.base import SLOTS, AnswerCache, Limiter, Quota
from tidemill.limits.memory import MemoryCache, MemoryLimiter
from tidemill.limits.open import open_limits
from tidemill.limits.redis import RedisCache, RedisLimiter
from tidemill.models.ids import new_id
from tidemill.queue.redis_url import client_of, closed
from tidemill.settings.tree import LimitsSettings

pytestmark = pytest.mark.timeout(PATIENCE_S)
LIMITERS = CACHES = ("memory", "redis")
Opening = Callable[[], Limiter]


@pytest.fixture(params=LIMITERS)
async def another(request: pytest.FixtureRequest) -> AsyncIterator[Opening]:
    """Makes the limiter of one more process; those of memory are one process."""
    async with AsyncExitStack() as stack:
        one = MemoryLimiter()

        def begin() -> Limiter:
            if request.param == "memory":
                return one
            client = client_of(request.getfixturevalue("redis_url"))
            stack.push_async_callback(closed, client)
            return RedisLimiter(client)

        yield begin


@pytest.fixture
def limiter(another: Opening) -> Limiter:
    return another()


@pytest.fixture(params=CACHES)
async def cache(request: pytest.FixtureRequest) -> AsyncIterator[AnswerCache]:
    if request.param == "memory":
        yield MemoryCache(1_000_000)
        return
    client = client_of(request.getfixturevalue("redis_url"))
    yield RedisCache(client)
    await closed(client)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[OwnServer]:
    with own_redis(tmp_path) as server:
        yield server


def quota(most: int, window_s: float = 60.0, name: str = "requests", who: str = "") -> Quota:
    """Of somebody whom no other test knows."""
    return Quota(name, who or new_id(), most, window_s)


class TestLimiter:
    async def test_all_of_it_at_once_and_then_nothing(self, limiter: Limiter) -> None:
        mine = quota(5)
        left = [(await limiter.take([mine])).standings[0].remaining for _ in range(5)]
        assert left == [4, 3, 2, 1, 0]
        refused = await limiter.take([mine])
        assert (refused.is_allowed, refused.standings[0].remaining) == (False, 0)
        assert 60 - 60 / SLOTS <= refused.standings[0].reset_s <= 60 + 60 / SLOTS

    async def test_what_is_refused_is_not_counted(self, limiter: Limiter) -> None:
        mine = quota(1, 1.0)
        assert (await limiter.take([mine])).is_allowed
        refused = await limiter.take([mine])
        for _ in range(20):
            assert not (await limiter.take([mine])).is_allowed
        await asyncio.sleep(refused.standings[0].reset_s + 0.02)
        assert (await limiter.take([mine])).is_allowed

    async def test_all_quotas_are_taken_from_or_none(self, limiter: Limiter) -> None:
        wide, narrow = quota(10), quota(1, name="costly")
        assert (await limiter.take([wide, narrow])).is_allowed
        refused = await limiter.take([wide, narrow])
        assert (refused.is_allowed, [each.remaining for each in refused.standings]) == (False, [9, 0])
        assert (await limiter.take([wide])).standings[0].remaining == 8

    async def test_callers_rules_and_windows_are_apart(self, limiter: Limiter) -> None:
        who = new_id()
        for each in (
            quota(1, who=who),
            quota(1, who=who + "x"),
            quota(1, name="search", who=who),
            quota(1, 30, who=who),
        ):
            assert (await limiter.take([each])).is_allowed
            assert not (await limiter.take([each])).is_allowed

    async def test_none_is_none(self, limiter: Limiter) -> None:
        assert not (await limiter.take([quota(0)])).is_allowed

    async def test_however_many_come_at_once_no_more_than_the_quota_pass(self, another: Opening) -> None:
        mine, processes = quota(50), [another() for _ in range(4)]
        verdicts = await asyncio.gather(*(each.take([mine]) for _ in range(60) for each in processes))
        assert sum(each.is_allowed for each in verdicts) == 50
        assert {each.standings[0].remaining for each in verdicts if each.is_allowed} == set(range(50))

    async def test_names_of_strangers_are_harmless(self, limiter: Limiter) -> None:
        for who in ("", "a b\r\n", "*", "{x}", "ü" * 300, "2001:db8::/64"):
            assert (await limiter.take([Quota("address", who + new_id(), 1, 1.0)])).is_allowed

    async def test_is_there(self, limiter: Limiter) -> None:
        await limiter.check()


async def test_redis_whose_clock_went_back(redis_url: str) -> None:
    """What was counted in the future counts as of now: nobody gets more, and nobody waits for the clock to catch up."""
    client, mine = client_of(redis_url), quota(3, 1.0)
    try:
        seconds, _ = await client.time()
        ahead = int((seconds + 3600) / (1.0 / SLOTS))
        await client.hset(f"tidemill:limit:{mine.key}", mapping={str(ahead): 2})
        limiter = RedisLimiter(client)
        first = await limiter.take([mine])
        assert (first.is_allowed, first.standings[0].remaining) == (True, 0)
        refused = await limiter.take([mine])
        assert not refused.is_allowed
        assert refused.standings[0].reset_s <= 1.1
        await asyncio.sleep(refused.standings[0].reset_s + 0.02)
        assert (await limiter.take([mine])).is_allowed
    finally:
        await closed(client)


async def test_redis_keeps_no_count_for_ever(redis_url: str) -> None:
    client, mine = client_of(redis_url), quota(3, 2.0)
    try:
        await RedisLimiter(client).take([mine])
        assert 0 < await client.pttl(f"tidemill:limit:{mine.key}") <= 3200
    finally:
        await closed(client)


class TestCache:
    async def test_bytes_come_back_as_they_were(self, cache: AnswerCache) -> None:
        key = new_id()
        assert await cache.get(key) is None
        for value in (b"", b"\x00\xff" * 500):
            await cache.put(key, value, 60)
            assert await cache.get(key) == value

    async def test_for_a_while(self, cache: AnswerCache) -> None:
        key = new_id()
        await cache.put(key, b"x", 0.1)
        await asyncio.sleep(0.15)
        assert await cache.get(key) is None


class TestRedisGone:
    async def test_every_process_goes_on_by_itself_and_comes_back(self, redis: OwnServer) -> None:
        limits = open_limits(LimitsSettings(url=f"redis://127.0.0.1:{redis.port}/0"), client_of, closed)
        try:
            mine = quota(3)
            assert (await limits.limiter.take([mine])).is_allowed
            await limits.cache.put("k", b"v", 60)
            redis.kill()
            verdicts = await asyncio.gather(*(limits.limiter.take([mine]) for _ in range(10)))
            assert sum(each.is_allowed for each in verdicts) == 3
            assert limits.is_degraded
            assert await limits.cache.get("k") is None
            await limits.cache.put("k", b"w", 60)
            assert await limits.cache.get("k") == b"w"
            with pytest.raises(Transient):
                await limits.limiter.check()
            redis.start()
            await limits.limiter.check()
            assert not limits.is_degraded
            assert (await limits.limiter.take([mine])).standings[0].remaining == 2
        finally:
            await limits.aclose()

    async def test_a_request_does_not_notice_but_health_does(self, redis: OwnServer, tmp_path: Path) -> None:
        url = f"redis://127.0.0.1:{redis.port}/0"
        async with house(tmp_path, limits__url=url, limits__requests=40) as app, served(app) as client:
            assert (await client.get("/api/v1/sources")).headers["x-ratelimit-limit"] == "40"
            redis.kill()
            answers = await asyncio.gather(*(client.get("/api/v1/sources") for _ in range(60)))
            statuses = sorted(each.status for each in answers)
            assert statuses == [200] * 40 + [429] * 20
            health = (await client.get("/health")).json
            assert (health["status"], (await client.get("/readyz")).status) == ("warn", 200)
            assert b"tidemill_limits_degraded 1.0" in (await client.get("/metrics")).body
            redis.start()
            await eventually(lambda: degraded(client.session, client.base_url), "0.0")

    async def test_an_unusable_url(self) -> None:
        for url in ("redis://h:port/0", "redis://h:1/0?socket_timeout=x"):
            with pytest.raises(Invalid) as caught:
                open_limits(
                    LimitsSettings(url=url),
                    lambda url: client_of(url, setting="limits.url", reason="limits_url"),
                    closed,
                )
            assert caught.value.reason == "limits_url"


async def degraded(session: aiohttp.ClientSession, base_url: str) -> str:
    async with session.get(f"{base_url}/health") as answer:
        await answer.read()
    async with session.get(f"{base_url}/metrics") as answer:
        text = await answer.text()
    return next(line.split()[1] for line in text.splitlines() if line.startswith("tidemill_limits_degraded "))


async def eventually(ask: Callable[[], Awaitable[str]], wanted: str) -> None:
    for _ in range(100):
        if await ask() == wanted:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"never {wanted}")
