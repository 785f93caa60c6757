"""Searches whose answers are given again: which they are, and of which state of the index.

In: an `App`. Out: the `Source` of `http/answer_cache.py`. The state is looked up for every request, by one look for all
who have come before it began: none is told what was true before it asked.
"""

from __future__ import annotations

import asyncio
import re

from tidemill import __version__
from tidemill.app import App

_PATH = "/api/v1/search"
_TOTAL = re.compile(rb'"total":(\d+)')


class KeptSearches:
    """Implements `http.answer_cache.Source`."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._kind = f"{__version__}:{app.settings.search_url}"
        self._looking: asyncio.Task[str | None] | None = None
        self._next: asyncio.Task[str | None] | None = None

    def keeps(self, path: str) -> bool:
        """Whether it is the search."""
        return path == _PATH

    async def generation(self) -> str | None:
        """The position of the index; `None` if the engine cannot tell."""
        known = self._app.searching.known_generation()
        if known is not None:
            return self._of(known)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look(), name="position of the index")
            return await asyncio.shield(self._looking)
        if self._next is None:
            self._next = asyncio.create_task(self._look_after(self._looking), name="next position of the index")
        return await asyncio.shield(self._next)

    def given_again(self, path: str, parameters: list[tuple[str, str]], body: bytes, seconds: float) -> None:
        """Counted like any search."""
        self._app.metrics.observe_query(seconds)
        given = dict(parameters)
        total = _TOTAL.search(body)
        if total is not None and given.get("offset", "0") == "0":
            self._app.asked.note(given.get("q", given.get("query", "")), int(total[1]))

    async def _look_after(self, looking: asyncio.Task[str | None]) -> str | None:
        await asyncio.wait({looking})
        self._looking, self._next = self._next, None
        return await self._look()

    async def _look(self) -> str | None:
        position = await self._app.searching.generation()
        return self._of(position) if position is not None else None

    def _of(self, position: str) -> str:
        return f"{self._kind}:{position}"
