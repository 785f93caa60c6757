"""Captures, and those of them that wait: the default queue.

In: what was fetched. Out: captures claimed in batches by processors; what failed before is claimed alone. A capture
waits, or is claimed, as long as it has a row in `waiting`; that row is small, and the statements of the queue touch no
other.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, and_, case, exists, func, literal, literal_column, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.errors import NotFound
from tidemill.models.capture import Capture
from tidemill.models.ids import new_id
from tidemill.models.priority import Turns
from tidemill.store import claiming
from tidemill.store.again import tried_again
from tidemill.store.claiming import COLUMNS
from tidemill.store.engine import Store, insert
from tidemill.store.many import execute_many
from tidemill.store.tables import captures, waiting, workers

PENDING = waiting.c.token.is_(None)
CLAIMED = waiting.c.token.is_not(None)

FREE = {"token": None, "worker_id": None, "announced_at": None}
"""What a capture is that goes back to those that wait: nobody's, and to be announced anew."""

_FIELDS = tuple(column.name for column in COLUMNS)
_VALUES = attrgetter(*_FIELDS)


_WAIT = insert(waiting).on_conflict_do_nothing(index_elements=["capture_id"])
_OF_CAPTURE = ("capture_id", "run_id", "priority", "fetched_at", "not_before", "attempts")


def row(capture: Capture, now: datetime) -> dict[str, Any]:
    """A capture as its table has it. Whether it waits is told by `put` alone; see `tables.captures`."""
    return {**dict(zip(_FIELDS, _VALUES(capture), strict=True)), "not_before": now, "state": "processed"}


async def put(connection: AsyncConnection, new: Sequence[Capture], now: datetime) -> None:
    """These captures, whose rows are written, wait to be processed."""
    values = ((each.id, each.run_id, each.priority, each.fetched_at, now, 0) for each in new)
    if rows := [dict(zip(_OF_CAPTURE, each, strict=True)) for each in values]:
        await execute_many(connection, _WAIT, rows)


async def put_again(connection: AsyncConnection, capture_ids: Sequence[str], now: datetime) -> None:
    """These captures, which do not wait, are to be processed once more, as if for the first time."""
    columns = (captures.c.id, captures.c.run_id, captures.c.priority, captures.c.fetched_at)
    again = select(*columns, literal(now, waiting.c.not_before.type), literal(0)).where(captures.c.id.in_(capture_ids))
    await connection.execute(_WAIT.from_select(_OF_CAPTURE, again))


def any_left_over() -> ColumnElement[bool]:
    """Whether a capture waits as it did before there was `waiting`."""
    return or_(*(exists(select(captures.c.id).where(each)) for each in _left_over()))


