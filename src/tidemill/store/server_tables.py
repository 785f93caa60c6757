"""What tables of a server have that those of a file have not: one migrator at a time, compressed long texts, and the
tables of `search/postgres`, for a file cannot search like that.

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
_LONG_SEARCHED = (("search_documents", "search_vector"), ("search_documents", "content"))
_KNOWS_LZ4 = text("SELECT 'lz4' = ANY(enumvals) FROM pg_settings WHERE name = 'default_toast_compression'")
_OTHERWISE = text(
    "SELECT attcompression <> 'l' FROM pg_attribute WHERE attrelid = to_regclass(:table) AND attname = :column"
)

_SEARCH = (
    """
    CREATE TABLE IF NOT EXISTS search_state (
        name text NOT NULL CONSTRAINT pk_search_state PRIMARY KEY,
        version integer NOT NULL,
        epoch text NOT NULL,
        event_id bigint NOT NULL,
        generation bigint NOT NULL
    )""",
    """
    CREATE TABLE IF NOT EXISTS search_documents (
        generation bigint NOT NULL,
        id text COLLATE "C" NOT NULL,
        search_vector tsvector NOT NULL,
        words integer NOT NULL,
        title_words integer NOT NULL,
        published_at bigint,
        title_key text COLLATE "C",
        language text,
        counted jsonb NOT NULL,
        own jsonb NOT NULL,
        stored json NOT NULL,
        title text NOT NULL,
        content text NOT NULL,
        CONSTRAINT pk_search_documents PRIMARY KEY (generation, id)
    )""",
    """
    CREATE TABLE IF NOT EXISTS search_terms (
        generation bigint NOT NULL,
        term text COLLATE "C" NOT NULL,
        CONSTRAINT pk_search_terms PRIMARY KEY (generation, term)
    )""",
    "CREATE INDEX IF NOT EXISTS ix_search_documents_published ON search_documents"
    " (generation, published_at DESC NULLS LAST, id)",
)
_HAS_RUM = text("SELECT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'rum')")
_RUM = (
    "CREATE INDEX IF NOT EXISTS ix_search_documents_rum ON search_documents USING rum (search_vector rum_tsvector_ops)"
)
_GIN = "CREATE INDEX IF NOT EXISTS ix_search_documents_gin ON search_documents USING gin (search_vector)"


async def wait_for_turn(connection: AsyncConnection) -> None:
    """Until no other process changes the tables, however long it takes: a migration is no statement of every day."""
    if is_server(connection):
        await connection.execute(text("SET LOCAL lock_timeout = 0"))
        await locks.take(connection, locks.SCHEMA)
        # Tables are waited for as usual: whoever waits for one keeps all others from it.
        await connection.execute(text("SET LOCAL lock_timeout TO DEFAULT"))


def tune(connection: Connection) -> None:
    """Make the tables of the search, and compress long texts with lz4, if the server knows it: a third of the time of
    its own method.
    """
    if connection.dialect.name != "postgresql":
        return
    for statement in (*_SEARCH, _RUM if connection.scalar(_HAS_RUM) else _GIN):
        connection.execute(text(statement))
    if not connection.scalar(_KNOWS_LZ4):
        return
    for table, column in (*_LONG, *_LONG_SEARCHED):
        known = table not in metadata.tables or column in metadata.tables[table].c
        if known and connection.scalar(_OTHERWISE, {"table": table, "column": column}):
            connection.execute(text(f"ALTER TABLE {table} ALTER COLUMN {column} SET COMPRESSION lz4"))
