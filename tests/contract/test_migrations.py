"""Migrations make the tables that the code knows, and a database that is not ours or not of our time is refused."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from tests.contract.store_house import opened_house

from tidemill.errors import Conflict
from tidemill.settings import DatabaseSettings
from tidemill.store import schema, tables
from tidemill.store.engine import Store, open_store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path}/tidemill.db", DatabaseSettings())
    yield opened
    await opened.close()


async def test_the_newest_migration_is_the_one_that_the_code_wants() -> None:
    assert max(schema.known_revisions()) == schema.HEAD


async def _migrated(store: Store) -> None:
    async with store.write() as connection:
        await connection.run_sync(schema.migrate)


async def test_migrations_make_what_the_tables_say(store: Store) -> None:
    await _migrated(store)

    def differences(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return list(compare_metadata(context, tables.metadata))

    async with store.write() as connection:
        assert await connection.run_sync(differences) == []


async def test_constraints_and_partial_indexes_are_those_of_the_tables(store: Store, tmp_path: Path) -> None:
    """What the comparison above does not look at: checks, and the conditions of indexes."""
    await _migrated(store)
    plain = open_store(f"sqlite:///{tmp_path}/plain.db", DatabaseSettings())
    await schema.ensure_schema(plain)

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
                        str(index["dialect_options"].get("sqlite_where")),
                    )
                    for index in found.get_indexes(table)
                ),
                sorted((key["name"] or "", tuple(key["column_names"])) for key in found.get_unique_constraints(table)),
                sorted(map(str, found.get_foreign_keys(table))),
                "WITHOUT ROWID" in _sql(connection, table),
                "AUTOINCREMENT" in _sql(connection, table),
            )
            for table in (*tables.metadata.tables, "alembic_version")
        }

    try:
        async with store.read() as migrated, plain.read() as made:
            assert await migrated.run_sync(described) == await made.run_sync(described)
    finally:
        await plain.close()


def _sql(connection: Connection, table: str) -> str:
    return str(connection.scalar(text("SELECT sql FROM sqlite_master WHERE name = :name"), {"name": table}))


async def test_the_store_is_brought_up_from_nothing_once(store: Store) -> None:
    assert await schema.current_revision(store) is None
    await asyncio.gather(*(schema.ensure_schema(store) for _ in range(3)))
    assert await schema.current_revision(store) == schema.HEAD
    epoch = await schema.epoch(store)
    await schema.ensure_schema(store)
    assert await schema.epoch(store) == epoch


async def test_two_processes_may_bring_it_up_at_once(store: Store) -> None:
    other = open_store(store.url, DatabaseSettings())
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
    with sqlite3.connect(store.path) as connection:
        connection.execute("CREATE TABLE invoices (id INTEGER)")
    connection.close()
    with pytest.raises(Conflict, match="is not a database of tidemill: it has the tables invoices") as caught:
        await schema.ensure_schema(store)
    assert caught.value.reason == "foreign_database"
    with sqlite3.connect(store.path) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("invoices",)]
    connection.close()


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
