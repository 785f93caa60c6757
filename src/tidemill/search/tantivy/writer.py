"""The writing half of the engine: decides whether the index on disk can be gone on with, and commits batches to it.

Everything here blocks and is called from one thread, by the process that holds the index's lock.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import orjson
import tantivy

from tidemill.errors import Conflict
from tidemill.models.document import Document
from tidemill.search.analysis import Analysis
from tidemill.search.base import Position
from tidemill.search.tantivy.cursor import GENERATION, Cursor, read_cursor, write_cursor
from tidemill.search.tantivy.failures import IndexDamaged, explained
from tidemill.search.tantivy.schema import SCHEMA_VERSION, DocumentWriter, build_schema, register
from tidemill.telemetry.logs import get_logger
from tidemill.telemetry.steps import reached

_log = get_logger(__name__)

_MOST_THREADS = 4
_MEMORY_OF_THREAD_MB = 32


def open_index(folder: Path, analysis: Analysis) -> tantivy.Index:
    """The index in `folder`, with every segment opened once. Raises `IndexDamaged`."""
    with explained("opening", folder, panic=IndexDamaged):
        index = tantivy.Index.open(str(folder))
        register(index, analysis)
        index.config_reader("manual")
        index.reload()
        return index


class Writer:
    """Holds tantivy's writer between `begin` and `close`; loses it with any error, and `begin` gets another."""

    def __init__(self, root: Path, analysis: Analysis, memory_mb: int) -> None:
        self._root = root
        self._analysis = analysis
        self._memory_bytes = memory_mb * 1_000_000
        self._most_threads = max(1, min(_MOST_THREADS, memory_mb // _MEMORY_OF_THREAD_MB, _cores()))
        self._convert = DocumentWriter(analysis).convert
        self._index: tantivy.Index | None = None
        self._tantivy: tantivy.IndexWriter | None = None
        self._threads = 1
        self._cursor: Cursor | None = None
        self._is_put_off = False
        self._unpublished = False
        self.damage: str | None = None
        """Set by whoever found the index damaged; the next `begin` then starts from zero."""

    def begin(self, epoch: str) -> Position:
        """See `SearchEngine.begin`."""
        cursor = self._cursor
        is_stale = self._is_put_off or self._unpublished or self.damage
        if self._tantivy is None or cursor is None or cursor.epoch != epoch or is_stale or not self._is_there(cursor):
            self._abandon()
            cursor = self._resume(epoch)
            self._cursor = cursor
            self.damage = None
        return cursor.position

    def apply(
        self, upserts: Sequence[Document], deletions: Sequence[str], position: Position, *, more: bool = False
    ) -> None:
        """See `SearchEngine.apply`."""
        cursor = self._cursor
        if self._tantivy is None or cursor is None:
            raise Conflict(f"the search index {self._root} is not open for writing; begin first", reason="not_begun")
        if cursor.epoch != position.epoch:
            raise Conflict(
                f"the search index {self._root} is of database epoch {cursor.epoch}, not {position.epoch}; begin again",
                reason="other_epoch",
            )
        try:
            with explained("writing", self._root):
                if upserts or deletions:
                    self._add(upserts, deletions, more=more)
                if more:
                    return
                opstamp = self._tantivy.commit() if self._is_put_off else cursor.opstamp
                reached("index.committed")
                at = position.event_id
                after = Cursor(SCHEMA_VERSION, position.epoch, at, cursor.folder, opstamp, position.rebuilt)
                if not self._unpublished:
                    write_cursor(self._root, after)
                reached("index.moved_on")
        except BaseException as error:
            self._abandon()
            if isinstance(error, IndexDamaged):
                self.damage = str(error)
            raise
        self._cursor, self._is_put_off = after, False

    def rebuild(self, epoch: str) -> Position:
        """See `SearchEngine.rebuild`. What a rebuild leaves that never came to its end is swept by the next `begin`."""
        self._abandon()
        cursor = self._new_generation(epoch)
        self._cursor, self._unpublished = cursor, True
        return Position(epoch, 0)

    def publish(self) -> None:
        """See `SearchEngine.publish`."""
        if self._unpublished and self._cursor is not None:
            with explained("writing", self._root):
                write_cursor(self._root, self._cursor)
            self._unpublished = False
            self._sweep(self._cursor.folder)

    def close(self) -> None:
        """Let running merges end and give tantivy's own lock back."""
        writer, self._tantivy, self._index = self._tantivy, None, None
        if writer is not None:
            with explained("closing", self._root):
                writer.wait_merging_threads()

    def _add(self, upserts: Sequence[Document], deletions: Sequence[str], *, more: bool) -> None:
        if not self._is_put_off:
            self._use_threads(self._most_threads if more else 1)
        self._is_put_off = True
        writer = self._tantivy
        assert writer is not None  # noqa: S101 - the caller has begun
        for identifier in deletions:
            writer.delete_documents_by_term("id", identifier)
        for document in upserts:
            writer.delete_documents_by_term("id", document.id)
            writer.add_document(self._convert(document))
        reached("index.added")

    def _use_threads(self, threads: int) -> None:
        """Go on with so many: several for a backlog; but each makes a segment at a commit, which costs 20 ms."""
        index, writer = self._index, self._tantivy
        if threads != self._threads and index is not None and writer is not None:
            self._tantivy = None
            writer.wait_merging_threads()
            self._open_writer(index, threads)

    def _is_there(self, cursor: Cursor) -> bool:
        """Whether what is being written is what is searched: somebody may have deleted or replaced it meanwhile."""
        try:
            return read_cursor(self._root) == cursor and (self._root / cursor.folder / "meta.json").exists()
        except (IndexDamaged, OSError):
            return False  # `_resume` meets the same, and says so

    def _abandon(self) -> None:
        """Drop what is not committed.

        Tantivy's lock goes with the last reference to its writer, and an error's traceback may hold one for long: so
        the writer is ended, in whatever state it is.
        """
        writer, self._tantivy, self._index = self._tantivy, None, None
        self._cursor, self._unpublished, self._is_put_off = None, False, False
        if writer is None:
            return
        try:
            writer.wait_merging_threads()
        except ValueError as error:
            _log.debug("tantivy's writer ended with an error", action="index.abandon", error=str(error))

    def _resume(self, epoch: str) -> Cursor:
        try:
            cursor = self._usable(epoch)
            index = open_index(self._root / cursor.folder, self._analysis)
            self._check_opstamp(cursor)
        except _RebuildError as why:
            return self._rebuild(epoch, str(why), fresh=why.fresh)
        except IndexDamaged as damaged:
            return self._rebuild(epoch, str(damaged), fresh=False)
        self._open_writer(index)
        self._sweep(cursor.folder)
        return cursor

    def _usable(self, epoch: str) -> Cursor:
        if self.damage:
            raise _RebuildError(self.damage)
        with explained("reading", self._root):
            cursor = read_cursor(self._root)
        if cursor is None:
            fresh = not any(self._root.glob(f"{GENERATION}*"))
            raise _RebuildError("there is none yet" if fresh else "its cursor file is missing", fresh=fresh)
        if cursor.version != SCHEMA_VERSION:
            raise _RebuildError(f"it is of schema version {cursor.version}, this program writes {SCHEMA_VERSION}")
        if cursor.epoch != epoch:
            raise _RebuildError(f"it is of database epoch {cursor.epoch}, the database is now {epoch}")
        return cursor

    def _check_opstamp(self, cursor: Cursor) -> None:
        """An index older than its cursor (restored from somewhere) lacks changes that the cursor says it has."""
        with explained("opening", self._root, panic=IndexDamaged):
            meta = orjson.loads((self._root / cursor.folder / "meta.json").read_bytes())
        if meta["opstamp"] < cursor.opstamp:
            raise _RebuildError(f"it ends at operation {meta['opstamp']}, its cursor at {cursor.opstamp}")

    def _rebuild(self, epoch: str, why: str, *, fresh: bool) -> Cursor:
        log = _log.info if fresh else _log.warning
        log("the search index is built from zero", action="index.rebuild", index=str(self._root), why=why, epoch=epoch)
        cursor = self._new_generation(epoch)
        with explained("creating", self._root):
            write_cursor(self._root, cursor)
        self._sweep(cursor.folder)
        return cursor

    def _new_generation(self, epoch: str) -> Cursor:
        """An empty index in a folder of its own, open for writing; nobody is told of it yet."""
        cursor = Cursor(SCHEMA_VERSION, epoch, 0, f"{GENERATION}{uuid4().hex}", 0)
        folder = self._root / cursor.folder
        with explained("creating", self._root):
            folder.mkdir(parents=True)
            index = tantivy.Index(build_schema(), path=str(folder))
            register(index, self._analysis)
            self._open_writer(index)
            reached("index.created")
        return cursor

    def _open_writer(self, index: tantivy.Index, threads: int = 1) -> None:
        with explained("opening", self._root):
            self._tantivy = index.writer(self._memory_bytes, num_threads=threads)
            self._tantivy.garbage_collect_files()
        self._index, self._threads = index, threads

    def _sweep(self, keep: str) -> None:
        """Remove earlier generations; readers that still have one open keep its files until they look again."""
        for folder in self._root.glob(f"{GENERATION}*"):
            if folder.name != keep:
                shutil.rmtree(folder)


def _cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _RebuildError(Exception):
    """Why the index cannot be gone on with. `fresh`: there was nothing, which is no reason for a warning."""

    def __init__(self, why: str, *, fresh: bool = False) -> None:
        super().__init__(why)
        self.fresh = fresh
