"""What becomes of one capture before it is stored: its bytes, the pipeline in the pool, the language model.

Comes in: a capture and its source's rules; goes out: its drafts, or the failure that befell it. Called by `worker`, and
by whoever processes captures again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from tidemill.archive.base import LOST, Archive, LocalArchive
from tidemill.archive.extents import Extent
from tidemill.errors import Permanent
from tidemill.models.capture import Capture
from tidemill.models.document import Processed
from tidemill.models.failure import Failure
from tidemill.models.source import ProcessRules
from tidemill.process.child import UNREADABLE
from tidemill.process.pool import WorkerPool

if TYPE_CHECKING:  # most have no model, and need not wait for its libraries
    from tidemill.process.llm.model import LanguageModel

T = TypeVar("T")
MAX_BYTES_IN_FLIGHT = 64 * 1024 * 1024


class Computer:
    """Computes captures, any number at once. Workers read bodies by themselves where they can.

    Others go through this process, and only as fast as memory allows: see `InFlight`.
    """

    def __init__(self, archive: Archive, pool: WorkerPool, model: LanguageModel | None = None) -> None:
        self._archive, self._pool, self._model = archive, pool, model
        self._extents = _Extents(archive) if isinstance(archive, LocalArchive) else None
        self._in_flight = InFlight(MAX_BYTES_IN_FLIGHT)

    async def compute(self, capture: Capture, rules: ProcessRules) -> Processed | Failure:
        """The drafts of one capture, complete but for what the store decides. Raises what makes going on impossible."""
        result = await self._processed(capture, rules)
        if self._model is None or isinstance(result, Failure):
            return result
        return await self._model.complete(capture, result, rules, self._pool.finish)

    async def _processed(self, capture: Capture, rules: ProcessRules) -> Processed | Failure:
        if self._extents is not None and (extent := await self._extents.of(capture.body_hash)) is not None:
            result = await self._pool.read(capture, extent, rules)
            if not (isinstance(result, Failure) and result.reason == UNREADABLE):
                return result
        async with self._in_flight.of(capture.size_bytes):
            try:
                body = await self._archive.get(capture.body_hash)
            except Permanent as error:
                if error.reason not in LOST:
                    raise  # the archive's fault, and no capture's
                return Failure(reason=error.reason, error_type=type(error).__name__, message=str(error))
            running = self._pool.run(capture, body, rules)
            del body  # the pool has its own copy, and large ones add up
            return await running


async def gathered(work: Iterable[Awaitable[T]]) -> list[T]:
    """All results in order. If one raises, the others are cancelled and have ended when its error comes out."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def is_lost(result: Processed | Failure) -> bool:
    """Whether the archive has not got the body any more, or not as it was."""
    return isinstance(result, Failure) and result.reason in LOST


class _Extents:
    """Where bodies lie; asked once for all that are wanted at the same moment."""

    def __init__(self, archive: LocalArchive) -> None:
        self._archive = archive
        self._wanted: set[str] = set()
        self._asking: asyncio.Task[Mapping[str, Extent]] | None = None

    async def of(self, body_hash: str) -> Extent | None:
        """The extent of a body, if it is known."""
        self._wanted.add(body_hash)
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        found = await asyncio.shield(self._asking)
        return found.get(body_hash)

    async def _ask(self) -> Mapping[str, Extent]:
        """Begun in the next turn of the loop: whoever asks in this one comes along."""
        wanted, self._wanted, self._asking = self._wanted, set(), None
        return await self._archive.locate(wanted)


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
