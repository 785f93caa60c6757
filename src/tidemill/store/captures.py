"""Captures: the default queue. Processors claim them in batches; what failed before is claimed alone."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, and_, func, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.errors import NotFound
from tidemill.models.capture import Capture
from tidemill.models.ids import new_id
from tidemill.models.priority import PRIORITIES, Turns
from tidemill.store.again import tried_again
from tidemill.store.engine import Store
from tidemill.store.tables import captures

_COLUMNS = (
    captures.c.id,
    captures.c.run_id,
    captures.c.page_id,
    captures.c.source_id,
    captures.c.url,
    captures.c.fetched_at,
    captures.c.status_code,
    captures.c.media_type,
    captures.c.content_type,
    captures.c.body_hash,
    captures.c.size_bytes,
    captures.c.attempts,
    captures.c.priority,
)
"""The fields of a capture, in their order."""

PENDING = captures.c.state == literal_column("'pending'")
CLAIMED = captures.c.state == literal_column("'claimed'")
"""As the partial indexes have them: SQLite would not see that a bound value fits."""

FREE = {"token": None, "worker_id": None, "announced_at": None}
"""What a capture is that goes back to those that wait: nobody's, and to be announced anew."""

_FIELDS = tuple(column.name for column in _COLUMNS)
_VALUES = attrgetter(*_FIELDS)


def row(capture: Capture) -> dict[str, Any]:
    """A capture as its table has it."""
    return dict(zip(_FIELDS, _VALUES(capture), strict=True))


@tried_again
async def claim(store: Store, worker_id: str, limit: int, turns: Turns | None = None) -> tuple[str, list[Capture]]:
    """The next captures to process and the token under which they are claimed; an empty list if none is due.

    Priorities share the batch by `turns`. A capture that failed before comes alone, so that it can take no neighbours
    with it.
    """
    token = new_id()
    async with store.write() as connection:
        waiting = {priority: await _due(connection, store.now(), priority, limit) for priority in PRIORITIES}
        captured = (turns or Turns()).deal(waiting, limit)
        chosen = [each for each in captured if each.attempts == 0] or captured[:1]
        await _hold(connection, chosen, token, worker_id)
    return token, chosen


@tried_again
async def claim_ids(store: Store, worker_id: str, ids: Sequence[str]) -> tuple[str, list[Capture], set[str]]:
    """Claim those of these captures that wait and are due, in the order of `ids`; gives also the token.

    The third is what could be claimed as well, but not together with the others: what failed before comes alone.
    """
    token = new_id()
    async with store.write() as connection:
        # By their key alone: told of states as well, SQLite would look through the index of all that wait.
        these = select(*_COLUMNS, captures.c.state, captures.c.not_before).where(captures.c.id.in_(ids))
        now, found = store.now(), await connection.execute(these.with_for_update(skip_locked=True))
        due = {row.id: Capture(*row[:-2]) for row in found if row.state == "pending" and row.not_before <= now}
        captured = [due[each] for each in dict.fromkeys(ids) if each in due]
        chosen = [each for each in captured if each.attempts == 0] or captured[:1]
        await _hold(connection, chosen, token, worker_id)
    return token, chosen, due.keys() - {each.id for each in chosen}


@tried_again
async def release(store: Store, token: str, capture_ids: Sequence[str]) -> list[str]:
    """Give claimed captures back, untouched. Returns those that were still held under the token."""
    ours = and_(captures.c.id.in_(capture_ids), captures.c.token == token, captures.c.state == "claimed")
    async with store.write() as connection:
        held = await hold(connection, ours)
        await connection.execute(update(captures).where(captures.c.id.in_(held)).values(state="pending", **FREE))
    return held


async def _due(connection: AsyncConnection, now: datetime, priority: str, limit: int) -> list[Capture]:
    due = and_(PENDING, captures.c.priority == priority, captures.c.not_before <= now)
    order = (captures.c.not_before, captures.c.id)
    statement = select(*_COLUMNS).where(due).order_by(*order).limit(limit).with_for_update(skip_locked=True)
    return [Capture(*row) for row in await connection.execute(statement)]


async def _hold(connection: AsyncConnection, chosen: Sequence[Capture], token: str, worker_id: str) -> None:
    if chosen:
        held = {"state": "claimed", "token": token, "worker_id": worker_id}
        identifiers = [capture.id for capture in chosen]
        await connection.execute(update(captures).where(captures.c.id.in_(identifiers)).values(held))


async def hold(connection: AsyncConnection, which: ColumnElement[bool]) -> list[str]:
    """Have these captures until the transaction ends, taken in one order by all who take several; gives their ids."""
    statement = select(captures.c.id).where(which).order_by(captures.c.id).with_for_update()
    return list((await connection.execute(statement)).scalars())


async def of_source(store: Store, source_id: str | None) -> AsyncGenerator[tuple[Capture, tuple[tuple[str, str], ...]]]:
    """Every capture of a source, or of all, in the order in which they were fetched, with the headers of the answer.

    Captures of older versions have three of these at most.
    """
    kept = (captures.c.etag, captures.c.last_modified, captures.c.headers)
    statement = select(*_COLUMNS, *kept).order_by(captures.c.id)
    if source_id is not None:
        statement = statement.where(captures.c.source_id == source_id)
    async with store.read(at_leisure=True) as connection:
        result = await connection.stream(statement)
        async for rows in result.mappings().partitions(200):
            for row in rows:
                yield Capture(**{column.name: row[column.name] for column in _COLUMNS}), _headers(row)


def _headers(row: RowMapping) -> tuple[tuple[str, str], ...]:
    if row["headers"] is not None:
        rest = [(str(name), str(value)) for name, value in row["headers"] if name.lower() != "content-type"]
        own = [("Content-Type", row["content_type"])] if row["content_type"] else []  # a browser may have changed it
        return (*own, *rest)
    sent = {"Content-Type": row["content_type"], "ETag": row["etag"], "Last-Modified": row["last_modified"]}
    return tuple((name, value) for name, value in sent.items() if value)


async def get(store: Store, capture_id: str) -> Capture:
    """The capture of that identifier. Raises `NotFound`."""
    async with store.read() as connection:
        row = (await connection.execute(select(*_COLUMNS).where(captures.c.id == capture_id))).mappings().one_or_none()
    if row is None:
        raise NotFound(f"no capture {capture_id!r}", reason="no_such_capture")
    return Capture(**row)


async def backlog(store: Store) -> dict[str, tuple[int, datetime]]:
    """How many captures of each priority wait or are being processed, and when the oldest of them was fetched."""
    counted: Any = select(captures.c.priority, func.count(), func.min(captures.c.fetched_at))
    found: dict[str, tuple[int, datetime]] = {}
    async with store.read() as connection:
        for state in (PENDING, CLAIMED):  # one after the other: each has an index of its own
            grouped = counted.where(state).group_by(captures.c.priority)
            for priority, number, oldest in await connection.execute(grouped):
                before, since = found.get(priority, (0, oldest))
                found[priority] = (before + number, min(since, oldest))
    return found


async def waiting(store: Store, most: int) -> int:
    """How many captures wait or are being processed, counted up to `most`."""
    some = [select(captures.c.id).where(state).limit(most).subquery() for state in (PENDING, CLAIMED)]
    async with store.read() as connection:
        found = [await connection.scalar(select(func.count()).select_from(each)) for each in some]
    return min(most, sum(int(each or 0) for each in found))
