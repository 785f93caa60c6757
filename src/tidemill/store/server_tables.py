"""What tables of a server have that those of a file have not: one migrator at a time, and compressed long texts.

In: the connection on which tables are made or upgraded. Out: nothing. Called by `schema`; does nothing to SQLite, which
has one writer and no compression.
"""

from __future__ import annotations

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.store import locks
from tidemill.store.dialect import is_server
from tidemill.store.tables import metadata

_LONG = (
    ("documents", "content"),
    ("documents", "markdown"),
    ("documents", "provenance"),
    ("document_versions", "draft"),
    ("captures", "headers"),
    ("hosts", "robots"),
    ("dead_letters", "trace"),
)
_KNOWS_LZ4 = text("SELECT 'lz4' = ANY(enumvals) FROM pg_settings WHERE name = 'default_toast_compression'")
_OTHERWISE = text(
    "SELECT attcompression <> 'l' FROM pg_attribute WHERE attrelid = to_regclass(:table) AND attname = :column"
)


async def wait_for_turn(connection: AsyncConnection) -> None:
    """Until no other process changes the tables, however long it takes: a migration is no statement of every day."""
    if is_server(connection):
        for setting in ("statement_timeout", "lock_timeout"):
            await connection.execute(text(f"SET LOCAL {setting} = 0"))
        await locks.take(connection, locks.SCHEMA)
        # Tables are waited for as usual: whoever waits for one keeps all others from it.
        await connection.execute(text("SET LOCAL lock_timeout TO DEFAULT"))


def tune(connection: Connection) -> None:
    """Compress long texts with lz4, if the server knows it: a third of the time of its own method."""
    if connection.dialect.name != "postgresql" or not connection.scalar(_KNOWS_LZ4):
        return
    for table, column in _LONG:
        known = column in metadata.tables[table].c
        if known and connection.scalar(_OTHERWISE, {"table": table, "column": column}):
            connection.execute(text(f"ALTER TABLE {table} ALTER COLUMN {column} SET COMPRESSION lz4"))
