"""Lists of documents as people browse them: some of each document, page by page behind a key.

In: which documents, and where the page before ended. Out: what a list shows of each. Called by `manage.documents`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, select, tuple_

from tidemill.models.document import DocumentState
from tidemill.store.engine import Store
from tidemill.store.tables import document_tags, documents, sources, tags

SHOWN = (
    *("id", "url", "kind", "title", "author", "published_at", "language", "summary", "word_count", "fetched_at"),
    *("version", "state", "duplicate_of", "first_seen_at", "updated_at"),
)
_KEY = (documents.c.url, documents.c.item_key, documents.c.id)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which documents; what is `None` does not matter. Times are aware, `until` is the first that is too late."""

    state: DocumentState = DocumentState.CURRENT
    source_id: str | None = None
    kind: str | None = None
    language: str | None = None
    tag: str | None = None
    published_since: datetime | None = None
    published_until: datetime | None = None
    updated_since: datetime | None = None


Key = tuple[str, str, str]
"""URL, item key and identifier."""


async def listed(store: Store, wanted: Wanted, after: Key | None, limit: int) -> list[dict[str, Any]]:
    """These documents: of one source by URL, of all by identifier, since an index has them in that order."""
    columns = [*(documents.c[name] for name in SHOWN), documents.c.item_key, sources.c.name.label("source")]
    statement = select(*columns).join(sources, sources.c.id == documents.c.source_id).where(*_conditions(wanted))
    async with store.read() as connection:
        rows = await connection.execute(_behind(statement, wanted, after).limit(limit))
        return [dict(row) for row in rows.mappings()]


def _behind(statement: Select[Any], wanted: Wanted, after: Key | None) -> Select[Any]:
    if wanted.source_id is None:
        ordered = statement.order_by(documents.c.id)
        return ordered if after is None else ordered.where(documents.c.id > after[2])
    ordered = statement.order_by(*_KEY)
    return ordered if after is None else ordered.where(tuple_(*_KEY) > tuple_(*after, types=[c.type for c in _KEY]))


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = [documents.c.state == wanted.state.value]
    for column, value in (
        (documents.c.source_id, wanted.source_id),
        (documents.c.kind, wanted.kind),
        (documents.c.language, wanted.language),
    ):
        if value is not None:
            where.append(column == value)
    if wanted.tag is not None:
        tagged = select(document_tags.c.document_id).join(tags, tags.c.id == document_tags.c.tag_id)
        where.append(documents.c.id.in_(tagged.where(tags.c.name == wanted.tag)))
    if wanted.published_since is not None:
        where.append(documents.c.published_at >= wanted.published_since)
    if wanted.published_until is not None:
        where.append(documents.c.published_at < wanted.published_until)
    if wanted.updated_since is not None:
        where.append(documents.c.updated_at >= wanted.updated_since)
    return where
