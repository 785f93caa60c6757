"""Documents in time: every version of one, what pages show now, and finding a document by what people have of it.

In: an identifier, the beginning of one, or pages. Out: versions as plain JSON values, so that they can be compared
whatever version of Tidemill wrote them. Called by `manage.documents` and `manage.reprocess`.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, and_, func, select

from tidemill.errors import NotFound
from tidemill.models.capture import Capture
from tidemill.models.document import DocumentState, Draft, Json
from tidemill.models.ids import page_id
from tidemill.store.engine import Store
from tidemill.store.rows import DRAFT_COLUMNS, draft_values
from tidemill.store.tables import captures, document_versions, documents, pages, sources

_CAPTURE = tuple(captures.c[name] for name in Capture.__dataclass_fields__)
_ID_DIGITS = 32
Values = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Version:
    """A document as it was from one change to the next; the one that stands has no `replaced_at`.

    `values` are those of its draft by name, times as ISO 8601; versions of long ago lack what was not known of then.
    """

    number: int
    state: DocumentState
    capture_id: str
    fetched_at: datetime
    replaced_at: datetime | None
    values: Values


@dataclass(frozen=True, slots=True)
class Standing:
    """What the store holds of one document now."""

    id: str
    url: str
    version: int
    state: DocumentState
    fingerprint: str
    values: Values
    body_hash: str | None = None
    """Of the capture that it was made of, if that is still known."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Which pages: those of a source (all: `None`) whose last shown capture was fetched at `since` or later."""

    source_id: str | None = None
    since: datetime | None = None


def values_of(draft: Draft) -> Values:
    """A draft as `Version.values` has it."""
    return _plain(draft_values(draft))


def values_held(row: RowMapping) -> Values:
    """A row of `documents` as `Version.values` has it."""
    return _plain({name: row[name] for name in DRAFT_COLUMNS})


async def of_document(store: Store, document_id: str) -> AsyncGenerator[Version]:
    """Every version of a document, the oldest first; none if there is no such document."""
    old = select(document_versions).where(document_versions.c.document_id == document_id)
    async with store.read(at_leisure=True) as connection:
        stream = await connection.stream(old.order_by(document_versions.c.version))
        async for row in stream.mappings():
            yield _old(row)
        row = (await connection.execute(_document(document_id))).mappings().one_or_none()
        if row is not None:
            yield _current(row)


async def newest(store: Store, document_id: str, below: int | None, limit: int) -> list[Version]:
    """The last `limit` versions of a document, or the last of those `below` a number; the newest first."""
    of_document = document_versions.c.document_id == document_id
    old = select(document_versions).where(of_document).order_by(document_versions.c.version.desc()).limit(limit)
    if below is not None:
        old = old.where(document_versions.c.version < below)
    async with store.read() as connection:
        row = (await connection.execute(_document(document_id))).mappings().one_or_none()
        is_among = row is not None and (below is None or row["version"] < below)
        current = [_current(row)] if row is not None and is_among else []
        return [*current, *(_old(each) for each in (await connection.execute(old)).mappings())][:limit]


async def get(store: Store, document_id: str, number: int) -> Version:
    """One version of a document. Raises `NotFound` (`no_such_document`, `no_such_document_version`)."""
    async with store.read() as connection:
        row = (await connection.execute(_document(document_id))).mappings().one_or_none()
        if row is None:
            raise NotFound(f"no document {document_id!r}", reason="no_such_document")
        if row["version"] == number:
            return _current(row)
        this = and_(document_versions.c.document_id == document_id, document_versions.c.version == number)
        old = (await connection.execute(select(document_versions).where(this))).mappings().one_or_none()
    if old is None:
        raise NotFound(
            f"document {document_id} has no version {number}; it has 1 to {row['version']}",
            reason="no_such_document_version",
        )
    return _old(old)


async def ids_with_prefix(store: Store, prefix: str, limit: int) -> list[str]:
    """The documents whose identifier begins with these hexadecimal digits, dashes left out."""
    first, last = id_range(prefix)
    found = select(documents.c.id).where(documents.c.id.between(first, last)).order_by(documents.c.id).limit(limit)
    async with store.read() as connection:
        return list((await connection.execute(found)).scalars())


def id_range(prefix: str) -> tuple[str, str]:
    """The least and the greatest identifier with these first digits. A range finds its rows by the primary key."""
    ends = (prefix.ljust(_ID_DIGITS, digit) for digit in "0f")
    first, last = (f"{d[:8]}-{d[8:12]}-{d[12:16]}-{d[16:20]}-{d[20:]}" for d in ends)
    return first, last


