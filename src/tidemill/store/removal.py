"""Removal: a page that is gone takes its documents with it, and the next of its duplicates takes over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.models.document import DocumentState
from tidemill.models.event import DOCUMENT_REMOVED
from tidemill.store import events, groups, judge
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
    await remove(connection, rows, run_id=run_id, source_id=source_id, now=now)


async def remove(
    connection: AsyncConnection, rows: Sequence[Any], *, run_id: str, source_id: str, now: datetime
) -> None:
    """Remove these documents (whole rows): a version of each is kept, and the best of their duplicates promoted."""
    if not rows:
        return
    await connection.execute(insert(document_versions), [old_version(row, now) for row in rows])
    gone = {
        "state": DocumentState.REMOVED.value,
        "duplicate_of": None,
        "version": documents.c.version + 1,
        "updated_at": now,
    }
    identifiers = [row["id"] for row in rows]
    await connection.execute(update(documents).where(documents.c.id.in_(identifiers)).values(gone))
    lines = [
        events.line(DOCUMENT_REMOVED, now, source_id=source_id, run_id=run_id, document_id=row["id"])
        for row in rows
        if row["state"] == DocumentState.CURRENT.value
    ]
    await events.append(connection, lines)
    left = await groups.load(connection, {(row["source_id"], row["content_hash"]) for row in rows})
    for members in left.values():
        changes = judge.differing(members, judge.settle(members.values()))
        await groups.restate(connection, changes, run_id=run_id, source_id=source_id, now=now)
