"""Limits and answers in Redis, for all processes and machines that share it. One script counts a request, atomically.

Time is the server's, so that machines with other clocks agree. Every key expires by itself; a Redis that forgets all of
them lets a window begin anew. The client is made by `app`, which knows how URLs are read.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

from redis.exceptions import RedisError

from tidemill.errors import Transient
from tidemill.limits.base import SLOTS, Quota, Standing, Verdict

if TYPE_CHECKING:
    from redis.asyncio import Redis

_PREFIX = "tidemill:limit:"
_CACHE_PREFIX = "tidemill:answer:"

_TAKE = """
local time, slots = redis.call('TIME'), tonumber(ARGV[1])
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local allowed, found = 1, {}
for i, key in ipairs(KEYS) do
    local most, window = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
    local slot_s = window / slots
    local current = math.floor(now / slot_s)
    local kept, total, oldest, ahead = redis.call('HGETALL', key), 0, current, 0
    for j = 1, #kept, 2 do
        local slot, count = tonumber(kept[j]), tonumber(kept[j + 1])
        if slot < current - slots then
            redis.call('HDEL', key, kept[j])
        else
            total = total + count
            if slot > current then -- the clock went back: what it put into the future counts as of now
                redis.call('HDEL', key, kept[j])
                ahead = ahead + count
            elseif slot < oldest then
                oldest = slot
            end
        end
    end
    local field = string.format('%.0f', current)
    if ahead > 0 then
        redis.call('HINCRBY', key, field, ahead)
        redis.call('PEXPIRE', key, math.ceil(window * 1100) + 1000)
    end
    if total >= most then allowed = 0 end
    found[i] = {field, most - total, math.ceil(((oldest + slots + 1) * slot_s - now) * 1000), window}
end
local told = {allowed}
for i, key in ipairs(KEYS) do
    local field, left, reset_ms, window = unpack(found[i])
    if allowed == 1 then
        redis.call('HINCRBY', key, field, 1)
        redis.call('PEXPIRE', key, math.ceil(window * 1100) + 1000)
        left = left - 1
    end
    told[2 * i], told[2 * i + 1] = math.max(0, left), reset_ms
end
return told
"""


class RedisLimiter:
    """Implements `Limiter`."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._take = client.register_script(_TAKE)

    async def take(self, quotas: Sequence[Quota]) -> Verdict:
        """See `Limiter.take`."""
        keys = [_PREFIX + quota.key for quota in quotas]
        given = [SLOTS, *(each for quota in quotas for each in (quota.most, quota.window_s))]
        async with _explained():
            told = cast(list[int], await self._take(keys=keys, args=given))
        numbers = zip(quotas, told[1::2], told[2::2], strict=True)
        return Verdict(told[0] == 1, tuple(Standing(quota, left, ms / 1000) for quota, left, ms in numbers))

    async def check(self) -> None:
        """Ask whether the server is there."""
        async with _explained():
            await self._client.ping()

    async def close(self) -> None:
        """The client belongs to whoever made it."""


class RedisCache:
    """Implements `AnswerCache`."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    async def get(self, key: str) -> bytes | None:
        """See `AnswerCache.get`."""
        async with _explained():
            return cast(bytes | None, await self._client.get(_CACHE_PREFIX + key))

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        """See `AnswerCache.put`."""
        async with _explained():
            await self._client.set(_CACHE_PREFIX + key, value, px=max(1, int(ttl_s * 1000)))

    async def close(self) -> None:
        """The client belongs to whoever made it."""


@asynccontextmanager
async def _explained() -> AsyncIterator[None]:
    """Raises `Transient` for whatever keeps Redis from answering: a full one, too, or one that lost its master."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise Transient(f"limits.url: {type(error).__name__}: {error}", reason="limits_unavailable") from error
