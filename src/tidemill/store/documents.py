"""Documents: reading them, one by one, by the batch, or all of a source as a stream."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any

from sqlalchemy import Select, and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.errors import NotFound
from tidemill.models.document import Document, DocumentState
from tidemill.models.export import Selection
from tidemill.store.engine import Store
from tidemill.store.rows import SEARCHED_COLUMNS, document_of, searched_of
from tidemill.store.tables import documents, sources

_AT_ONCE = 200
_SEARCHED = tuple(documents.c[name] for name in SEARCHED_COLUMNS)


async def get(store: Store, document_id: str) -> Document:
    """The document of that identifier, in whatever state. Raises `NotFound`."""
    found = await by_ids(store, [document_id])
    if not found:
        raise NotFound(f"no document {document_id!r}", reason="no_such_document")
    return found[0]


async def by_ids(store: Store, document_ids: Sequence[str]) -> list[Document]:
    """Those of these documents that exist, in whatever state and order."""
    async with store.read() as connection:
        rows = await connection.execute(_select().where(documents.c.id.in_(document_ids)))
        return [document_of(row) for row in rows.mappings()]


async def searched(store: Store, document_ids: Sequence[str]) -> list[Document]:
    """Those of these documents that exist, in whatever state; their drafts hold only what is searched and shown of
    hits, since to read the rest takes longer."""
    statement = select(*_SEARCHED, sources.c.name.label("source")).join(sources, sources.c.id == documents.c.source_id)
    async with store.read() as connection:
        rows = await connection.execute(statement.where(documents.c.id.in_(document_ids)))
        return [searched_of(row) for row in rows.mappings()]


async def current(store: Store, selection: Selection | None = None) -> AsyncGenerator[list[Document], None]:
    """The current documents by URL, then item key, in batches: those of a selection, or all.

    All are of one moment, whatever is written meanwhile. Only their identifiers are sorted: a database would sort whole
    documents in files as large as all of them.
    """
    ordered = _ids(selection or Selection()).order_by(documents.c.url, documents.c.item_key, documents.c.id)
    async with store.read(at_leisure=True) as connection:
        result = await connection.stream(ordered)
        async for ids in result.scalars().partitions(_AT_ONCE):
            yield await _in_order(connection, ids)


async def current_ids(store: Store, selection: Selection, limit: int) -> list[str]:
    """The identifiers of the first so many of them, in the same order."""
    ordered = _ids(selection).order_by(documents.c.url, documents.c.item_key, documents.c.id).limit(limit)
    async with store.read() as connection:
        return list((await connection.execute(ordered)).scalars())


async def current_among(store: Store, document_ids: Sequence[str]) -> list[Document]:
    """Those of these documents that are current, in the order of their identifiers as given."""
    async with store.read() as connection:
        return await _in_order(connection, document_ids)


async def _in_order(connection: AsyncConnection, document_ids: Sequence[str]) -> list[Document]:
    of_them = and_(documents.c.id.in_(document_ids), documents.c.state == DocumentState.CURRENT.value)
    rows = (await connection.execute(_select().where(of_them))).mappings()
    found = {row["id"]: document_of(row) for row in rows}
    return [found[each] for each in document_ids if each in found]


def _ids(selection: Selection) -> Select[Any]:
    wanted = [documents.c.state == DocumentState.CURRENT.value]
    for column, value in (
        (sources.c.name, selection.source),
        (documents.c.kind, selection.kind),
        (documents.c.language, selection.language),
    ):
        if value is not None:
            wanted.append(column == value)
    for column, first in (
        (documents.c.published_at, selection.published_after),
        (documents.c.updated_at, selection.updated_after),
    ):
        if first is not None:
            wanted.append(column >= first)
    if selection.published_before is not None:
        wanted.append(documents.c.published_at < selection.published_before)
    return select(documents.c.id).join(sources, sources.c.id == documents.c.source_id).where(*wanted)


def _select() -> Select[Any]:
    return select(documents, sources.c.name.label("source")).join(sources, sources.c.id == documents.c.source_id)
