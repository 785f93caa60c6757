"""Which limiter and which cache `limits.url` names.

In: the settings, and how a client of Redis is made of a URL. Out: `Limits`. Called by `app`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tidemill.errors import Invalid
from tidemill.limits.base import AnswerCache, Limiter
from tidemill.limits.degrading import DegradingCache, DegradingLimiter, Resting
from tidemill.limits.memory import MemoryCache, MemoryLimiter
from tidemill.settings.tree import LimitsSettings

if TYPE_CHECKING:
    from redis.asyncio import Redis

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What the API counts and keeps. `resting` is of the server that all processes share, if there is one."""

    limiter: Limiter
    cache: AnswerCache
    resting: Resting | None = None
    closing: Callable[[], Awaitable[None]] | None = None

    @property
    def is_shared(self) -> bool:
        """Whether all processes count together."""
        return self.resting is not None

    @property
    def is_degraded(self) -> bool:
        """Whether this process counts for itself what all should count together."""
        return self.resting is not None and self.resting.is_degraded

    async def aclose(self) -> None:
        """Let go of the server."""
        await self.limiter.close()
        await self.cache.close()
        if self.closing is not None:
            await self.closing()


def open_limits(
    settings: LimitsSettings,
    client_of: Callable[[str], Redis],
    closed: Callable[[Redis], Awaitable[None]],
) -> Limits:
    """No server is asked yet. Raises `Invalid` (`limits_url`)."""
    limiter, cache = MemoryLimiter(), MemoryCache(settings.cache_mb * _MIB)
    if urlsplit(settings.url).scheme == "memory":
        return Limits(limiter, cache)
    try:
        from tidemill.limits.redis import RedisCache, RedisLimiter
    except ImportError as error:
        raise Invalid("limits.url needs the extra redis: pip install 'tidemill[redis]'", reason="limits_url") from error
    client = client_of(settings.url)
    resting = Resting()
    return Limits(
        DegradingLimiter(RedisLimiter(client), limiter, resting),
        DegradingCache(RedisCache(client), cache, resting),
        resting,
        lambda: closed(client),
    )
