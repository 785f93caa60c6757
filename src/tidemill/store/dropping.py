"""Dropping whole partitions that have become too old, by the same rules by which single rows go (`retention`).

In: how old is too old. Out: the names of what was dropped. Called by `manage.retention` before rows are deleted one by
one. A month of visits goes when each of its runs can be compacted: their totals are kept first. A piece of events goes
when the next one is in use and its own last event is too old: what current documents need of it moves to the piece of
before, which then reaches as far.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.errors import Transient
from tidemill.store import locks, partitions, retention
from tidemill.store.engine import Store
from tidemill.store.tables import events, runs, visits
from tidemill.telemetry.logs import get_logger

_BRIEF = text("SET LOCAL lock_timeout = '5s'")
_log = get_logger(__name__)


async def drop_visits(store: Store, before: datetime) -> list[str]:
    """Drop the months whose runs can all be compacted; those of other months are left to `retention`."""
    dropped = []
    async with store.read() as connection:
        months = await partitions.pieces_of(connection, "visits")
    for name, (low, high) in months.items():
        of_month = and_(runs.c.id >= low, runs.c.id < high)
        if await _is_over(store, of_month, before) and await _tried(store, name, before, of_month):
            dropped.append(name)
    return dropped


async def drop_events(store: Store, before: datetime) -> list[str]:
    """Drop the oldest pieces, one after the other, until one is not old enough."""
    dropped = []
    async with store.read() as connection:
        pieces = await partitions.pieces_of(connection, "events")
    for name, (low, high) in pieces.items():
        if not await _is_past(store, int(high), before) or not await _moved(store, name, int(low), int(high)):
            break
        dropped.append(name)
    return dropped


async def _is_over(store: Store, of_month: Any, before: datetime) -> bool:
    """Whether the month had runs, and nothing can happen to any of them."""
    async with store.read() as connection:
        number = await connection.scalar(select(func.count()).select_from(runs).where(of_month))
        over = and_(of_month, retention.can_be_compacted(before))
        return bool(number) and number == await connection.scalar(select(func.count()).select_from(runs).where(over))


async def _tried(store: Store, name: str, before: datetime, of_month: Any) -> bool:
    """Keep the totals of all runs of the month, then drop it in the same transaction."""
    try:
        async with store.alter(locks.SCHEMA) as connection:
            await connection.execute(_BRIEF)
            await connection.execute(text(f"LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE"))
            await _keep_totals(connection, of_month)
            compacted = update(runs).where(of_month, runs.c.compacted_at.is_(None))
            await connection.execute(compacted.values(compacted_at=store.now()))
            await connection.execute(text(f"DROP TABLE {name}"))
    except Transient as error:
        return _left(name, error)
    return True


async def _keep_totals(connection: AsyncConnection, of_month: Any) -> None:
    label = func.coalesce(visits.c.outcome, visits.c.state)
    counted = select(visits.c.run_id, label, func.count()).join(runs, runs.c.id == visits.c.run_id)
    counted = counted.where(of_month, runs.c.totals.is_(None)).group_by(visits.c.run_id, label)
    totals: dict[str, dict[str, int]] = {}
    for run_id, name, number in await connection.execute(counted):
        totals.setdefault(run_id, {})[name] = number
    for run_id, found in totals.items():
        await connection.execute(update(runs).where(runs.c.id == run_id).values(totals=found))


async def _is_past(store: Store, high: int, before: datetime) -> bool:
    """Whether all below is too old, and events are written beyond."""
    following = select(events.c.created_at).where(events.c.id >= high).order_by(events.c.id).limit(1)
    last = select(events.c.created_at).where(events.c.id < high).order_by(events.c.id.desc()).limit(1)
    async with store.read() as connection:
        begun, ended = await connection.scalar(following), await connection.scalar(last)
    return begun is not None and (ended is None or ended < before)


async def _moved(store: Store, name: str, low: int, high: int) -> bool:
    """What is still needed goes to the piece of before; the rest goes with its own."""
    needed = retention.still_told(and_(events.c.id >= low, events.c.id < high))
    try:
        async with store.alter(locks.EVENTS, locks.SCHEMA) as connection:
            await connection.execute(_BRIEF)
            kept = list((await connection.execute(needed)).scalars())
            told = await connection.scalar(text(f"SELECT max(id) FROM {name} WHERE document_id IS NOT NULL"))
            for statement in (
                "ALTER TABLE events DETACH PARTITION events_before",
                f"ALTER TABLE events DETACH PARTITION {name}",
            ):
                await connection.execute(text(statement))
            copied = text(f"INSERT INTO events_before SELECT * FROM {name} WHERE id = ANY(:kept)")
            await connection.execute(copied, {"kept": kept})
            attach = f"ALTER TABLE events ATTACH PARTITION events_before FOR VALUES FROM (MINVALUE) TO ({high})"
            await connection.execute(text(attach))
            await connection.execute(text(f"DROP TABLE {name}"))
            await retention.note_floors(connection, high - 1, told or 0)
    except Transient as error:
        return _left(name, error)
    return True


def _left(name: str, error: Transient) -> bool:
    """It is in use just now; the next time will do."""
    _log.warning("a partition was not dropped", action="retention.left", partition=name, error=str(error))
    return False
