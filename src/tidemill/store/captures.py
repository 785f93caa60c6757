"""Captures: the default queue. Processors claim them in batches; what failed before is claimed alone."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.errors import NotFound
from tidemill.models.capture import Capture
from tidemill.models.ids import new_id
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
)


_FIELDS = tuple(column.name for column in _COLUMNS)
_VALUES = attrgetter(*_FIELDS)


def row(capture: Capture) -> dict[str, Any]:
    """A capture as its table has it."""
    return dict(zip(_FIELDS, _VALUES(capture), strict=True))


@tried_again
async def claim(store: Store, worker_id: str, limit: int) -> tuple[str, list[Capture]]:
    """The next captures to process and the token under which they are claimed; an empty list if none is due.

    A capture that failed before comes alone, so that it can take no neighbours with it.
    """
    token = new_id()
    async with store.write() as connection:
        due = and_(captures.c.state == "pending", captures.c.not_before <= store.now())
        order = (captures.c.not_before, captures.c.id)
        free = select(*_COLUMNS).where(due).order_by(*order).limit(limit).with_for_update(skip_locked=True)
        rows = (await connection.execute(free)).mappings().all()
        chosen = [row for row in rows if row["attempts"] == 0] or rows[:1]
        if chosen:
            held = {"state": "claimed", "token": token, "worker_id": worker_id}
            identifiers = [row["id"] for row in chosen]
            await connection.execute(update(captures).where(captures.c.id.in_(identifiers)).values(held))
        return token, [Capture(**row) for row in chosen]


@tried_again
async def release(store: Store, token: str, capture_ids: Sequence[str]) -> None:
    """Give claimed captures back, untouched."""
    ours = and_(captures.c.id.in_(capture_ids), captures.c.token == token, captures.c.state == "claimed")
    async with store.write() as connection:
        await hold(connection, ours)
        await connection.execute(update(captures).where(ours).values(state="pending", token=None, worker_id=None))


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
    async with store.read() as connection:
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


async def backlog(store: Store) -> tuple[int, datetime | None]:
    """How many captures wait or are being processed, and when the oldest of them was fetched."""
    counted: Any = select(func.count(), func.min(captures.c.fetched_at))
    async with store.read() as connection:  # one after the other: each state has an index of its own
        found = [(await connection.execute(counted.where(captures.c.state == s))).one() for s in ("pending", "claimed")]
    return sum(count for count, _ in found), min((at for _, at in found if at is not None), default=None)
