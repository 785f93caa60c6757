"""Rows of `captures` by the ten thousand, without the pages and runs they would belong to. For benchmarks of queues."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from tidemill.models.ids import new_id
from tidemill.store.engine import Store

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


async def insert_captures(store: Store, number: int, kind: str = "pending") -> list[str]:
    """Rows whose identifiers these are; `hidden` ones do not wait yet."""
    async with store.read():
        now = store.now() - timedelta(seconds=1)
    rows = [_row(now, "processed" if kind == "hidden" else "pending") for _ in range(number)]
    if store.url.startswith("sqlite"):
        await asyncio.to_thread(_into_sqlite, store, rows)
    else:
        await _into_postgres(store, rows)
    return [row[0] for row in rows]


def _row(now: datetime, state: str) -> tuple[Any, ...]:
    site = "http://site.example/"
    return (new_id(), new_id(), new_id(), new_id(), site, now, 200, "text/html", "text/html", "0" * 64, 1, state, now)


def _into_sqlite(store: Store, rows: list[tuple[Any, ...]]) -> None:
    """SQLite keeps a UUID as 32 digits and a time as text of UTC."""
    values = [(*(each.replace("-", "") for each in row[:4]), *map(_text, row[4:])) for row in rows]
    marks = ",".join("?" * len(_COLUMNS))
    with sqlite3.connect(store.path) as connection:
        connection.executemany(f"INSERT INTO captures ({', '.join(_COLUMNS)}) VALUES ({marks})", values)
    connection.close()


def _text(value: Any) -> Any:
    return value.replace(tzinfo=None).isoformat(" ", "microseconds") if isinstance(value, datetime) else value


async def _into_postgres(store: Store, rows: list[tuple[Any, ...]]) -> None:
    connection = await asyncpg.connect(store.url)
    try:
        await connection.execute("SET session_replication_role = replica")  # no foreign keys
        await connection.copy_records_to_table("captures", records=rows, columns=_COLUMNS)
    finally:
        await connection.close()
    connection = await asyncpg.connect(store.url)
    try:
        await connection.execute("ANALYZE captures")
    finally:
        await connection.close()
