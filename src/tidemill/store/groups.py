"""Writing what was settled about duplicates for documents that were stored before, and correcting what the ledger says.

In: new standings. Out: rows, events, corrected visits. Called by `processed` and `removal`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.models.document import DocumentState
from tidemill.models.event import DOCUMENT_DUPLICATE, DOCUMENT_STORED
from tidemill.models.outcome import Outcome
from tidemill.store import events, judge
from tidemill.store.duplicates import Settled
from tidemill.store.tables import document_versions, documents, runs, visits

_AT_ONCE = 1000
_RESTATE = (
    update(documents)
    .where(documents.c.id == bindparam("b_id"))
    .values(
        state=bindparam("b_state"),
        duplicate_of=bindparam("b_duplicate_of"),
        similarity=bindparam("b_similarity"),
        updated_at=bindparam("b_now"),
    )
)
_TOLD = (
    select(
        visits.c.page_id,
        visits.c.outcome,
        visits.c.reason,
        documents.c.state,
        documents.c.similarity,
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


async def write(connection: AsyncConnection, settled: Iterable[Settled], now: datetime) -> None:
    """Give documents the standing that was settled, and nothing else."""
    rows = [
        {
            "b_id": each.member.id,
            "b_state": each.standing.state.value,
            "b_duplicate_of": each.standing.duplicate_of,
            "b_similarity": each.standing.similarity,
            "b_now": now,
        }
        for each in settled
    ]
    if rows:
        await connection.execute(_RESTATE, rows)


async def restate(
    connection: AsyncConnection, settled: Sequence[Settled], *, run_id: str | None, now: datetime, correct: bool = True
) -> None:
    """Give stored documents another standing, say so in the outbox, and correct the run's ledger where it told of them.

    `run_id` is the run that caused the change, if one did; without `correct` its ledger is left alone.
    """
    if not settled:
        return
    await write(connection, settled, now)
    lines = [
        events.line(
            DOCUMENT_STORED if each.standing.state is DocumentState.CURRENT else DOCUMENT_DUPLICATE,
            now,
            source_id=each.member.source_id,
            run_id=run_id,
            document_id=each.member.id,
            payload={"duplicate_of": each.standing.duplicate_of, "similarity": each.standing.similarity},
        )
        for each in settled
    ]
    await events.append(connection, lines)
    if run_id is not None and correct:
        page_ids = sorted({each.member.page_id for each in settled})
        for at in range(0, len(page_ids), _AT_ONCE):
            await _correct_ledger(connection, run_id, page_ids[at : at + _AT_ONCE])


async def _correct_ledger(connection: AsyncConnection, run_id: str, page_ids: Sequence[str]) -> None:
    """Pages that the run has finished end as if they had come last: the order must not show."""
    begun = (await connection.execute(select(runs.c.created_at).where(runs.c.id == run_id))).scalar_one()
    told: dict[str, list[Any]] = {}
    for row in await connection.execute(_TOLD.where(visits.c.run_id == run_id, visits.c.page_id.in_(page_ids))):
        told.setdefault(row.page_id, []).append(row)
    for page_id, rows in told.items():
        outcome = judge.first_that_applies(became for row in rows for became in _became(row, begun))
        said = (outcome.value, _reason(rows) if outcome is Outcome.DUPLICATE else None)
        if said[0] != rows[0].outcome or (outcome is Outcome.DUPLICATE and said[1] != rows[0].reason):
            of_page = and_(visits.c.run_id == run_id, visits.c.page_id == page_id)
            await connection.execute(update(visits).where(of_page).values(outcome=said[0], reason=said[1]))


def _reason(rows: Iterable[Any]) -> str:
    return judge.reason_of(row.similarity for row in rows if row.state == DocumentState.DUPLICATE.value)


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
