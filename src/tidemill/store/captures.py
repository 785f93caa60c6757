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
from tidemill.models.priority import Turns
from tidemill.store import claiming
from tidemill.store.again import tried_again
from tidemill.store.claiming import COLUMNS
from tidemill.store.engine import Store
from tidemill.store.tables import captures

PENDING = captures.c.state == literal_column("'pending'")
CLAIMED = captures.c.state == literal_column("'claimed'")
"""As the partial indexes have them: SQLite would not see that a bound value fits."""

FREE = {"token": None, "worker_id": None, "announced_at": None}
"""What a capture is that goes back to those that wait: nobody's, and to be announced anew."""

_FIELDS = tuple(column.name for column in COLUMNS)
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
    ours = and_(captures.c.id.in_(capture_ids), captures.c.token == token, captures.c.state == "claimed")
    async with store.write() as connection:
        held = await hold(connection, ours)
        await connection.execute(update(captures).where(captures.c.id.in_(held)).values(state="pending", **FREE))
    return held


async def hold(connection: AsyncConnection, which: ColumnElement[bool]) -> list[str]:
    """Have these captures until the transaction ends, taken in one order by all who take several; gives their ids."""
    statement = select(captures.c.id).where(which).order_by(captures.c.id).with_for_update()
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
    # In the order of their index: for some of any, PostgreSQL would begin to read at the table's old end.
    pending = select(captures.c.id).where(PENDING).order_by(captures.c.priority, captures.c.not_before, captures.c.id)
    claimed = select(captures.c.id).where(CLAIMED).order_by(captures.c.worker_id)
    some = [each.limit(most).subquery() for each in (pending, claimed)]
    async with store.read() as connection:
        found = [await connection.scalar(select(func.count()).select_from(each)) for each in some]
    return min(most, sum(int(each or 0) for each in found))
