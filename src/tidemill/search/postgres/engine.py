"""The PostgreSQL engine: the port over a table in the store's database, filled by the indexer off the write path.

Questions go to a standby if there is one that holds the state of the index that the primary has now.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TypeAlias, TypeVar

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.errors import NotFound, Transient
from tidemill.models.document import Document
from tidemill.search.analysis import Analysis
from tidemill.search.base import Hit, Position, SearchQuery, SearchResult
from tidemill.search.likeness import telling
from tidemill.search.postgres.conditions import Parameters, all_of, in_a_row
from tidemill.search.postgres.reading import View, answer, frequencies, shown, view_of
from tidemill.search.postgres.state import VERSION, State, read_state
from tidemill.search.postgres.terms import begun_words
from tidemill.search.postgres.vector import EXACT, quoted
from tidemill.search.postgres.writing import Writer
from tidemill.search.suggesting import joined, typed_so_far
from tidemill.store.engine import Store
from tidemill.store.replicas import Replicas

T = TypeVar("T")
Reading: TypeAlias = tuple[AsyncConnection, View | None]
_KEPT_S = 30.0
_MOST_ALIKE = 500
_TITLES = 3
_TITLED = (
    "SELECT title FROM search_documents d WHERE d.generation = :generation"
    " AND d.search_vector @@ CAST(:query AS tsquery) ORDER BY d.title_words, d.id LIMIT :most"
)
_ITSELF = text("SELECT title, content, language FROM search_documents WHERE generation = :generation AND id = :id")


class PostgresEngine:
    """A `SearchEngine` in the database of `store`, which must be PostgreSQL and stays its owner's to close.

    So do the standbys of `replicas`.
    """

    def __init__(self, store: Store, replicas: Replicas | None = None) -> None:
        self._store = store
        self._replicas = replicas if replicas and replicas.are_any else None
        self._analysis = Analysis()
        self._writer = Writer(store, self._analysis)
        self._view: View | None = None
        self._seen_at = 0.0

    @property
    def writable(self) -> bool:
        """Whether this process holds the lock of the table."""
        return self._writer.writable

    async def try_lock(self) -> bool:
        """Take the lock of the table if it is free."""
        return await self._writer.try_lock()

    async def begin(self, epoch: str) -> Position:
        """Go on where the table ends, or begin it anew. Raises `Conflict`, `Transient`."""
        return await self._writer.begin(epoch)

    async def apply(
        self, upserts: Sequence[Document], deletions: Sequence[str], position: Position, *, more: bool = False
    ) -> None:
        """Write the batch and the position in one transaction, `more` or not."""
        await self._writer.apply(upserts, deletions, position)

    async def rebuild(self, epoch: str) -> Position:
        """Begin another generation of rows."""
        return await self._writer.rebuild(epoch)

    async def publish(self) -> None:
        """Let the new generation be searched, and drop the old one."""
        await self._writer.publish()

    async def position(self) -> Position | None:
        """What the row of state says, whoever wrote it."""
        async with self._store.read() as connection:
            state = await read_state(connection)
            return state.position if state and state.version == VERSION else None

    def known_position(self) -> Position | None:
        """Only the server knows."""
        return None

    async def search(self, query: SearchQuery) -> SearchResult:
        """The answer from what is committed."""
        begun = time.perf_counter()

        async def ask(connection: AsyncConnection, view: View | None) -> SearchResult:
            if view is None:
                return SearchResult(query.text, 0, 0.0, ())
            return await answer(connection, view, self._analysis, query)

        found = await self._read(ask)
        return replace(found, took_ms=round((time.perf_counter() - begun) * 1000, 3))

    async def suggest(self, text: str, limit: int) -> tuple[str, ...]:
        """Titles and words."""
        words, begun = typed_so_far(self._analysis, text)
        if not (words or begun):
            return ()

        async def ask(connection: AsyncConnection, view: View | None) -> tuple[str, ...]:
            if view is None:
                return ()
            parts = [f"{quoted(EXACT + word)}:A" for word in words]
            parts += [in_a_row(EXACT, begun, begun=True, weight="A")] if begun else []
            titles = await self._titles(connection, view, all_of(parts), limit * _TITLES)
            last = begun[-1] if len(begun) == 1 else ""
            known = await begun_words(connection, view.state.generation, last, limit) if last and titles else []
            return joined(text, titles, [(word, 0) for word in known], limit)

        return await self._read(ask)

    async def similar(self, document_id: str, limit: int) -> SearchResult:
        """Documents with the words that tell this one from others."""
        begun = time.perf_counter()

        async def ask(connection: AsyncConnection, view: View | None) -> tuple[int, tuple[Hit, ...]]:
            row = None
            if view is not None:
                asked = {"generation": view.state.generation, "id": document_id}
                row = (await connection.execute(_ITSELF, asked)).one_or_none()
            if row is None or view is None:
                raise NotFound(f"the search index has no document {document_id!r}", reason="no_such_document")
            page = await self._alike(connection, view, document_id, row.title, row.content, row.language)
            return len(page), await shown(connection, view.state.generation, page[:limit], self._analysis, ())

        total, hits = await self._read(ask)
        return SearchResult("", total, round((time.perf_counter() - begun) * 1000, 3), hits)

    async def close(self) -> None:
        """Give back the lock and its connection."""
        await self._writer.close()

    async def _read(self, ask: Callable[[AsyncConnection, View | None], Awaitable[T]]) -> T:
        """What `ask` finds: in a standby, if that holds all that is searchable by now, else in the primary."""
        replicas = self._replicas
        if replicas is None:
            async with self._reading(self._store) as (connection, view):
                return await ask(connection, view)
        async with self._store.read() as connection:
            least = await read_state(connection)

        async def ask_one(store: Store) -> T:
            async with self._reading(store, least if store is not self._store else None) as (connection, view):
                return await ask(connection, view)

        return await replicas.read(ask_one)

    @asynccontextmanager
    async def _reading(self, store: Store, least: State | None = None) -> AsyncIterator[Reading]:
        """A connection, and what is known of the newest state; `None` if there is none that this program can read.

        Raises `NotFound` if the store does not hold the state `least` yet.
        """
        async with store.read() as connection:
            # A plan for any question would not know how common its words are.
            await connection.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))
            state = await read_state(connection)
            if state is not None and state.version != VERSION:
                raise Transient(
                    f"the search index in {self._store.name} is of version {state.version}, this program reads"
                    f" {VERSION}; it can be searched as soon as a new indexer has begun to build it again",
                    reason="index_version",
                )
            if least is not None and not (state and _is_as_new(state, least)):
                raise NotFound(f"{store.name} does not hold the newest state of the index yet")
            yield connection, await self._viewed(connection) if state is not None else None

    async def _viewed(self, connection: AsyncConnection) -> View | None:
        """The view, looked at again when the state has changed, but of an index that only grows not all the time."""
        state = await read_state(connection)
        if state is None:
            return None
        view = self._view
        grown = view is None or view.state != state
        if view is None or view.state.generation != state.generation or (grown and self._is_old(view, state.event_id)):
            view = await view_of(connection, state, self._analysis)
            self._view, self._seen_at = view, time.monotonic()
        return view

    def _is_old(self, view: View, event_id: int) -> bool:
        return view.documents < 10_000 or time.monotonic() - self._seen_at > _KEPT_S

    async def _titles(self, connection: AsyncConnection, view: View, query: str, most: int) -> list[str]:
        asked = {"generation": view.state.generation, "query": query, "most": most}
        return list((await connection.execute(text(_TITLED), asked)).scalars())

    async def _alike(
        self, connection: AsyncConnection, view: View, document_id: str, title: str, content: str, language: str | None
    ) -> list[tuple[str, float]]:
        frequent: dict[str, int] = {}

        def frequency(stem: str) -> int:
            frequent.setdefault(stem, 2)
            return frequent[stem]

        documents = max(view.documents, 2)
        telling(self._analysis, title, content, language, documents=documents, frequency=frequency)
        frequent.update(await frequencies(connection, view, list(frequent)))
        words = telling(self._analysis, title, content, language, documents=documents, frequency=frequency)
        if not words:
            return []
        parameters = Parameters()
        least = max(1, int(len(words) * 0.2))
        shared = [f"CASE WHEN d.search_vector @@ {parameters.query(quoted(stem))} THEN 1 ELSE 0 END" for stem in words]
        weights = [f"{weight} * {has}" for weight, has in zip(words.values(), shared, strict=True)]
        rare = " | ".join(quoted(stem) for stem in words)
        statement = (
            f"SELECT id, score FROM (SELECT d.id, CAST({' + '.join(weights)} AS float8) AS score,"
            f" {' + '.join(shared)} AS held FROM (SELECT * FROM search_documents d WHERE d.generation ="
            f" {parameters.put(view.state.generation)} AND d.search_vector @@ {parameters.query(rare)}"
            f" AND d.id <> {parameters.put(document_id)} LIMIT {_MOST_ALIKE * 10}) AS d) AS likely"
            f" WHERE held >= {least} ORDER BY score DESC, id LIMIT {_MOST_ALIKE}"
        )
        rows = await connection.execute(text(statement), parameters.values)
        return [(row.id, row.score) for row in rows]


def _is_as_new(state: State, least: State) -> bool:
    return (state.epoch, state.generation) == (least.epoch, least.generation) and state.event_id >= least.event_id
