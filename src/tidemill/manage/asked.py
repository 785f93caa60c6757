"""What people search for: counted in memory, written down every few seconds, without who asked.

In: each query and how much it found. Out: lists of popular queries and of those without results. Nothing is counted
unless `search.keep_queries` is on, and nothing that looks like somebody's address or number.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from datetime import datetime, timedelta

from tidemill.errors import TidemillError
from tidemill.settings import SearchSettings
from tidemill.store import search_queries
from tidemill.store.engine import Store
from tidemill.store.search_queries import QueryCount
from tidemill.telemetry.logs import get_logger

FLUSH_S = 5.0
MOST_PENDING = 1000
LONGEST_QUERY = 200
_PERSONAL = re.compile(r"@|\d[\d\s./-]{5,}\d")
_log = get_logger(__name__)


class Asked:
    """Counts queries for `store`. `now` is the time by which days are told."""

    def __init__(self, store: Store, settings: SearchSettings, now: Callable[[], datetime]) -> None:
        self._store = store
        self._settings = settings
        self._now = now
        self._counts: dict[str, tuple[int, int]] = {}
        self._flushing: asyncio.Task[None] | None = None

    def note(self, text: str, total: int) -> None:
        """A query was answered, with so many documents."""
        query = " ".join(text.split()).casefold()
        if not self._settings.keep_queries or not query or len(query) > LONGEST_QUERY or _PERSONAL.search(query):
            return
        if query not in self._counts and len(self._counts) >= MOST_PENDING:
            return
        asked, empty = self._counts.get(query, (0, 0))
        self._counts[query] = (asked + 1, empty + (total == 0))
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush_later(), name="queries asked")

    async def flush(self) -> None:
        """Write down what was counted. What cannot be written now is lost: it is no more than a statistic."""
        counts, self._counts = self._counts, {}
        if not counts:
            return
        today = self._now().date()
        drop_before = (today - timedelta(days=self._settings.queries_days)).isoformat()
        try:
            await search_queries.add(self._store, today.isoformat(), counts, drop_before=drop_before)
        except TidemillError as error:
            _log.warning("queries were not counted", action="search.asked", reason=error.reason, error=str(error))

    async def most(self, days: int, limit: int, *, empty: bool = False) -> list[QueryCount]:
        """The queries asked most in the last days, or those that most often found nothing."""
        await self.flush()
        since = (self._now().date() - timedelta(days=days - 1)).isoformat()
        return await search_queries.most(self._store, since, limit, empty=empty)

    async def close(self) -> None:
        """Write down the rest."""
        if self._flushing is not None:
            self._flushing.cancel()
            await asyncio.gather(self._flushing, return_exceptions=True)
        await self.flush()

    async def _flush_later(self) -> None:
        await asyncio.sleep(FLUSH_S)
        await self.flush()
