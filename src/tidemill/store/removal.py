"""Removal: a page that is gone takes its documents with it, and the next of its duplicates takes over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import RowMapping, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.models.document import DocumentState
from tidemill.models.event import DOCUMENT_REMOVED
from tidemill.store import duplicates, events, groups, near
from tidemill.store.rows import old_version
from tidemill.store.tables import document_versions, documents


async def remove_pages(
    connection: AsyncConnection, page_ids: Sequence[str], *, run_id: str, source_id: str, now: datetime
) -> None:
    """Remove every document of these pages, inside the caller's transaction."""
    if not page_ids:
        return
    left = (DocumentState.CURRENT.value, DocumentState.DUPLICATE.value, DocumentState.INVALID.value)
    statement = select(documents).where(documents.c.page_id.in_(page_ids), documents.c.state.in_(left))
    rows = (await connection.execute(statement)).mappings().all()
    await remove(connection, rows, run_id=run_id, now=now)


async def remove(connection: AsyncConnection, rows: Sequence[RowMapping], *, run_id: str | None, now: datetime) -> None:
    """Remove these documents (whole rows): a version of each is kept, and the best of their duplicates promoted."""
    if not rows:
        return
    await mark_removed(connection, rows, run_id=run_id, now=now)
    left = [near.member_of(row) for row in rows if row["state"] in near.LIVE]
    settled = await duplicates.settle(connection, [], left, left)
    await groups.restate(connection, list(settled.values()), run_id=run_id, now=now)


async def mark_removed(
    connection: AsyncConnection, rows: Sequence[RowMapping], *, run_id: str | None, now: datetime
) -> None:
    """Remove these documents and leave it to the caller to settle what that means for their duplicates."""
    if not rows:
        return
    await connection.execute(insert(document_versions), [old_version(row, now) for row in rows])
    gone = {
        "state": DocumentState.REMOVED.value,
        "duplicate_of": None,
        "similarity": None,
        "version": documents.c.version + 1,
        "updated_at": now,
    }
    identifiers = [row["id"] for row in rows]
    await connection.execute(update(documents).where(documents.c.id.in_(identifiers)).values(gone))
    lines = [
        events.line(DOCUMENT_REMOVED, now, source_id=row["source_id"], run_id=run_id, document_id=row["id"])
        for row in rows
        if row["state"] == DocumentState.CURRENT.value
    ]
    await events.append(connection, lines)
