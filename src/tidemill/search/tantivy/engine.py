"""The tantivy engine: the port's coroutines over a blocking writer (one thread) and a blocking reader (any thread).

The index folder holds `writer.lock`, `cursor.json` and one `generation-…` folder with tantivy's files.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tidemill.errors import Conflict
from tidemill.models.document import Document
from tidemill.search.base import Position, SearchQuery, SearchResult
from tidemill.search.filelock import FileLock
from tidemill.search.tantivy.failures import IndexDamaged

if TYPE_CHECKING:
    from tidemill.search.tantivy.reader import Reader
    from tidemill.search.tantivy.writer import Writer

T = TypeVar("T")


class TantivyEngine:
    """A `SearchEngine` on the folder `root`. Making one touches nothing; the folder is made by the first writer."""

    def __init__(self, root: Path, *, writer_memory_mb: int = 64) -> None:
        self._root = root
        self._writer_memory_mb = writer_memory_mb
        self._lock = FileLock(root / "writer.lock")
        self._made: tuple[Reader, Writer] | None = None
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="tantivy-writer")
        self._closed = False

    @property
    def writable(self) -> bool:
        """Whether this process holds the lock of the folder."""
        return self._lock.held

    async def try_lock(self) -> bool:
        """Take the lock of the folder if it is free."""
        return self._lock.acquire()

    async def begin(self, epoch: str) -> Position:
        """Open the index for writing, or build a new one. Raises `Conflict`, `Transient`."""
        self._require_lock()
        return await asyncio.get_running_loop().run_in_executor(self._writing, self._writer.begin, epoch)

    async def apply(
        self, upserts: Sequence[Document], deletions: Sequence[str], position: Position, *, more: bool = False
    ) -> None:
        """Commit the batch, then the cursor; nothing yet if `more` follows. After any error `begin` comes next."""
        self._require_lock()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._writing, partial(self._writer.apply, upserts, deletions, position, more=more))

    async def position(self) -> Position | None:
        """What the cursor file says, whoever wrote it."""
        return self.known_position() or await asyncio.to_thread(self._reader.position)

    def known_position(self) -> Position | None:
        """What the cursor file said, if it is the same file still."""
        return self._made[0].known_position() if self._made is not None else None

    async def search(self, query: SearchQuery) -> SearchResult:
        """The answer from the newest state on disk."""
        return await self._read(lambda: self._reader.search(query))

    async def suggest(self, text: str, limit: int) -> tuple[str, ...]:
        """Titles and words of titles."""
        return await self._read(lambda: self._reader.suggest(text, limit))

    async def similar(self, document_id: str, limit: int) -> SearchResult:
        """Documents with the words that tell this one from others."""
        return await self._read(lambda: self._reader.similar(document_id, limit))

    async def rebuild(self, epoch: str) -> Position:
        """Begin another generation of the index."""
        self._require_lock()
        return await asyncio.get_running_loop().run_in_executor(self._writing, self._writer.rebuild, epoch)

    async def publish(self) -> None:
        """Let the cursor file name the new generation: one atomic rename."""
        self._require_lock()
        await asyncio.get_running_loop().run_in_executor(self._writing, self._writer.publish)

    async def close(self) -> None:
        """Wait for the write under way and for merges, then give the lock back. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._made is not None:
                await asyncio.get_running_loop().run_in_executor(self._writing, self._writer.close)
        finally:
            self._writing.shutdown(wait=False)
            if self._made is not None:
                self._reader.close()
            self._lock.release()

    async def _read(self, reading: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(reading)
        except IndexDamaged as error:
            self._writer.damage = str(error)
            raise

    @property
    def _reader(self) -> Reader:
        return self._halves()[0]

    @property
    def _writer(self) -> Writer:
        return self._halves()[1]

    def _halves(self) -> tuple[Reader, Writer]:
        """What reads and what writes, made for the first question or batch: a crawl has none and need not wait."""
        if self._made is None:
            from tidemill.search.analysis import Analysis
            from tidemill.search.tantivy.reader import Reader
            from tidemill.search.tantivy.writer import Writer

            analysis = Analysis()
            self._made = Reader(self._root, analysis), Writer(self._root, analysis, self._writer_memory_mb)
        return self._made

    def _require_lock(self) -> None:
        if not self.writable:
            raise Conflict(
                f"the search index {self._root} is written by another process, or try_lock was not called",
                reason="index_locked",
            )
