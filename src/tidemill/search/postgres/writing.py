"""The writing half of the engine: one connection that holds the lock of the table and writes over the same wire.

The lock ends with the connection, and the connection with its process; a connection that is lost takes both the lock
and the right to write with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.errors import Conflict
from tidemill.models.document import Document
from tidemill.search.analysis import Analysis
from tidemill.search.base import Position
from tidemill.search.postgres.lock import ServerLock
from tidemill.search.postgres.state import VERSION, State, read_state, write_state
from tidemill.search.postgres.vector import Row, row_of
from tidemill.store import locks
from tidemill.store.engine import Store
from tidemill.telemetry.logs import get_logger

_log = get_logger(__name__)

_MOST_KNOWN_TERMS = 1_000_000
_LONGEST_TERM = 60
_DROP = text("DELETE FROM search_documents WHERE generation <> :generation")
_DROP_TERMS = text("DELETE FROM search_terms WHERE generation <> :generation")
_DELETE = text("DELETE FROM search_documents WHERE generation = :generation AND id = ANY(:ids)")
_TERMS = text(
    "INSERT INTO search_terms (generation, term) SELECT :generation, term"
    " FROM unnest(CAST(:terms AS text[])) AS given(term) ON CONFLICT DO NOTHING"
)
_COLUMNS = (
    "words",
    "title_words",
    "published_at",
    "title_key",
    "language",
    "title",
    "content",
)
_UPSERT = text(
    f"INSERT INTO search_documents (generation, id, search_vector, counted, own, stored, {', '.join(_COLUMNS)})"
    " VALUES (:generation, :id, CAST(:search_vector AS tsvector), CAST(:counted AS jsonb), CAST(:own AS jsonb),"
    f" CAST(:stored AS json), {', '.join(f':{name}' for name in _COLUMNS)})"
    " ON CONFLICT (generation, id) DO UPDATE SET search_vector = excluded.search_vector, counted = excluded.counted,"
    f" own = excluded.own, stored = excluded.stored, {', '.join(f'{name} = excluded.{name}' for name in _COLUMNS)}"
)


class Writer:
    """Writes the table of `store`, as long as it holds the lock."""

    def __init__(self, store: Store, analysis: Analysis) -> None:
        self._store = store
        self._analysis = analysis
        self._lock = ServerLock(store, locks.SEARCH)
        self._state: State | None = None
        self._unpublished = False
        self._known_terms: set[str] = set()

    @property
    def writable(self) -> bool:
        """Whether the lock is held."""
        return self._lock.held

    async def try_lock(self) -> bool:
        """Take the lock if it is free."""
        return await self._lock.try_acquire()

    async def begin(self, epoch: str) -> Position:
        """See `SearchEngine.begin`."""
        if self._state is not None and self._state.epoch == epoch and not self._unpublished:
            return self._state.position
        async with self._transaction() as connection:
            state = await read_state(connection)
            self._unpublished = False
            if state is None or state.version != VERSION or state.epoch != epoch:
                state = await self._start_anew(connection, state, epoch)
            await self._drop_others(connection, state)
        self._state = state
        self._known_terms.clear()
        return state.position

    async def apply(self, upserts: Sequence[Document], deletions: Sequence[str], position: Position) -> None:
        """See `SearchEngine.apply`: one transaction."""
        state = self._begun(position)
        rows = await asyncio.to_thread(lambda: [row_of(document, self._analysis) for document in upserts])
        after = State(VERSION, position.epoch, position.event_id, state.generation)
        async with self._transaction() as connection:
            if deletions:
                await connection.execute(_DELETE, {"generation": state.generation, "ids": list(deletions)})
            if rows:
                # Whoever finds a document twice in a batch writes it twice; the last one counts.
                await connection.execute(_UPSERT, [{**row.values, "generation": state.generation} for row in rows])
            terms = await self._write_terms(connection, rows, state.generation)
            if not self._unpublished:
                await write_state(connection, after)
        self._state = after
        self._known_terms |= terms

    async def rebuild(self, epoch: str) -> Position:
        """See `SearchEngine.rebuild`: rows of another generation, which nobody looks at yet."""
        async with self._transaction() as connection:
            state = await read_state(connection)
            if state is not None:
                await self._drop_others(connection, state)
        self._state = State(VERSION, epoch, 0, (state.generation if state else 0) + 1)
        self._unpublished = True
        self._known_terms.clear()
        return self._state.position

    async def publish(self) -> None:
        """See `SearchEngine.publish`: one transaction lets the new rows be searched, another drops the old ones."""
        state = self._state
        if not self._unpublished or state is None:
            return
        async with self._transaction() as connection:
            await write_state(connection, state)
        self._unpublished = False
        async with self._transaction() as connection:
            await self._drop_others(connection, state)

    async def close(self) -> None:
        """Give the lock back."""
        self._state = None
        await self._lock.release()

    async def _start_anew(self, connection: AsyncConnection, before: State | None, epoch: str) -> State:
        why = "there is none yet"
        if before is not None and before.version != VERSION:
            why = f"it is of version {before.version}, this program writes {VERSION}"
        elif before is not None:
            why = f"it is of database epoch {before.epoch}, the database is now {epoch}"
        log = _log.warning if before else _log.info
        log("the search index is built from zero", action="index.rebuild", index=self._store.name, why=why, epoch=epoch)
        state = State(VERSION, epoch, 0, (before.generation if before else 0) + 1)
        await write_state(connection, state)
        return state

    async def _drop_others(self, connection: AsyncConnection, state: State) -> None:
        for statement in (_DROP, _DROP_TERMS):
            await connection.execute(statement, {"generation": state.generation})

    async def _write_terms(self, connection: AsyncConnection, rows: Sequence[Row], generation: int) -> set[str]:
        terms = {term for row in rows for term in row.terms if len(term) <= _LONGEST_TERM} - self._known_terms
        if terms:
            await connection.execute(_TERMS, {"generation": generation, "terms": sorted(terms)})
        if len(self._known_terms) > _MOST_KNOWN_TERMS:
            self._known_terms.clear()
        return terms

    def _begun(self, position: Position) -> State:
        self._require_lock()
        state = self._state
        if state is None:
            raise Conflict(
                f"the search index in {self._store.name} is not open for writing; begin first", reason="not_begun"
            )
        if state.epoch != position.epoch:
            raise Conflict(
                f"the search index in {self._store.name} is of database epoch {state.epoch}, not {position.epoch};"
                " begin again",
                reason="other_epoch",
            )
        return state

    def _require_lock(self) -> AsyncConnection:
        if self._lock.connection is None:
            raise Conflict(
                f"the search index in {self._store.name} is written by another process, or try_lock was not called",
                reason="index_locked",
            )
        return self._lock.connection

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        """One transaction on the connection that holds the lock. An error loses what was begun; `begin` comes next."""
        connection = self._require_lock()
        try:
            async with connection.begin():
                yield connection
        except BaseException as error:
            self._state, self._unpublished = None, False
            if connection.invalidated or connection.closed or not isinstance(error, Exception):
                await self.close()
            raise self._lock.explained(error) from error
