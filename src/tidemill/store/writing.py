"""Documents and their versions, tags and events, as a batch of plans writes them.

In: plans. Out: rows. Called by `processed`, inside its transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Insert, delete, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.models.document import DocumentState
from tidemill.models.event import DOCUMENT_CHANGED, DOCUMENT_DUPLICATE, DOCUMENT_REMOVED, DOCUMENT_STORED
from tidemill.models.ids import derived_id
from tidemill.models.outcome import Outcome
from tidemill.store import events
from tidemill.store.engine import insert as upsert
from tidemill.store.many import execute_many
from tidemill.store.plans import Plan
from tidemill.store.rows import draft_values, old_version
from tidemill.store.tables import document_tags, document_versions, documents, tags


def _replacing() -> Insert:
    """Insert a document, or replace all of it but the time at which it was first seen."""
    statement = upsert(documents)
    replaced = {each.name: each for each in statement.excluded if each.name not in ("id", "first_seen_at")}
    return statement.on_conflict_do_update(index_elements=["id"], set_=replaced)


_WRITE = _replacing()  # Made once: to write it takes longer than to run it.
_KNOW_TAG = upsert(tags).on_conflict_do_nothing(index_elements=["id"])
_TAG = upsert(document_tags).on_conflict_do_nothing(index_elements=["document_id", "tag_id"])


async def keep_versions(connection: AsyncConnection, plans: Sequence[Plan], now: datetime) -> None:
    """Keep what these documents said before."""
    kept = [old_version(plan.before, now) for plan in plans if plan.before is not None and plan.changed]
    if kept:
        await connection.execute(insert(document_versions), kept)


async def write_documents(connection: AsyncConnection, plans: Sequence[Plan], now: datetime) -> None:
    """Write these documents and their tags as they are planned."""
    if not plans:
        return
    await execute_many(connection, _WRITE, [_row(plan, now) for plan in plans])
    known = [plan.id for plan in plans if plan.before is not None]
    if known:
        await connection.execute(delete(document_tags).where(document_tags.c.document_id.in_(known)))
    names = sorted({tag for plan in plans for tag in plan.draft.tags})
    if names:
        tag_rows = [{"id": derived_id("tag", name), "name": name} for name in names]
        await execute_many(connection, _KNOW_TAG, tag_rows)
        known_as = {row["name"]: row["id"] for row in tag_rows}
        links = [{"document_id": plan.id, "tag_id": known_as[name]} for plan in plans for name in plan.draft.tags]
        await execute_many(connection, _TAG, links)


def _row(plan: Plan, now: datetime) -> dict[str, Any]:
    before = plan.before
    capture = plan.capture
    version = 1 if before is None else before["version"] + int(plan.changed)
    return {
        "id": plan.id,
        "source_id": capture.source_id,
        "page_id": capture.page_id,
        "item_key": plan.draft.item_key,
        "url": capture.url,
        "state": plan.standing.state.value,
        "duplicate_of": plan.standing.duplicate_of,
        "similarity": plan.standing.similarity,
        "version": version,
        "capture_id": capture.id,
        "fetched_at": capture.fetched_at,
        "first_seen_at": now,
        "updated_at": now,
        **draft_values(plan.draft),
    }


def event_of(plan: Plan, now: datetime) -> dict[str, object] | None:
    """What the outbox says of a document that was written; of an invalid one, only that it is not current any more."""
    if plan.standing.state is DocumentState.CURRENT:
        kind = DOCUMENT_CHANGED if plan.outcome is Outcome.CHANGED else DOCUMENT_STORED
    elif plan.standing.state is DocumentState.DUPLICATE:
        kind = DOCUMENT_DUPLICATE
    elif plan.before is not None and plan.before["state"] == DocumentState.CURRENT.value:
        kind = DOCUMENT_REMOVED
    else:
        return None
    standing = plan.standing
    return events.line(
        kind,
        now,
        source_id=plan.capture.source_id,
        run_id=plan.capture.run_id,
        document_id=plan.id,
        payload={
            "url": plan.capture.url,
            "duplicate_of": standing.duplicate_of,
            "similarity": standing.similarity,
        },
    )
