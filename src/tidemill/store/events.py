"""The outbox: events are appended in the transaction of their cause and read by cursor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.models.document import Json
from tidemill.models.event import Event
from tidemill.store import locks
from tidemill.store.engine import Store
from tidemill.store.many import execute_many
from tidemill.store.tables import events, meta, sources

FLOOR = "events_floor"
DOCUMENTS_FLOOR = "events_floor.documents"
"""The row of `meta` that says up to which event not everything is told of documents any more."""

_APPEND = insert(events)
_FEED = select(events, sources.c.name.label("source")).outerjoin(sources, sources.c.id == events.c.source_id)


@dataclass(frozen=True, slots=True)
class Window:
    """A piece of the change feed: events with the names of their sources. Up to `reached` there is nothing else that
    was asked for; `is_full`: there may be more behind. `floor`: up to there events may have been let go."""

    events: list[tuple[Event, str | None]]
    reached: int
    epoch: str
    floor: int
    is_full: bool = False


def line(
    kind: str,
    at: datetime,
    *,
    source_id: str | None = None,
    run_id: str | None = None,
    document_id: str | None = None,
    payload: Mapping[str, Json] | None = None,
) -> dict[str, object]:
    """One event as `append` takes it."""
    return {
        "kind": kind,
        "created_at": at,
        "source_id": source_id,
        "run_id": run_id,
        "document_id": document_id,
        "payload": dict(payload or {}),
    }


async def append(connection: AsyncConnection, lines: Sequence[Mapping[str, object]]) -> None:
    """Append events inside the transaction of their cause; their identifiers grow with commits.

    On a server they would not, but for the lock: a reader that goes by them would pass over what is committed late.
    Transactions that also write other rows take it when they begin (`store.write(locks.EVENTS)`), or two of them might
    wait for each other.
    """
    if lines:
        await locks.take(connection, locks.EVENTS)
        await execute_many(connection, _APPEND, lines)


async def document_changes(store: Store, after: int, limit: int) -> list[tuple[int, str]]:
    """The next `limit` events about documents behind the cursor `after`, as (event id, document id), ascending."""
    statement = (
        select(events.c.id, events.c.document_id)
        .where(events.c.id > after, events.c.document_id.is_not(None))
        .order_by(events.c.id)
        .limit(limit)
    )
    async with store.read() as connection:
        return [(row.id, row.document_id) for row in await connection.execute(statement)]


async def head(store: Store) -> int:
    """The identifier of the last event about a document, also if that one was let go; 0 if there was none."""
    async with store.read() as connection:
        found = await connection.scalar(select(func.max(events.c.id)).where(events.c.document_id.is_not(None)))
        return max(int(found or 0), await documents_floor(connection))


async def floor(store: Store) -> int:
    """Up to this event, old ones about documents may have been let go; 0 if none was."""
    async with store.read() as connection:
        return await documents_floor(connection)


async def newest(store: Store) -> int:
    """The identifier of the last event of any kind; 0 if there is none."""
    async with store.read() as connection:
        return await _newest(connection)


async def window(
    store: Store, cursor: int | None, limit: int, kinds: Sequence[str] = (), source_id: str | None = None
) -> Window:
    """The next `limit` events of these kinds and this source behind `cursor` (`None`: only where the feed stands).

    All of it is of one moment, so that nothing lies between the last event and `reached`.
    """
    async with store.read() as connection:
        names = {row.key: row.value for row in await connection.execute(select(meta.c.key, meta.c.value))}
        last, lowest = await _newest(connection), int(names.get(FLOOR) or 0)
        if cursor is None:
            return Window([], last, names["epoch"], lowest)
        statement = _FEED.where(events.c.id > cursor, events.c.id <= last).order_by(events.c.id).limit(limit)
        if kinds:
            statement = statement.where(events.c.kind.in_(kinds))
        if source_id is not None:
            statement = statement.where(events.c.source_id == source_id)
        rows = (await connection.execute(statement)).mappings().all()
    found = [(Event(**{name: row[name] for name in events.c.keys()}), row["source"]) for row in rows]  # noqa: SIM118
    is_full = len(found) == limit
    return Window(found, found[-1][0].id if is_full else max(last, cursor), names["epoch"], lowest, is_full)


async def _newest(connection: AsyncConnection) -> int:
    return int(await connection.scalar(select(func.max(events.c.id))) or 0)


async def after(store: Store, cursor: int, limit: int) -> list[Event]:
    """The next `limit` events behind `cursor`, ascending: the change feed."""
    statement = select(events).where(events.c.id > cursor).order_by(events.c.id).limit(limit)
    async with store.read() as connection:
        return [Event(**row) for row in (await connection.execute(statement)).mappings()]


async def documents_floor(connection: AsyncConnection) -> int:
    """See `floor`. Versions that kept one floor for events of all kinds have left that one only."""
    names = select(meta.c.key, meta.c.value).where(meta.c.key.in_((FLOOR, DOCUMENTS_FLOOR)))
    found = {row.key: int(row.value) for row in await connection.execute(names)}
    return found.get(DOCUMENTS_FLOOR, found.get(FLOOR, 0))
