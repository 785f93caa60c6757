"""Limits and answers while their server is gone: kept by this process alone, and said so.

In: what the server keeps, and what memory keeps in its place. Out: the same ports, which never raise. After a failure
the server is left alone for a moment, so that requests do not wait for it one after the other.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from tidemill.errors import Transient
from tidemill.limits.base import AnswerCache, Limiter, Quota, Verdict
from tidemill.telemetry.logs import get_logger

REST_S = 1.0
T = TypeVar("T")
_log = get_logger(__name__)


class Resting:
    """Whether a server that failed is asked again. One for all that it keeps."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.is_degraded = False
        self._clock = clock
        self._rests_until = float("-inf")

    async def first(self, ask: Callable[[], Awaitable[T]], instead: Callable[[], Awaitable[T]]) -> T:
        """What the server says; what `instead` says while it is gone."""
        if self._clock() < self._rests_until:
            return await instead()
        try:
            return await self.asked(ask)
        except Transient:
            return await instead()

    async def asked(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What the server says, resting or not. Raises `Transient` while it is gone."""
        try:
            found = await ask()
        except Transient as error:
            if not self.is_degraded:
                _log.warning("going on alone", action="limits.degraded", reason=error.reason, error=str(error))
            self.is_degraded, self._rests_until = True, self._clock() + REST_S
            raise
        if self.is_degraded:
            self.is_degraded, self._rests_until = False, float("-inf")
            _log.info("the server of the limits answers again", action="limits.recovered")
        return found


class DegradingLimiter:
    """Implements `Limiter`: a process counts for itself what its `server` cannot count."""

    def __init__(self, server: Limiter, local: Limiter, resting: Resting) -> None:
        self._server = server
        self._local = local
        self._resting = resting

    async def take(self, quotas: Sequence[Quota]) -> Verdict:
        """See `Limiter.take`."""
        return await self._resting.first(lambda: self._server.take(quotas), lambda: self._local.take(quotas))

    async def check(self) -> None:
        """See `Limiter.check`. Raises while the server is gone, so that health can say so."""
        await self._resting.asked(self._server.check)

    async def close(self) -> None:
        """Close both."""
        await self._server.close()
        await self._local.close()


class DegradingCache:
    """Implements `AnswerCache`."""

    def __init__(self, server: AnswerCache, local: AnswerCache, resting: Resting) -> None:
        self._server = server
        self._local = local
        self._resting = resting

    async def get(self, key: str) -> bytes | None:
        """See `AnswerCache.get`."""
        return await self._resting.first(lambda: self._server.get(key), lambda: self._local.get(key))

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        """See `AnswerCache.put`."""
        await self._resting.first(
            lambda: self._server.put(key, value, ttl_s), lambda: self._local.put(key, value, ttl_s)
        )

    async def close(self) -> None:
        """Close both."""
        await self._server.close()
        await self._local.close()
