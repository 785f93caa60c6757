"""Letting old rows go, a few in each transaction: visits of finished runs become run totals, events are forgotten.

In: how old is too old. Out: how many went. Called by `manage.retention`; where tables are partitioned, `partitions`
drops whole months by the same rules. Captures have a retention of their own, for each source (`named`).

A run is compacted only when nothing can happen to it any more: it has ended, none of its captures waits, none of its
dead letters is open. Of events, the last one of each current document stays, since indexes are built anew from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.models.document import DocumentState
from tidemill.models.run import FINISHED_RUNS
from tidemill.store import locks
from tidemill.store import runs as store_runs
from tidemill.store.again import tried_again
from tidemill.store.deadletters import UNSETTLED
from tidemill.store.engine import Store, insert
from tidemill.store.events import DOCUMENTS_FLOOR, FLOOR, documents_floor
from tidemill.store.tables import dead_letters, documents, events, meta, runs, url_patterns, visits, waiting

AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What went: runs that were compacted, their visits, events."""

    runs: int = 0
    visits: int = 0
    events: int = 0


async def compact_runs(store: Store, before: datetime, at_once: int = AT_ONCE) -> Forgotten:
    """The visits of runs that ended before then become totals of their runs. May be broken off and begun again."""
    done = gone = 0
    for run_id in await _compactable(store, before):
        await _keep_totals(store, run_id)
        while True:
            number = await _delete_visits(store, run_id, at_once)
            gone += number
            if number < at_once:
                break
        done += 1
    return Forgotten(runs=done, visits=gone)


async def forget_events(store: Store, before: datetime, at_once: int = AT_ONCE) -> int:
    """Delete events that are older, but for the last one of each current document; says how many."""
    gone = cursor = 0
    while True:
        cursor, number, is_last = await _forget_some(store, cursor, before, at_once)
        gone += number
        if is_last:
            return gone


def can_be_compacted(before: datetime) -> ColumnElement[bool]:
    """Whether nothing can happen to a run any more, and it ended before then."""
    ended = and_(runs.c.state.in_([each.value for each in FINISHED_RUNS]), runs.c.finished_at < before)
    waits = exists().where(waiting.c.run_id == runs.c.id)
    mourned = exists().where(dead_letters.c.run_id == runs.c.id, dead_letters.c.state.in_(UNSETTLED))
    return and_(ended, ~waits, ~mourned)


def still_told(of: ColumnElement[bool]) -> Any:
    """The events among these that tell how a current document came to be as it is. Both are written in one moment."""
    as_it_is = and_(documents.c.id == events.c.document_id, documents.c.state == DocumentState.CURRENT.value)
    return select(events.c.id).join(documents, as_it_is).where(of, events.c.created_at >= documents.c.updated_at)


async def note_floors(connection: AsyncConnection, event_id: int, document_event_id: int) -> None:
    """Up to `event_id` not every event is told any more, up to `document_event_id` not every one about a document.

    Only ever raised. Readers of the feed compare their cursor with the first; indexes, which never see events about
    nothing but runs, compare their position with the second.
    """
    of_documents = max(document_event_id, await documents_floor(connection))
    of_all = max(event_id, int(await connection.scalar(select(meta.c.value).where(meta.c.key == FLOOR)) or 0))
    for key, value in ((FLOOR, of_all), (DOCUMENTS_FLOOR, of_documents)):
        row = insert(meta).values(key=key, value=str(value))
        await connection.execute(row.on_conflict_do_update(index_elements=["key"], set_={"value": str(value)}))


async def _compactable(store: Store, before: datetime) -> list[str]:
    left = and_(runs.c.compacted_at.is_(None), can_be_compacted(before))
    async with store.read() as connection:
        return list((await connection.execute(select(runs.c.id).where(left).order_by(runs.c.id))).scalars())


@tried_again
async def _keep_totals(store: Store, run_id: str) -> None:
    """Before the first visit goes; who begins again finds them, and does not count what is left."""
    async with store.write(*locks.of_runs([run_id])) as connection:
        if await connection.scalar(select(runs.c.totals).where(runs.c.id == run_id)) is None:
            totals = await store_runs.outcomes(connection, run_id)
            await connection.execute(update(runs).where(runs.c.id == run_id).values(totals=totals))


@tried_again
async def _delete_visits(store: Store, run_id: str, at_once: int) -> int:
    """Some visits of the run; when there are no more, it is compacted."""
    async with store.write(*locks.of_runs([run_id])) as connection:
        some = select(visits.c.page_id).where(visits.c.run_id == run_id).limit(at_once)
        chosen: Sequence[str] = (await connection.execute(some)).scalars().all()
        if chosen:
            await connection.execute(delete(visits).where(visits.c.run_id == run_id, visits.c.page_id.in_(chosen)))
        if len(chosen) < at_once:
            await connection.execute(delete(url_patterns).where(url_patterns.c.run_id == run_id))
            await connection.execute(update(runs).where(runs.c.id == run_id).values(compacted_at=store.now()))
        return len(chosen)


@tried_again
async def _forget_some(store: Store, cursor: int, before: datetime, at_once: int) -> tuple[int, int, bool]:
    """The next events behind the cursor: the new cursor, how many went, and whether the rest is younger."""
    async with store.write(locks.EVENTS) as connection:
        following = select(events.c.id, events.c.created_at, events.c.document_id).where(events.c.id > cursor)
        following = following.order_by(events.c.id)
        rows = (await connection.execute(following.limit(at_once))).all()
        old = {row.id: row.document_id for row in rows if row.created_at < before}
        if not old:
            return cursor, 0, True
        kept = set((await connection.execute(still_told(events.c.id.in_(old)))).scalars())
        gone = [each for each in old if each not in kept]
        if gone:
            await connection.execute(delete(events).where(events.c.id.in_(gone)))
            await note_floors(connection, max(gone), max((each for each in gone if old[each] is not None), default=0))
        return max(old), len(gone), len(old) < at_once


async def count_forgettable(store: Store, visits_before: datetime | None, events_before: datetime | None) -> Forgotten:
    """What would go now; events that stay because of their documents are counted among them."""
    run_count = visit_count = event_count = 0
    async with store.read() as connection:
        if visits_before is not None:
            left = and_(runs.c.compacted_at.is_(None), can_be_compacted(visits_before))
            run_count = int(await connection.scalar(select(func.count()).select_from(runs).where(left)) or 0)
            of_them = tuple_(visits.c.run_id).in_(select(runs.c.id).where(left))
            visit_count = int(await connection.scalar(select(func.count()).select_from(visits).where(of_them)) or 0)
        if events_before is not None:
            old = select(func.count()).select_from(events).where(events.c.created_at < events_before)
            event_count = int(await connection.scalar(old) or 0)
    return Forgotten(run_count, visit_count, event_count)
