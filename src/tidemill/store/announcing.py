"""Which captures a broker was told of: the rows are the outbox, a message only says "look at this one".

In: what a broker holds. Out: identifiers with their priority that are to be published. A row that waits and is not
marked as announced is due to be. It is marked first and published then, so each is announced by one process; if that
dies in between, the row is found out by `overdue`. Called by `queue.dispatched`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.store.captures import PENDING
from tidemill.store.engine import Store
from tidemill.store.tables import waiting

_PASSED_S = 60.0
_LOOKED_AT = 5000
"""What is in work is among the oldest, as a broker keeps the order: a long backlog is not read through for it."""

Announced = list[tuple[str, str]]
"""Identifiers with their priorities."""


async def unannounced(store: Store, limit: int, grace_s: float = 0.0) -> Announced:
    """Mark the next captures that are due and nobody announced for `grace_s`, and give them: to be published now."""
    now = store.now()
    return await _mark(store, _silent(now - timedelta(seconds=grace_s)), limit, now)


async def overdue(store: Store, held: int, limit: int, patience_s: float) -> Announced:
    """Mark anew and give captures that were announced more than `patience_s` ago and still wait, oldest first.

    Only as many as wait beyond the `held` messages of the broker: those others are on their way. But what stands in
    work was announced long after some that wait of the same priority is proof that those were lost, for a broker keeps
    the order.
    """
    now = store.now()
    late = and_(PENDING, waiting.c.announced_at <= now - timedelta(seconds=patience_s))
    async with store.read() as connection:
        oldest = select(waiting.c.priority, waiting.c.announced_at, waiting.c.token)
        oldest = oldest.where(waiting.c.announced_at.is_not(None))
        looked = oldest.order_by(waiting.c.announced_at, waiting.c.not_before).limit(_LOOKED_AT).subquery()
        claimed = select(looked.c.priority, func.max(looked.c.announced_at)).where(looked.c.token.is_not(None))
        latest = (await connection.execute(claimed.group_by(looked.c.priority))).all()
    passed = [
        and_(PENDING, waiting.c.priority == priority, waiting.c.announced_at < at - timedelta(seconds=_PASSED_S))
        for priority, at in latest
        if at is not None
    ]
    if passed and (lost := await _mark(store, or_(*passed), limit, now)):
        return lost
    some = select(waiting.c.capture_id).where(late).limit(held + limit).subquery()
    async with store.read() as connection:
        missing = int(await connection.scalar(select(func.count()).select_from(some)) or 0) - held
    return await _mark(store, late, missing, now) if missing > 0 else []


async def chosen(store: Store, capture_ids: Sequence[str]) -> Announced:
    """Mark those of these captures that wait and nobody has announced, and give them in this order."""
    now = store.now()
    async with store.write() as connection:
        found = await _looked_up(connection, capture_ids)
        rows = [row for each in capture_ids if (row := found.get(each)) and row.announced_at is None]
        marked = [(row.capture_id, row.priority) for row in rows if row.token is None and row.not_before <= now]
        await _set(connection, [each for each, _ in marked], now)
    return marked


async def unmark(store: Store, capture_ids: Sequence[str]) -> None:
    """These wait and have not reached the broker, or it gave up on them: they are to be announced again."""
    async with store.write() as connection:
        found = await _looked_up(connection, capture_ids)
        await _set(connection, [row.capture_id for row in found.values() if row.token is None], None)


async def is_any_silent(store: Store, grace_s: float = 0.0) -> bool:
    """Whether some capture is due that nobody announced: a look that writes nothing."""
    silent = _silent(store.now() - timedelta(seconds=grace_s))
    # In the order of their index: for one of any, PostgreSQL would begin to read at the table's old end.
    some = select(waiting.c.capture_id).where(silent).order_by(waiting.c.announced_at, waiting.c.not_before).limit(1)
    async with store.read() as connection:
        return await connection.scalar(some) is not None


def _silent(since: datetime) -> ColumnElement[bool]:
    return and_(PENDING, waiting.c.announced_at.is_(None), waiting.c.not_before <= since)


async def _mark(store: Store, condition: ColumnElement[bool], limit: int, now: datetime) -> Announced:
    order = (waiting.c.announced_at, waiting.c.not_before)  # of its index, or all that wait would be sorted
    chosen = select(waiting.c.capture_id, waiting.c.priority).where(condition).order_by(*order).limit(limit)
    async with store.write() as connection:
        rows = (await connection.execute(chosen.with_for_update(skip_locked=True))).all()
        await _set(connection, [row.capture_id for row in rows], now)
    return [(row.capture_id, row.priority) for row in rows]


async def _looked_up(connection: AsyncConnection, capture_ids: Sequence[str]) -> dict[str, Any]:
    """By their key alone: told of states as well, SQLite would look through the index of all that wait."""
    columns = (waiting.c.capture_id, waiting.c.priority, waiting.c.token, waiting.c.not_before, waiting.c.announced_at)
    these = select(*columns).where(waiting.c.capture_id.in_(capture_ids)).with_for_update(skip_locked=True)
    return {row.capture_id: row for row in await connection.execute(these)}


async def _set(connection: AsyncConnection, capture_ids: Sequence[str], announced_at: datetime | None) -> None:
    if capture_ids:
        these = update(waiting).where(waiting.c.capture_id.in_(capture_ids))
        await connection.execute(these.values(announced_at=announced_at))
