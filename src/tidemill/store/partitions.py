"""Partitions of visits (a month each, by when their run began) and of events (a piece of identifiers each), PostgreSQL.

In: an existing database. Out: the same tables in pieces, so that old rows go by dropping a piece and not by deleting
each. What the tables held before becomes the first piece as it is: nothing is copied, and the table is locked for a
moment only. Called by `manage.retention`. Why captures are not cut up is in docs/architecture.md.

Unique keys hold: the key of visits begins with the run, and that of events is what they are cut by. A piece `…_default`
takes what falls into none, so that nobody who forgets to make the next ones stops a crawl.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.schema import CreateIndex

from tidemill.errors import Invalid, Transient
from tidemill.store import locks, months
from tidemill.store.dialect import is_server
from tidemill.store.engine import Store
from tidemill.store.locks import Lock
from tidemill.store.months import Piece
from tidemill.store.tables import metadata

EVENTS_IN_PIECE = 10_000_000
_PATIENCE_S = 60.0
_LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'"
_KIND = text("SELECT relkind::text FROM pg_class WHERE oid = to_regclass(:name)")
_PIECES = text(
    "SELECT child.relname AS name, pg_get_expr(child.relpartbound, child.oid) AS bounds FROM pg_inherits"
    " JOIN pg_class child ON child.oid = inhrelid WHERE inhparent = to_regclass(:name) ORDER BY child.relname"
)
_GRANTS = text(
    "SELECT grantee, string_agg(privilege_type, ', ') AS rights FROM information_schema.role_table_grants"
    " WHERE table_schema = current_schema() AND table_name = :name AND grantee <> current_user GROUP BY grantee"
)


@dataclass(frozen=True, slots=True)
class _Cut:
    """How one table is cut up."""

    table: str
    key: str
    primary: str
    foreign: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    """The tables that its foreign keys name."""
    writers: tuple[Lock, ...] = ()
    """What those who add rows have taken before: a row on its way into a piece that just then ends there is refused."""


VISITS = _Cut(
    "visits",
    "run_id",
    "run_id, page_id",
    (
        "CONSTRAINT fk_visits_run_id FOREIGN KEY (run_id) REFERENCES runs (id) ON DELETE CASCADE",
        "CONSTRAINT fk_visits_page_id FOREIGN KEY (page_id) REFERENCES pages (id)",
    ),
    ("runs", "pages"),
)
EVENTS = _Cut("events", "id", "id", writers=(locks.EVENTS,))


async def are_cut(store: Store) -> bool:
    """Whether visits and events lie in partitions."""
    async with store.read() as connection:
        return is_server(connection) and await connection.scalar(_KIND, {"name": "events"}) == "p"


async def cut_up(store: Store, now: datetime, *, ahead: int, size: int = EVENTS_IN_PIECE) -> list[str]:
    """Cut visits and events up, if they are not yet, and make the next pieces; gives the names of new ones.

    May be broken off and begun again. Raises `Invalid` (`not_partitioned`) for SQLite.
    """
    async with store.read() as connection:
        if not is_server(connection):
            raise Invalid(
                "SQLite has no partitions; old rows are deleted a few at a time there: tidemill db retain",
                reason="not_partitioned",
            )
        kinds = {each.table: await connection.scalar(_KIND, {"name": each.table}) for each in (VISITS, EVENTS)}

    async def next_month(_: AsyncConnection) -> str:
        return f"'{months.first_run_id(months.after(months.month_of(now)))}'"

    async def next_piece(connection: AsyncConnection) -> str:
        return str((await _newest(connection) // size + 2) * size)  # with room for what comes until it is cut

    if kinds["visits"] != "p":
        await _cut(store, VISITS, next_month)
    if kinds["events"] != "p":
        await _cut(store, EVENTS, next_piece)
    return await make_ahead(store, now, ahead=ahead, size=size)


async def make_ahead(store: Store, now: datetime, *, ahead: int, size: int = EVENTS_IN_PIECE) -> list[str]:
    """Make the pieces of the next months and events that are not there yet; gives their names."""
    async with store.read() as connection:
        newest = await _newest(connection)
    wanted = [(VISITS, each) for each in months.months(now, ahead + 1)]
    wanted += [(EVENTS, each) for each in months.pieces(newest, ahead + 1, size)]
    return [piece.name for cut, piece in wanted if await _make(store, cut, piece)]


async def pieces_of(connection: AsyncConnection, table: str) -> dict[str, tuple[str, str]]:
    """The pieces of a table with their bounds, those of before and by default left out."""
    found: dict[str, tuple[str, str]] = {}
    for row in await connection.execute(_PIECES, {"name": table}):
        if not row.bounds.startswith("FOR VALUES FROM (") or "MINVALUE" in row.bounds:
            continue
        low, _, high = row.bounds.removeprefix("FOR VALUES FROM (").removesuffix(")").partition(") TO (")
        found[row.name] = (low.strip("'"), high.strip("'"))
    return dict(sorted(found.items(), key=lambda each: _order(each[1][0])))


async def _newest(connection: AsyncConnection) -> int:
    return int(await connection.scalar(text("SELECT COALESCE(max(id), 0) FROM events")) or 0)


async def _cut(store: Store, cut: _Cut, until: Callable[[AsyncConnection], Awaitable[str]]) -> None:
    """First a look at all rows that locks nobody out (expand), then the exchange, which looks at none (contract).

    The bound is found out while nobody writes events: none may lie beyond it when it begins to hold.
    """
    table, check = cut.table, f"{cut.table}_until"
    try:
        async with store.alter(*cut.writers, locks.SCHEMA) as connection:
            bound = await until(connection)
            await _run(connection, _LOCK_TIMEOUT, f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {check}")
            limits = f"CHECK ({cut.key} IS NOT NULL AND {cut.key} < {bound})"
            await _run(connection, f"ALTER TABLE {table} ADD CONSTRAINT {check} {limits} NOT VALID")
        async with store.alter(locks.SCHEMA) as connection:
            await _run(connection, f"ALTER TABLE {table} VALIDATE CONSTRAINT {check}")
        await _exchanged(store, cut, bound, check)
    except BaseException:
        async with store.alter(locks.SCHEMA) as connection:  # it would stop whoever writes beyond the bound
            await _run(connection, _LOCK_TIMEOUT, f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {check}")
        raise


async def _exchanged(store: Store, cut: _Cut, bound: str, check: str) -> None:
    """In a moment in which nobody uses the tables: who waited for one and held another would lock readers out."""
    begun = time.monotonic()
    while True:
        try:
            async with store.alter(*cut.writers, locks.SCHEMA) as connection:
                return await _exchange(connection, cut, bound, check)
        except Transient as error:
            if error.reason != "database_locked" or time.monotonic() - begun > _PATIENCE_S:
                raise
        await asyncio.sleep(random.uniform(0.01, 0.1))  # noqa: S311 - no secret


async def _exchange(connection: AsyncConnection, cut: _Cut, bound: str, check: str) -> None:
    table, before = cut.table, f"{cut.table}_before"
    indexes = metadata.tables[table].indexes
    tables = ", ".join((*cut.named, table))
    await _run(connection, _LOCK_TIMEOUT, f"LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE NOWAIT")
    grants = (await connection.execute(_GRANTS, {"name": table})).all()
    await _run(connection, f"ALTER TABLE {table} RENAME TO {before}", f"ALTER INDEX pk_{table} RENAME TO pk_{before}")
    for index in indexes:
        await _run(connection, f"ALTER INDEX {index.name} RENAME TO {index.name}_before")
    like = "INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE INCLUDING COMPRESSION"
    await _run(
        connection,
        f"CREATE TABLE {table} (LIKE {before} {like}) PARTITION BY RANGE ({cut.key})",
        f"ALTER TABLE {table} DROP CONSTRAINT {check}",
        f"ALTER TABLE {table} ADD CONSTRAINT pk_{table} PRIMARY KEY ({cut.primary})",
        *(f"ALTER TABLE {table} ADD {each}" for each in cut.foreign),
    )
    for index in indexes:
        await connection.execute(CreateIndex(index))
    await _run(
        connection,
        f"ALTER TABLE {table} ATTACH PARTITION {before} FOR VALUES FROM (MINVALUE) TO ({bound})",
        f"ALTER TABLE {before} DROP CONSTRAINT {check}",
        f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT",
        *(f'GRANT {row.rights} ON {table} TO "{row.grantee}"' for row in grants),
    )
    if await connection.scalar(text(f"SELECT pg_get_serial_sequence('{before}', '{cut.key}')")):
        await _run(connection, f"ALTER SEQUENCE {table}_{cut.key}_seq OWNED BY {table}.{cut.key}")


async def _make(store: Store, cut: _Cut, piece: Piece) -> bool:
    """One piece, with what the one by default has taken of it meanwhile; whether it was lacking."""
    async with store.read() as connection:
        found = (await connection.execute(_PIECES, {"name": cut.table})).all()
    if any(row.name == piece.name for row in found):
        return False
    highest = max((_order(each[1]) for each in await _bounds(store, cut.table)), default=_order("0"))
    if _order(piece.low) < highest:
        return False  # what was there before goes on into it
    default = f"{cut.table}_default"
    of_it = f"{cut.key} >= '{piece.low}' AND {cut.key} < '{piece.high}'"
    async with store.alter(*cut.writers, locks.SCHEMA) as connection:
        await _run(connection, _LOCK_TIMEOUT)
        await _run(
            connection,
            f"CREATE TABLE {piece.name} (LIKE {cut.table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)",
            f"LOCK TABLE {default} IN ACCESS EXCLUSIVE MODE",
            f"WITH moved AS (DELETE FROM {default} WHERE {of_it} RETURNING *)"
            f" INSERT INTO {piece.name} SELECT * FROM moved",
            f"ALTER TABLE {cut.table} ATTACH PARTITION {piece.name}"
            f" FOR VALUES FROM ('{piece.low}') TO ('{piece.high}')",
        )
    return True


async def _bounds(store: Store, table: str) -> list[tuple[str, str]]:
    """The bounds of all pieces, that of before with them."""
    async with store.read() as connection:
        rows = (await connection.execute(_PIECES, {"name": table})).all()
    found = []
    for row in rows:
        low, mark, high = row.bounds.removeprefix("FOR VALUES FROM (").removesuffix(")").partition(") TO (")
        if mark:
            found.append((low.strip("'"), high.strip("'")))
    return found


def _order(bound: str) -> int:
    """A bound as a number: of UUIDs and of plain numbers alike."""
    return int(bound.replace("-", ""), 16) if "-" in bound else int(bound)


async def _run(connection: AsyncConnection, *statements: str) -> None:
    for each in statements:
        await connection.execute(text(each))
