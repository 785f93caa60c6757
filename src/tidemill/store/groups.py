"""Groups of equal documents: loading them, and writing what the judge decided about those already stored."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import RowMapping, and_, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.models.document import DocumentState
from tidemill.models.event import DOCUMENT_DUPLICATE, DOCUMENT_STORED
from tidemill.models.outcome import Outcome
from tidemill.store import events, judge
from tidemill.store.judge import Member, Standing
from tidemill.store.tables import document_versions, documents, runs, visits

Content: TypeAlias = tuple[str, str]
"""A source's identifier and a content hash: the documents that share both are one group."""

_RESTATE = (
    update(documents)
    .where(documents.c.id == bindparam("b_id"))
    .values(state=bindparam("b_state"), duplicate_of=bindparam("b_duplicate_of"), updated_at=bindparam("b_now"))
)
_TOLD = (
    select(
        visits.c.page_id,
        visits.c.outcome,
        documents.c.state,
        documents.c.first_seen_at,
        document_versions.c.state.label("state_before"),
        document_versions.c.replaced_at,
    )
    .join(documents, documents.c.page_id == visits.c.page_id)
    .outerjoin(
        document_versions,
        and_(document_versions.c.document_id == documents.c.id, document_versions.c.version == documents.c.version - 1),
    )
    .where(
        visits.c.outcome.in_(
            [Outcome.STORED.value, Outcome.CHANGED.value, Outcome.UNCHANGED.value, Outcome.DUPLICATE.value]
        )
    )
)
"""What the ledger says of pages, with the documents of each and the last kept version of these."""


def member(row: RowMapping) -> Member:
    """A row of `documents` in the eyes of the judge."""
    return Member(
        id=row["id"],
        page_id=row["page_id"],
        url=row["url"],
        item_key=row["item_key"],
        canonical_url=row["canonical_url"],
        state=DocumentState(row["state"]),
        duplicate_of=row["duplicate_of"],
    )


async def load(connection: AsyncConnection, contents: Collection[Content]) -> dict[Content, dict[str, Member]]:
    """The current and duplicate documents of each content.

    Asked for each source apart, and whatever the state, so that SQLite takes the index of contents and no other.
    """
    groups: dict[Content, dict[str, Member]] = {content: {} for content in contents}
    if not contents:
        return groups
    columns = (
        documents.c.id,
        documents.c.source_id,
        documents.c.content_hash,
        documents.c.page_id,
        documents.c.url,
        documents.c.item_key,
        documents.c.canonical_url,
        documents.c.state,
        documents.c.duplicate_of,
    )
    live = (DocumentState.CURRENT.value, DocumentState.DUPLICATE.value)
    for source_id in sorted({source_id for source_id, _ in contents}):
        hashes = [content_hash for of_source, content_hash in contents if of_source == source_id]
        wanted = and_(documents.c.source_id == source_id, documents.c.content_hash.in_(hashes))
        for row in (await connection.execute(select(*columns).where(wanted))).mappings():
            if row["state"] in live:
                groups[source_id, row["content_hash"]][row["id"]] = member(row)
    return groups


async def restate(
    connection: AsyncConnection,
    standings: Mapping[str, Standing],
    *,
    run_id: str,
    source_id: str,
    now: datetime,
) -> None:
    """Give stored documents another standing, say so in the outbox, and correct the run's ledger where it told of them.

    All of them are of the source `source_id`, and `run_id` is its run that caused the change.
    """
    if not standings:
        return
    rows = [
        {"b_id": identifier, "b_state": standing.state.value, "b_duplicate_of": standing.duplicate_of, "b_now": now}
        for identifier, standing in standings.items()
    ]
    await connection.execute(_RESTATE, rows)
    lines = [
        events.line(
            DOCUMENT_STORED if standing.state is DocumentState.CURRENT else DOCUMENT_DUPLICATE,
            now,
            source_id=source_id,
            run_id=run_id,
            document_id=identifier,
            payload={"duplicate_of": standing.duplicate_of},
        )
        for identifier, standing in standings.items()
    ]
    await events.append(connection, lines)
    await _correct_ledger(connection, run_id, list(standings))


async def _correct_ledger(connection: AsyncConnection, run_id: str, document_ids: Iterable[str]) -> None:
    """Pages of these documents that the run has finished end as if they had come last: the order must not show."""
    touched = select(documents.c.page_id).where(documents.c.id.in_(list(document_ids)))
    begun = (await connection.execute(select(runs.c.created_at).where(runs.c.id == run_id))).scalar_one()
    told: dict[str, str] = {}
    became: dict[str, list[Outcome]] = {}
    for row in await connection.execute(_TOLD.where(visits.c.run_id == run_id, visits.c.page_id.in_(touched))):
        told[row.page_id] = row.outcome
        became.setdefault(row.page_id, []).extend(_became(row, begun))
    for page_id, found in became.items():
        outcome = judge.first_that_applies(found)
        if outcome.value != told[page_id]:
            reason = "exact_content" if outcome is Outcome.DUPLICATE else None
            of_page = and_(visits.c.run_id == run_id, visits.c.page_id == page_id)
            await connection.execute(update(visits).where(of_page).values(outcome=outcome.value, reason=reason))


def _became(row: Any, begun: datetime) -> list[Outcome]:
    """What became of one document in the run that was begun then; nothing, if it was removed before."""
    changed = row.replaced_at is not None and row.replaced_at >= begun
    state = DocumentState(row.state)
    if state is DocumentState.REMOVED:
        return [Outcome.CHANGED] if changed else []
    if row.first_seen_at >= begun:
        before = None
    else:
        before = DocumentState(row.state_before) if changed else DocumentState.CURRENT
    return [judge.outcome_of(before, state, changed=changed)]