def _left_over() -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Written by a process of that version, or held by one that has died: two conditions, since SQLite has an index for
    each of them, and would read the whole table for either."""
    return _is("pending"), and_(_is("claimed"), captures.c.worker_id.not_in(select(workers.c.id)))


def _is(state: str) -> ColumnElement[bool]:
    """As the partial indexes have it: SQLite would not see that a bound value fits."""
    return captures.c.state == literal_column(f"'{state}'")


async def adopt(connection: AsyncConnection) -> None:
    """What is left over waits from now on as all others do. A death has counted as an attempt."""
    lost = case((captures.c.token.is_(None), 0), else_=1)
    columns = (captures.c.id, captures.c.run_id, captures.c.priority, captures.c.fetched_at, captures.c.not_before)
    rows: list[dict[str, Any]] = []
    for condition in _left_over():
        found = select(*columns, captures.c.attempts + lost).where(condition).with_for_update(of=captures)
        rows += [dict(zip(_OF_CAPTURE, each, strict=True)) for each in await connection.execute(found)]
    if rows:
        await execute_many(connection, _WAIT, rows)
        theirs = captures.c.id.in_([each["capture_id"] for each in rows])
        done = {"state": "processed", "token": None, "worker_id": None}
        await connection.execute(update(captures).where(theirs).values(done))


@tried_again
async def claim(store: Store, worker_id: str, limit: int, turns: Turns | None = None) -> tuple[str, list[Capture]]:
    """The next captures to process and the token under which they are claimed; an empty list if none is due.

    Priorities share the batch by `turns`. A capture that failed before comes alone, so that it can take no neighbours
    with it.
    """
    token = new_id()
    async with store.write() as connection:
        waiting = await claiming.due(connection, store.now(), limit)
        seen = (turns or Turns()).deal(waiting, limit)
        chosen = [each for each in seen if each.attempts == 0] or seen[:1]
        return token, await claiming.hold(connection, chosen, token, worker_id)


@tried_again
async def claim_ids(store: Store, worker_id: str, ids: Sequence[str]) -> tuple[str, list[Capture], set[str]]:
    """Claim those of these captures that wait and are due, in the order of `ids`; gives also the token.

    The third is what could be claimed as well, but not together with the others: what failed before comes alone.
    """
    token = new_id()
    async with store.write() as connection:
        due = await claiming.among(connection, ids, store.now())
        found = [each for each in dict.fromkeys(ids) if each in due]
        chosen = [each for each in found if due[each].attempts == 0] or found[:1]
        claimed = await claiming.hold(connection, [due[each] for each in chosen], token, worker_id)
    return token, claimed, due.keys() - set(chosen)


@tried_again
async def release(store: Store, token: str, capture_ids: Sequence[str]) -> list[str]:
    """Give claimed captures back, untouched. Returns those that were still held under the token."""
    async with store.write() as connection:
        held = await hold(connection, and_(waiting.c.capture_id.in_(capture_ids), waiting.c.token == token))
        await connection.execute(update(waiting).where(waiting.c.capture_id.in_(held)).values(FREE))
    return held


async def hold(connection: AsyncConnection, which: ColumnElement[bool]) -> list[str]:
    """Have these that wait or are claimed until the transaction ends, taken in one order by all who take several;
    gives their identifiers."""
    statement = select(waiting.c.capture_id).where(which).order_by(waiting.c.capture_id).with_for_update()
    return list((await connection.execute(statement)).scalars())


async def of_source(store: Store, source_id: str | None) -> AsyncGenerator[tuple[Capture, tuple[tuple[str, str], ...]]]:
    """Every capture of a source, or of all, in the order in which they were fetched, with the headers of the answer.

    Captures of older versions have three of these at most.
    """
    kept = (captures.c.etag, captures.c.last_modified, captures.c.headers)
    statement = select(*COLUMNS, *kept).order_by(captures.c.id)
    if source_id is not None:
        statement = statement.where(captures.c.source_id == source_id)
    async with store.read(at_leisure=True) as connection:
        result = await connection.stream(statement)
        async for rows in result.mappings().partitions(200):
            for row in rows:
                yield Capture(**{column.name: row[column.name] for column in COLUMNS}), _headers(row)


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
        row = (await connection.execute(select(*COLUMNS).where(captures.c.id == capture_id))).mappings().one_or_none()
    if row is None:
        raise NotFound(f"no capture {capture_id!r}", reason="no_such_capture")
    return Capture(**row)


async def backlog(store: Store) -> dict[str, tuple[int, datetime]]:
    """How many captures of each priority wait or are being processed, and when the oldest of them was fetched."""
    counted: Any = select(waiting.c.priority, func.count(), func.min(waiting.c.fetched_at))
    async with store.read() as connection:
        rows = await connection.execute(counted.group_by(waiting.c.priority))
        return {priority: (number, oldest) for priority, number, oldest in rows}


async def count_waiting(store: Store, most: int) -> int:
    """How many captures wait or are being processed, counted up to `most`."""
    some = select(waiting.c.capture_id).limit(most).subquery()
    async with store.read() as connection:
        return int(await connection.scalar(select(func.count()).select_from(some)) or 0)
