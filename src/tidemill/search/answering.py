"""Answers to searches whatever befalls the engine: from it, from a fallback, or from what was answered before.

In: queries. Out: results, `stale` if they are not from the engine itself. Called by everything that people ask. An
engine that fails or is too slow is left alone for a moment, so that nobody waits for it again and again.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from tidemill.errors import Permanent, TidemillError, Transient
from tidemill.search.base import Position, SearchEngine, SearchQuery, SearchResult
from tidemill.settings.tree import SearchSettings
from tidemill.telemetry.logs import get_logger

_log = get_logger(__name__)
T = TypeVar("T")

REST_S = 2.0
"""How long an engine that failed is not asked."""

GENERATION_S = 1.0
"""How long it may take to say which state the index is in."""

MOST_KEPT = 1000
MOST_HITS_KEPT = 100


@dataclass(frozen=True, slots=True)
class _Kept:
    """An answer, the state of the index that it was given from, and when."""

    result: SearchResult
    position: Position | None
    given_at: float


class Answering:
    """Asks `engine`, and `fallback` (which holds the same documents, perhaps not all of them yet) in its place."""

    def __init__(
        self,
        engine: SearchEngine,
        fallback: SearchEngine | None,
        settings: SearchSettings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._fallback = fallback
        self._settings = settings
        self._clock = clock
        self._kept: OrderedDict[SearchQuery, _Kept] = OrderedDict()
        self._rests_until = float("-inf")
        self._failure: Transient | None = None
        self._seen: Position | None = None

    @property
    def is_degraded(self) -> bool:
        """Whether the engine failed when it was last asked."""
        return self._failure is not None

    async def generation(self) -> str | None:
        """The state of the index that an answer given now comes from; `None` while the engine cannot say."""
        if self._failure is not None:
            return None
        try:
            async with asyncio.timeout(min(GENERATION_S, self._settings.timeout_s)):
                position = await self._engine.position()
        except (TimeoutError, TidemillError):
            return None
        self._seen = position
        return _named(position) if position else None

    def known_generation(self) -> str | None:
        """The same if the engine knows it without looking; else `None`."""
        self._seen = self._engine.known_position() if self._failure is None else None
        return _named(self._seen) if self._seen else None

    async def search(self, query: SearchQuery) -> SearchResult:
        """The answer; `stale`, and `age_s` old, if the engine cannot give one now.

        Raises `Transient` if nobody can.
        """
        kept = self._kept.get(query)
        if kept and await self._is_good(kept):
            return replace(kept.result, age_s=self._clock() - kept.given_at)
        seen, self._seen = self._seen, None
        try:
            position, result = await self._asked(lambda: _placed(self._engine, query, seen))
        except Transient as error:
            return await self._instead(query, kept, error)
        except Permanent as error:
            if error.reason != "search_refused":
                raise
            _log.warning("the engine refused a question", action="search.refused", error=str(error))
            return await self._instead(query, kept, error)
        self._keep(query, position, result)
        return result

    async def suggest(self, text: str, limit: int) -> tuple[str, ...]:
        """See `SearchEngine.suggest`."""
        try:
            return await self._asked(lambda: self._engine.suggest(text, limit))
        except Transient:
            if self._fallback is None:
                raise
            return await self._bounded(self._fallback.suggest(text, limit))

    async def similar(self, document_id: str, limit: int) -> SearchResult:
        """See `SearchEngine.similar`."""
        try:
            return await self._asked(lambda: self._engine.similar(document_id, limit))
        except Transient:
            if self._fallback is None:
                raise
            return replace(await self._bounded(self._fallback.similar(document_id, limit)), stale=True)

    async def _instead(self, query: SearchQuery, kept: _Kept | None, error: TidemillError) -> SearchResult:
        """The fallback's answer, else the one that was given before, however old it is."""
        if self._fallback is not None:
            try:
                return replace(await self._bounded(self._fallback.search(query)), stale=True)
            except Transient as second:
                _log.warning("the fallback failed", action="search.fallback", reason=second.reason, error=str(second))
        if kept is None:
            raise error
        return replace(kept.result, stale=True, age_s=self._clock() - kept.given_at)

    async def _asked(self, ask: Callable[[], Awaitable[T]]) -> T:
        if self._failure is not None and self._clock() < self._rests_until:
            raise self._failure
        try:
            answer = await self._bounded(ask())
        except Transient as error:
            if self._failure is None:
                _log.warning("the engine failed", action="search.degraded", reason=error.reason, error=str(error))
            self._failure, self._rests_until = error, self._clock() + REST_S
            raise
        if self._failure is not None:
            _log.info("the search engine answers again", action="search.recovered")
            self._failure = None
        return answer

    async def _bounded(self, work: Awaitable[T]) -> T:
        timeout_s = self._settings.timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                return await work
        except TimeoutError as error:
            raise Transient(
                f"the search took longer than {timeout_s:g} s (search.timeout_s)", reason="search_timeout"
            ) from error

    async def _is_good(self, kept: _Kept) -> bool:
        """Whether an answer is young enough, and the index has not changed since."""
        now = self._clock()
        if now - kept.given_at > self._settings.cache_ttl_s or self._failure is not None:
            return False
        try:
            return kept.position is not None and await self._bounded(self._engine.position()) == kept.position
        except TidemillError:
            return False

    def _keep(self, query: SearchQuery, position: Position | None, result: SearchResult) -> None:
        if not self._settings.cache_ttl_s or len(result.hits) > MOST_HITS_KEPT:
            return
        self._kept[query] = _Kept(result, position, self._clock())
        self._kept.move_to_end(query)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)


def _named(position: Position) -> str:
    return f"{position.epoch}:{position.event_id}"


async def _placed(
    engine: SearchEngine, query: SearchQuery, seen: Position | None
) -> tuple[Position | None, SearchResult]:
    """The answer, and a state of the index no newer than the one it was given from: any `seen` before will do."""
    position = seen or await engine.position()
    return position, await engine.search(query)