async def ids_of_url(store: Store, url_key: str) -> list[tuple[str, DocumentState]]:
    """The documents of the page with this URL key, in whatever source, and their states; by item key."""
    async with store.read() as connection:
        source_ids = (await connection.execute(select(sources.c.id))).scalars()
        of_sources = [page_id(source_id, url_key) for source_id in source_ids]
        found: list[tuple[str, DocumentState]] = []
        for start in range(0, len(of_sources), 500):
            of_pages = documents.c.page_id.in_(of_sources[start : start + 500])
            rows = select(documents.c.id, documents.c.state).where(of_pages).order_by(documents.c.item_key)
            found += [(row.id, DocumentState(row.state)) for row in await connection.execute(rows)]
        return found


async def titles(store: Store, identifiers: Sequence[str]) -> dict[str, str]:
    """The titles of these documents."""
    named = select(documents.c.id, documents.c.title).where(documents.c.id.in_(identifiers))
    async with store.read() as connection:
        return {row.id: row.title for row in await connection.execute(named)}


async def brief(store: Store, source_id: str | None, state: DocumentState, limit: int) -> list[dict[str, Any]]:
    """The first documents in that state by URL, of one source or of all: what a list shows of each."""
    names = ("id", "kind", "version", "title", "url", "duplicate_of", "similarity", "problems")
    statement = select(*(documents.c[name] for name in names), sources.c.name.label("source"))
    statement = statement.join(sources, sources.c.id == documents.c.source_id).where(documents.c.state == state.value)
    if source_id is not None:
        statement = statement.where(documents.c.source_id == source_id)
    ordered = statement.order_by(documents.c.url, documents.c.item_key, documents.c.id).limit(limit)
    async with store.read() as connection:
        rows = (await connection.execute(ordered)).mappings()
        return [{name: row[name] for name in (*names, "source")} for row in rows]


async def count_shown(store: Store, wanted: Shown) -> int:
    """How many pages `shown_captures` gives."""
    async with store.read() as connection:
        return int(await connection.scalar(_shown(wanted, func.count())) or 0)


async def shown_captures(store: Store, wanted: Shown, after: str, limit: int) -> list[Capture]:
    """The latest shown capture of each page behind the page identifier `after`, in the order of these identifiers.

    Pages that are gone show nothing any more, and neither do those of deleted sources.
    """
    statement = _shown(wanted, *_CAPTURE).order_by(pages.c.id).limit(limit)
    if after:
        statement = statement.where(pages.c.id > after)
    async with store.read() as connection:
        return [Capture(**row) for row in (await connection.execute(statement)).mappings()]


async def standing(store: Store, page_ids: Sequence[str]) -> dict[str, dict[str, Standing]]:
    """The documents of these pages as they stand: by page, then by identifier."""
    columns = (documents.c.id, documents.c.page_id, documents.c.url, documents.c.version, documents.c.state)
    statement = select(*columns, *(documents.c[name] for name in DRAFT_COLUMNS), captures.c.body_hash)
    statement = statement.outerjoin(captures, captures.c.id == documents.c.capture_id)
    found: dict[str, dict[str, Standing]] = {}
    async with store.read() as connection:
        for row in (await connection.execute(statement.where(documents.c.page_id.in_(page_ids)))).mappings():
            found.setdefault(row["page_id"], {})[row["id"]] = Standing(
                id=row["id"],
                url=row["url"],
                version=row["version"],
                state=DocumentState(row["state"]),
                fingerprint=row["fingerprint"],
                values=values_held(row),
                body_hash=row["body_hash"],
            )
    return found


def _shown(wanted: Shown, *columns: Any) -> Select[Any]:
    where: list[ColumnElement[bool]] = [pages.c.state == "known", sources.c.deleted_at.is_(None)]
    if wanted.source_id is not None:
        # Asked of the capture: by its index of sources, SQLite would sort all pages of the source for each piece.
        where.append(captures.c.source_id == wanted.source_id)
    if wanted.since is not None:
        where.append(captures.c.fetched_at >= wanted.since)
    of_pages = pages.join(captures, captures.c.id == pages.c.capture_id).join(
        sources, sources.c.id == pages.c.source_id
    )
    return select(*columns).select_from(of_pages).where(*where)


def _document(document_id: str) -> Select[Any]:
    return select(documents).where(documents.c.id == document_id)


def _old(row: RowMapping) -> Version:
    return Version(
        number=row["version"],
        state=DocumentState(row["state"]),
        capture_id=row["capture_id"],
        fetched_at=row["fetched_at"],
        replaced_at=row["replaced_at"],
        values=row["draft"],
    )


def _current(row: RowMapping) -> Version:
    return Version(
        number=row["version"],
        state=DocumentState(row["state"]),
        capture_id=row["capture_id"],
        fetched_at=row["fetched_at"],
        replaced_at=None,
        values=values_held(row),
    )


def _plain(values: Mapping[str, Any]) -> Values:
    """As JSON gives it back: times as text in UTC, tuples as lists."""
    plain: Values = json.loads(json.dumps(values, default=_in_json))
    return plain


def _in_json(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no place in a document")
