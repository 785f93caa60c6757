"""The queue's statements as the drivers take them: which captures are due, holding them, and that they are done.

In: a connection inside its transaction. Out: captures. Called by `captures` and `closing`. They run for every capture,
and SQLAlchemy's binding and conversion of their values costs more than the database does: so their text stands here,
one for each database, and values are converted by what was worked out once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.models.capture import Capture
from tidemill.models.priority import PRIORITIES
from tidemill.store.dialect import is_server, list_of
from tidemill.store.tables import captures

COLUMNS = (
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

_FIELDS = ", ".join(f"captures.{column.name}" for column in COLUMNS)
_ATTEMPTS = COLUMNS.index(captures.c.attempts)


class Seen(NamedTuple):
    """A capture that is due: its identifier as the driver has it, and how often it failed."""

    key: Any
    attempts: int


def _of_each(select: str, alias: str = "") -> str:
    return " UNION ALL ".join(f"SELECT * FROM ({select.format(priority=each)}){alias}" for each in PRIORITIES)


_DUE = _of_each(
    "SELECT '{priority}', capture_id, attempts FROM waiting WHERE token IS NULL AND priority = '{priority}'"
    " AND not_before <= ? ORDER BY not_before, capture_id LIMIT ?"
)
_HOLD = "UPDATE waiting SET token = ?, worker_id = ? WHERE capture_id IN (SELECT value FROM json_each(?))"
# CROSS JOIN is an order: each of these by its key.
_READ = f"SELECT {_FIELDS} FROM json_each(?) AS wanted CROSS JOIN captures ON captures.id = wanted.value"
_AMONG = (
    "SELECT capture_id, attempts, token IS NULL AND not_before <= ? FROM waiting"
    " WHERE capture_id IN (SELECT value FROM json_each(?))"
)
_DONE = "DELETE FROM waiting WHERE capture_id IN (SELECT value FROM json_each(?))"
# A claim that a server forgets when its machine dies is none: nothing can be stored under it. So nobody waits until it
# is on the disk. Whatever is committed under it later is flushed behind it.
_UNHURRIED = "(SELECT set_config('synchronous_commit', 'off', true)) AS unhurried"
_DUE_ON_SERVER = f"SELECT due.* FROM {_UNHURRIED}, LATERAL (" + (
    _of_each(
        "SELECT '{priority}' AS priority, capture_id, attempts FROM waiting WHERE token IS NULL"
        " AND priority = '{priority}' AND not_before <= $1 ORDER BY not_before, waiting.capture_id LIMIT $2"
        " FOR UPDATE SKIP LOCKED",
        " AS one",
    )
    + ") AS due"
)
_HOLD_ON_SERVER = (
    "UPDATE waiting SET token = $1, worker_id = $2 FROM captures"
    " WHERE captures.id = waiting.capture_id AND waiting.capture_id = ANY($3::uuid[])"
    f" RETURNING {_FIELDS}"
)
_AMONG_ON_SERVER = (
    f"SELECT found.* FROM {_UNHURRIED}, LATERAL (SELECT capture_id, attempts, token IS NULL AND not_before <= $1"
    " FROM waiting WHERE capture_id = ANY($2::uuid[]) FOR UPDATE SKIP LOCKED) AS found(key, attempts, is_due)"
)
_DONE_ON_SERVER = "DELETE FROM waiting WHERE capture_id = ANY($1::uuid[])"


async def due(connection: AsyncConnection, now: datetime, limit: int) -> dict[str, list[Seen]]:
    """The captures of each priority that wait and are due, `limit` at the most; nobody else has them meanwhile."""
    at = _dialect(connection).moment(now)
    given = (at, limit) if is_server(connection) else (at, limit) * len(PRIORITIES)
    rows = await _rows(connection, _DUE_ON_SERVER if is_server(connection) else _DUE, given)
    found: dict[str, list[Seen]] = {priority: [] for priority in PRIORITIES}
    for priority, key, attempts in rows:
        found[priority].append(Seen(key, attempts))
    return found


async def among(connection: AsyncConnection, ids: Sequence[str], now: datetime) -> dict[str, Seen]:
    """Those of these captures that wait and are due, by their identifiers; nobody else has them meanwhile."""
    plan = _dialect(connection)
    sql = _AMONG_ON_SERVER if is_server(connection) else _AMONG
    rows = await _rows(connection, sql, (plan.moment(now), _ids(connection, ids)))
    return {plan.read_id(key): Seen(key, attempts) for key, attempts, is_due in rows if is_due}


async def hold(connection: AsyncConnection, chosen: Sequence[Seen], token: str, worker_id: str) -> list[Capture]:
    """Claim these, which are due, and read them, in their order."""
    if not chosen:
        return []
    plan = _dialect(connection)
    keys = list_of(connection, [each.key for each in chosen])
    given = (plan.write_id(token), plan.write_id(worker_id), keys)
    if is_server(connection):
        rows = await _rows(connection, _HOLD_ON_SERVER, given)
    else:
        await connection.exec_driver_sql(_HOLD, given)
        rows = await _rows(connection, _READ, (keys,))
    held = {row[0]: row for row in rows}
    return [plan.capture(held[each.key], each.attempts) for each in chosen]


async def done(connection: AsyncConnection, ids: Sequence[str]) -> None:
    """The results of these captures are stored."""
    sql = _DONE_ON_SERVER if is_server(connection) else _DONE
    await connection.exec_driver_sql(sql, (_ids(connection, ids),))


async def _rows(connection: AsyncConnection, sql: str, given: tuple[Any, ...]) -> Sequence[Sequence[Any]]:
    return (await connection.exec_driver_sql(sql, given)).all()


@dataclass(frozen=True, slots=True)
class _Dialect:
    """How one driver wants values, and gives them."""

    write_id: Callable[[str], Any]
    read_id: Callable[[Any], str]
    moment: Callable[[datetime], Any]
    readers: tuple[tuple[int, Callable[[Any], Any]], ...]

    def capture(self, row: Iterable[Any], attempts: int) -> Capture:
        """A capture of what `hold` reads; how often it failed is told by `waiting`."""
        values = list(row)
        values[_ATTEMPTS] = attempts
        for place, read in self.readers:
            values[place] = read(values[place])
        return Capture(*values)


def _ids(connection: AsyncConnection, ids: Sequence[str]) -> object:
    write = _dialect(connection).write_id
    return list_of(connection, [write(each) for each in ids])


def _dialect(connection: AsyncConnection) -> _Dialect:
    return _worked_out(connection.dialect)


@lru_cache(maxsize=8)
def _worked_out(dialect: Dialect) -> _Dialect:
    def bound(column: Any) -> Callable[[Any], Any]:
        return column.type.dialect_impl(dialect).bind_processor(dialect) or _as_it_is

    given: list[Any] = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in COLUMNS]
    return _Dialect(
        write_id=bound(captures.c.id),
        read_id=given[0] or _as_it_is,
        moment=bound(captures.c.not_before),
        readers=tuple((place, read) for place, read in enumerate(given) if read is not None),
    )


def _as_it_is(value: Any) -> Any:
    return value
