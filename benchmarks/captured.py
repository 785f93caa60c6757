"""Rows of `captures` by the ten thousand, without the pages and runs they would belong to. For benchmarks of queues."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
from datetime import datetime, timedelta
from typing import Any

import asyncpg
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.models.ids import new_id
from tidemill.store.engine import Store
from tidemill.store.tables import captures, waiting

_COLUMNS = (
    "id",
    "run_id",
    "page_id",
    "source_id",
    "url",
    "fetched_at",
    "status_code",
    "media_type",
    "content_type",
    "body_hash",
    "size_bytes",
    "state",
    "not_before",
)
_WAITING = ("capture_id", "run_id", "priority", "fetched_at", "not_before")


async def insert_captures(store: Store, number: int, kind: str = "pending") -> list[str]:
    """Rows whose identifiers these are; `hidden` ones do not wait yet, see `show`."""
    async with store.read():
        now = store.now() - timedelta(seconds=1)
    rows = [_row(now) for _ in range(number)]
    waiting = [] if kind == "hidden" else [(row[0], row[1], "medium", now, now) for row in rows]
    if store.url.startswith("sqlite"):
        await asyncio.to_thread(_into_sqlite, store, rows, waiting)
    else:
        await _into_postgres(store, rows, waiting)
    return [row[0] for row in rows]


async def show(connection: AsyncConnection, capture_id: str) -> None:
    """A hidden one waits from now on."""
    columns = (captures.c.id, captures.c.run_id, captures.c.priority, captures.c.fetched_at, captures.c.not_before)
    hidden = select(*columns).where(captures.c.id == capture_id)
    await connection.execute(insert(waiting).from_select(_WAITING, hidden))


def _row(now: datetime) -> tuple[Any, ...]:
    page, body_hash = new_id(), secrets.token_hex(32)
    url = f"http://site.example/{page}"
    return (new_id(), new_id(), page, new_id(), url, now, 200, "text/html", "text/html", body_hash, 1, "processed", now)


def _into_sqlite(store: Store, rows: list[tuple[Any, ...]], waiting: list[tuple[Any, ...]]) -> None:
    """SQLite keeps a UUID as 32 digits and a time as text of UTC."""
    with sqlite3.connect(store.path) as connection:
        for table, columns, ids, each in (("captures", _COLUMNS, 4, rows), ("waiting", _WAITING, 2, waiting)):
            values = [(*(id_.replace("-", "") for id_ in row[:ids]), *map(_text, row[ids:])) for row in each]
            marks = ",".join("?" * len(columns))
            connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", values)
    connection.close()


def _text(value: Any) -> Any:
    return value.replace(tzinfo=None).isoformat(" ", "microseconds") if isinstance(value, datetime) else value


async def _into_postgres(store: Store, rows: list[tuple[Any, ...]], waiting: list[tuple[Any, ...]]) -> None:
    connection = await asyncpg.connect(store.url)
    try:
        await connection.execute("SET session_replication_role = replica")  # no foreign keys
        await connection.copy_records_to_table("captures", records=rows, columns=_COLUMNS)
        await connection.copy_records_to_table("waiting", records=waiting, columns=_WAITING)
    finally:
        await connection.close()
    connection = await asyncpg.connect(store.url)
    try:
        await connection.execute("ANALYZE captures, waiting")
    finally:
        await connection.close()
