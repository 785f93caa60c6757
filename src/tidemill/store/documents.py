"""Documents: reading them, one by one, by the batch, or all of a source as a stream."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any

from sqlalchemy import Select, select

from tidemill.errors import NotFound
from tidemill.models.document import Document, DocumentState
from tidemill.store.engine import Store
from tidemill.store.rows import document_of
from tidemill.store.tables import documents, sources


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


async def current(store: Store, source: str | None = None) -> AsyncGenerator[Document, None]:
    """The current documents by URL, then item key: of one source, or of all."""
    statement = _select().where(documents.c.state == DocumentState.CURRENT.value)
    if source is not None:
        statement = statement.where(sources.c.name == source)
    statement = statement.order_by(documents.c.url, documents.c.item_key, documents.c.id)
    async with store.read(at_leisure=True) as connection:
        result = await connection.stream(statement)
        async for rows in result.mappings().partitions(200):
            for row in rows:
                yield document_of(row)


def _select() -> Select[Any]:
    return select(documents, sources.c.name.label("source")).join(sources, sources.c.id == documents.c.source_id)
