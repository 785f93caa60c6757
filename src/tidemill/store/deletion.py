"""Deleting a source: no more runs, its documents removed with events, its row kept; or purged, and nothing is kept.

In: a source's name. Out: how much that ended and removed. Called by `manage.sources`. Work is done in bounded
transactions and the source is marked as deleted in the last one, so that a deletion that was interrupted is completed
by asking for it again. Who asked is written down in the first one, what it came to in the last.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.models.account import Caller
from tidemill.models.audit import Note
from tidemill.models.document import DocumentState
from tidemill.models.event import RUN_FINISHED
from tidemill.models.outcome import Outcome, VisitState
from tidemill.models.run import RunState
from tidemill.models.source import Source
from tidemill.store import audit, events, locks, ownership, removal
from tidemill.store import sources as source_store
from tidemill.store.again import tried_again
from tidemill.store.engine import Store
from tidemill.store.tables import (
    IS_OPEN,
    captures,
    dead_letters,
    documents,
    pages,
    runs,
    schedules,
    sources,
    visits,
    waiting,
)

_AT_ONCE = 200
_AT_ONCE_LIGHT = 2000
_LIVE = (DocumentState.CURRENT.value, DocumentState.DUPLICATE.value, DocumentState.INVALID.value)
_FORGOTTEN = {"etag": None, "last_modified": None, "body_hash": None, "due_at": None}
"""What must not be believed of a page any more: if its source comes back, the page must come in full."""


@dataclass(frozen=True, slots=True)
class Deleted:
    """What the deletion of a source came to."""

    runs_cancelled: int
    documents_removed: int


async def mark_deleted(
    store: Store, name: str, by: Caller | None = None, check: source_store.Check | None = None
) -> Deleted:
    """Delete a source. Its history and its row stay; applying a source of that name brings it back.

    Runs end as cancelled, what they still had to do as `skipped (source_deleted)`. Raises `NotFound`, or `Forbidden`
    (`not_owner`) unless the source is `by`'s to edit, and what `check` raises, who sees it as it stands.
    """
    source = await source_store.get(store, name)
    done = Deleted(await _begin(store, source, by, check), 0)
    is_over = False
    while not is_over:
        done, is_over = await _go_on(store, source, by, done)
    return done


@tried_again
async def _begin(store: Store, source: Source, by: Caller | None, check: source_store.Check | None) -> int:
    """End the runs of a source that is to be deleted; how many."""
    async with store.write(locks.EVENTS, *locks.of_sources([source.id])) as connection:
        now = store.now()
        await ownership.check(connection, source.id, by)
        if check is not None:
            check(await source_store.standing_now(connection, source.name))
        cancelled = await _end_runs(connection, source.id, now)
        if by is not None:
            await audit.append(connection, by, [Note("source.delete", source.name)], now)
        return cancelled


@tried_again
async def _go_on(store: Store, source: Source, by: Caller | None, done: Deleted) -> tuple[Deleted, bool]:
    """Remove some documents, and with the last of them the source; what was done so far, and whether that is all."""
    async with store.write(locks.EVENTS, *locks.of_sources([source.id])) as connection:
        now = store.now()
        batch = await _remove_documents(connection, source.id, now)
        done = replace(done, documents_removed=done.documents_removed + batch)
        if batch == _AT_ONCE:
            return done, False
        late = await _end_runs(connection, source.id, now)
        done = replace(done, runs_cancelled=done.runs_cancelled + late)
        await _close(connection, source.id, now)
        if by is not None:
            await audit.append(connection, by, [Note("source.deleted", source.name, asdict(done))], now)
        return done, True


async def purge(store: Store, name: str, by: Caller | None = None) -> None:
    """Take everything that the store has of a deleted source out of it, for good.

    Events stay, since readers of the feed may not have seen them, and bodies stay in the archive until it is swept.
    Raises `NotFound`, or `Forbidden` (`not_owner`).
    """
    source = await source_store.get(store, name, with_deleted=True)
    await _begin_purge(store, source, by)
    await _empty(store, source.id, documents.c.id, documents.c.source_id == source.id, _AT_ONCE)
    await _empty(store, source.id, dead_letters.c.id, dead_letters.c.source_id == source.id, _AT_ONCE_LIGHT)
    await _empty(store, source.id, captures.c.id, captures.c.run_id.in_(_runs_of(source.id)), _AT_ONCE_LIGHT)
    for run_id in await _run_ids(store, source.id):
        await _empty(store, source.id, visits.c.page_id, visits.c.run_id == run_id, _AT_ONCE_LIGHT)
        await _empty(store, source.id, runs.c.id, runs.c.id == run_id, _AT_ONCE)
    # Few at a time: the database looks through the visits of all other sources for each page that goes.
    await _empty(store, source.id, pages.c.id, pages.c.source_id == source.id, _AT_ONCE)
    await _end_purge(store, source, by)


@tried_again
async def _begin_purge(store: Store, source: Source, by: Caller | None) -> None:
    async with store.write(locks.AUDIT) as connection:
        await ownership.check(connection, source.id, by)
        if by is not None:
            await audit.append(connection, by, [Note("source.purge", source.name)], store.now())


@tried_again
async def _end_purge(store: Store, source: Source, by: Caller | None) -> None:
    async with store.write(locks.AUDIT) as connection:
        if by is not None:
            await audit.append(connection, by, [Note("source.purged", source.name)], store.now())
        await connection.execute(delete(schedules).where(schedules.c.source_id == source.id))
        await connection.execute(delete(sources).where(sources.c.id == source.id, sources.c.deleted_at.is_not(None)))


async def _end_runs(connection: AsyncConnection, source_id: str, now: datetime) -> int:
    """Cancel what is not finished. Captures that wait are not processed: they would make documents again."""
    of_source = _runs_of(source_id)
    await connection.execute(delete(waiting).where(waiting.c.run_id.in_(of_source)))
    skipped = {
        "state": VisitState.DONE.value,
        "outcome": Outcome.SKIPPED.value,
        "reason": "source_deleted",
        "finished_at": now,
        "token": None,
        "worker_id": None,
    }
    await connection.execute(update(visits).where(visits.c.run_id.in_(of_source), IS_OPEN).values(skipped))
    unfinished = and_(runs.c.source_id == source_id, runs.c.finished_at.is_(None))
    ended = list((await connection.execute(select(runs.c.id).where(unfinished))).scalars())
    cancelled = {"state": RunState.CANCELLED.value, "finished_at": now}
    await connection.execute(update(runs).where(runs.c.id.in_(ended)).values(cancelled))
    state = {"state": RunState.CANCELLED.value}
    lines = [events.line(RUN_FINISHED, now, source_id=source_id, run_id=each, payload=state) for each in ended]
    await events.append(connection, lines)
    return len(ended)


async def _remove_documents(connection: AsyncConnection, source_id: str, now: datetime) -> int:
    """Remove some documents, duplicates first; of those in other sources the best takes over from each that goes."""
    live = and_(documents.c.source_id == source_id, documents.c.state.in_(_LIVE))
    some = select(documents).where(live).order_by(documents.c.state.desc()).limit(_AT_ONCE)
    rows = (await connection.execute(some)).mappings().all()
    if not rows:
        return 0
    await removal.remove(connection, rows, run_id=None, now=now)
    await connection.execute(update(pages).where(pages.c.id.in_({row["page_id"] for row in rows})).values(_FORGOTTEN))
    return len(rows)


async def _close(connection: AsyncConnection, source_id: str, now: datetime) -> None:
    remembered = or_(*(pages.c[name].is_not(None) for name in _FORGOTTEN))
    await connection.execute(update(pages).where(pages.c.source_id == source_id, remembered).values(_FORGOTTEN))
    await connection.execute(update(schedules).where(schedules.c.source_id == source_id).values(enabled=False))
    await connection.execute(update(sources).where(sources.c.id == source_id).values(deleted_at=now, updated_at=now))


def _runs_of(source_id: str) -> Any:
    return select(runs.c.id).where(runs.c.source_id == source_id)


async def _run_ids(store: Store, source_id: str) -> list[str]:
    async with store.read() as connection:
        return list((await connection.execute(_runs_of(source_id))).scalars())


@tried_again
async def _empty(store: Store, source_id: str, key: Any, condition: Any, at_once: int) -> None:
    """Delete the rows that meet a condition under which the column `key` is unique, some in each transaction."""
    while True:
        async with store.write(locks.EVENTS, *locks.of_sources([source_id])) as connection:
            chosen = list((await connection.execute(select(key).where(condition).limit(at_once))).scalars())
            if chosen:
                await connection.execute(delete(key.table).where(condition, key.in_(chosen)))
        if len(chosen) < at_once:
            return
