"""Migrations make the tables that the code knows, and a database that is not ours or not of our time is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from tests.contract.store_house import DATABASES, opened_house
from tests.harness.postgres import need_postgres

from tidemill.errors import Conflict
from tidemill.models.ids import new_id
from tidemill.settings import DatabaseSettings
from tidemill.store import planner, schema, server_tables, tables
from tidemill.store.engine import Store, open_store


@pytest.fixture(params=DATABASES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    async with empty(request.param, tmp_path) as opened:
        yield opened


@asynccontextmanager
async def empty(database: str, folder: Path) -> AsyncIterator[Store]:
    """A database without tables."""
    on_server = database == "postgresql"
    url = await need_postgres().empty() if on_server else f"sqlite:///{folder}/{new_id()}.db"
    opened = open_store(url, DatabaseSettings(), folder)
    try:
        yield opened
    finally:
        await opened.close()
        if on_server:
            await need_postgres().drop(url)


async def test_the_newest_migration_is_the_one_that_the_code_wants() -> None:
    assert max(schema.known_revisions()) == schema.HEAD


async def _migrated(store: Store) -> None:
    async with store.write() as connection:
        await connection.run_sync(schema.migrate)


async def test_migrations_make_what_the_tables_say(store: Store) -> None:
    await _migrated(store)

    def differences(connection: Connection) -> list[Any]:
        defaults = connection.dialect.name == "sqlite"  # Alembic asks PostgreSQL whether JSON = JSON; see `_COLUMNS`
        # The tables of search/postgres are made by `server_tables`, and only on a server.
        ours = {"include_name": lambda name, kind, _: kind != "table" or name in tables.metadata.tables}
        options = {"compare_type": True, "compare_server_default": defaults, **ours}
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, tables.metadata))

    async with store.write() as connection:
        assert await connection.run_sync(differences) == []


@pytest.mark.parametrize("bring_up", [schema.ensure_schema, _migrated], ids=["new", "migrated"])
async def test_sqlite_is_told_that_states_are_shared(
    tmp_path: Path, bring_up: Callable[[Store], Awaitable[None]]
) -> None:
    """Else it reads nearly all documents to find those of a few contents."""
    contents = ", ".join(f"'{number}'" for number in range(100))
    asked = f"SELECT id FROM documents WHERE content_hash IN ({contents}) AND state IN ('current', 'duplicate')"
    async with empty("sqlite", tmp_path) as store:
        await bring_up(store)
        async with store.read() as connection:
            plan = (await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked}")).all()
        assert [row[3] for row in plan] == ["SEARCH documents USING INDEX ix_documents_content (content_hash=?)"]


async def test_what_an_operator_has_had_counted_stays(tmp_path: Path) -> None:
    async with empty("sqlite", tmp_path) as store:
        await schema.ensure_schema(store)
        async with store.write() as connection:
            await connection.execute(text("DELETE FROM sqlite_stat1"))
            await connection.execute(text("INSERT INTO sqlite_stat1 VALUES ('documents', 'ix_documents_page', '7 1')"))
            await connection.run_sync(planner.tell)
            told = (await connection.execute(text("SELECT idx, stat FROM sqlite_stat1 WHERE tbl = 'documents'"))).all()
    found = {row.idx: row.stat for row in told}
    assert found.pop("ix_documents_page") == "7 1"
    assert list(found) == ["ix_documents_listed"]


async def test_constraints_and_partial_indexes_are_those_of_the_tables(store: Store, tmp_path: Path) -> None:
    """What the comparison above does not look at: checks, conditions of indexes, collations and compression."""
    await _migrated(store)

    def described(connection: Connection) -> dict[str, object]:
        found = inspect(connection)
        return {
            table: (
                sorted(
                    (check["name"] or "", " ".join(check["sqltext"].split()))
                    for check in found.get_check_constraints(table)
                ),
                sorted(
                    (
                        index["name"] or "",
                        tuple(index["column_names"]),
                        str(index.get("dialect_options", {}).get(f"{connection.dialect.name}_where")),
                    )
                    for index in found.get_indexes(table)
                ),
                sorted((key["name"] or "", tuple(key["column_names"])) for key in found.get_unique_constraints(table)),
                sorted(map(str, found.get_foreign_keys(table))),
                _kept(connection, table),
            )
            for table in tables.metadata.tables
        }

    async with empty("postgresql" if "postgresql" in store.url else "sqlite", tmp_path) as plain:
        await schema.ensure_schema(plain)
        async with store.read() as migrated, plain.read() as made:
            assert await migrated.run_sync(described) == await made.run_sync(described)


_COLUMNS = text(
    "SELECT attname, attcollation::regcollation::text, attcompression, pg_get_expr(adbin, adrelid), attnotnull"
    " FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum"
    " WHERE attrelid = to_regclass(:name) AND attnum > 0 ORDER BY attname"
)


def _kept(connection: Connection, table: str) -> object:
    """How a table is kept, as far as only this database can say it."""
    if connection.dialect.name == "postgresql":
        return [tuple(row) for row in connection.execute(_COLUMNS, {"name": table})]
    made = str(connection.scalar(text("SELECT sql FROM sqlite_master WHERE name = :name"), {"name": table}))
    return "WITHOUT ROWID" in made, "AUTOINCREMENT" in made


async def test_texts_on_a_server_sort_by_code_point_and_long_ones_are_compressed(tmp_path: Path) -> None:
    async with empty("postgresql", tmp_path) as store:
        await schema.ensure_schema(store)
        async with store.read() as connection:
            rows = {
                (table, row[0]): (row[1], row[2])
                for table in tables.metadata.tables
                for row in await connection.execute(_COLUMNS, {"name": table})
            }
            assert {collation for collation, _ in rows.values() if collation != "-"} == {'"C"'}
            known = await connection.scalar(server_tables._KNOWS_LZ4)
        assert (rows["documents", "content"][1] == b"l") == known


async def _foreign_tables(store: Store) -> list[str]:
    async with store.read() as connection:
        return await connection.run_sync(lambda sync: inspect(sync).get_table_names())


async def test_the_store_is_brought_up_from_nothing_once(store: Store) -> None:
    assert await schema.current_revision(store) is None
    await asyncio.gather(*(schema.ensure_schema(store) for _ in range(3)))
    assert await schema.current_revision(store) == schema.HEAD
    epoch = await schema.epoch(store)
    await schema.ensure_schema(store)
    assert await schema.epoch(store) == epoch


async def test_two_processes_may_bring_it_up_at_once(store: Store) -> None:
    other = open_store(store.url, DatabaseSettings(), Path())
    try:
        await asyncio.gather(schema.ensure_schema(store), schema.ensure_schema(other))
        assert await schema.epoch(store) == await schema.epoch(other)
    finally:
        await other.close()


async def test_a_schema_from_the_future_is_refused_and_left_alone(store: Store) -> None:
    await schema.ensure_schema(store)
    async with store.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(
        Conflict, match=r"has the schema '9999', which tidemill .* does not know; upgrade tidemill"
    ) as caught:
        await schema.ensure_schema(store)
    assert caught.value.reason == "unknown_schema"
    assert await schema.current_revision(store) == "9999"


async def test_a_database_of_some_other_program_is_refused(store: Store) -> None:
    async with store.write() as connection:
        await connection.execute(text("CREATE TABLE invoices (id INTEGER)"))
    with pytest.raises(Conflict, match="is not a database of tidemill: it has the tables invoices") as caught:
        await schema.ensure_schema(store)
    assert caught.value.reason == "foreign_database"
    assert await _foreign_tables(store) == ["invoices"]


async def test_a_migration_that_fails_leaves_nothing_behind(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade = schema._upgrade

    def halfway(connection: Connection) -> None:
        upgrade(connection)
        raise RuntimeError("killed")

    monkeypatch.setattr(schema, "_upgrade", halfway)
    with pytest.raises(RuntimeError):
        await schema.ensure_schema(store)
    assert await schema.current_revision(store) is None
    monkeypatch.undo()
    await schema.ensure_schema(store)
    assert await schema.current_revision(store) == schema.HEAD


async def test_foreign_keys_are_kept_and_the_journal_is_a_wal(tmp_path: Path) -> None:
    async with opened_house(tmp_path) as house:
        for transaction in (house.store.read(), house.store.write()):
            async with transaction as connection:
                assert await connection.scalar(text("PRAGMA foreign_keys")) == 1
                assert await connection.scalar(text("PRAGMA journal_mode")) == "wal"
                assert (await connection.execute(text("PRAGMA foreign_key_check"))).all() == []
