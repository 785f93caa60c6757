"""What becomes of one capture before it is stored: its bytes, the pipeline in the pool, the language model.

Comes in: a capture and its source's rules; goes out: its drafts, or the failure that befell it. Called by `worker`, and
by whoever processes captures again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tidemill.archive.base import Archive
from tidemill.errors import Permanent
from tidemill.models.capture import Capture
from tidemill.models.document import Processed
from tidemill.models.failure import Failure
from tidemill.models.source import ProcessRules
from tidemill.process.pool import WorkerPool

if TYPE_CHECKING:  # most have no model, and need not wait for its libraries
    from tidemill.process.llm.model import LanguageModel

LOST = frozenset({"archive_missing", "archive_corrupt"})
MAX_BYTES_IN_FLIGHT = 64 * 1024 * 1024


class Computer:
    """Computes captures, any number at once. Bodies are read only as fast as memory allows: see `InFlight`."""

    def __init__(self, archive: Archive, pool: WorkerPool, model: LanguageModel | None = None) -> None:
        self._archive, self._pool, self._model = archive, pool, model
        self._in_flight = InFlight(MAX_BYTES_IN_FLIGHT)

    async def compute(self, capture: Capture, rules: ProcessRules) -> Processed | Failure:
        """The drafts of one capture, complete but for what the store decides. Raises what makes going on impossible."""
        async with self._in_flight.of(capture.size_bytes):
            try:
                body = await self._archive.get(capture.body_hash)
            except Permanent as error:
                if error.reason not in LOST:
                    raise  # the archive's fault, and no capture's
                return Failure(reason=error.reason, error_type=type(error).__name__, message=str(error))
            running = self._pool.run(capture, body, rules)
            del body  # the pool has its own copy, and large ones add up
            result = await running
        if self._model is None or isinstance(result, Failure):
            return result
        return await self._model.complete(capture, result, rules, self._pool.finish)


class InFlight:
    """Lets so many bytes at once through; what is larger than that goes alone. In the order of the calls."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self._held = most_bytes, 0
        self._turn = asyncio.Lock()
        self._freed = asyncio.Condition()

    @asynccontextmanager
    async def of(self, size_bytes: int) -> AsyncIterator[None]:
        """While the block runs, so many bytes count as held."""
        async with self._turn, self._freed:
            await self._freed.wait_for(lambda: self._held == 0 or self._held + size_bytes <= self._most)
            self._held += size_bytes
        try:
            yield
        finally:
            self._held -= size_bytes
            async with self._freed:
                self._freed.notify_all()
