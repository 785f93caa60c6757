"""The version of the tables: bringing a database up to it, and refusing one that this code does not know."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, select, text

from tidemill import __version__
from tidemill.errors import Conflict
from tidemill.models.ids import new_id
from tidemill.store import planner, server_tables
from tidemill.store.engine import Store, insert
from tidemill.store.tables import meta, metadata

HEAD = "0012"
"""The newest migration; a test holds it against the files in `migrations/versions`."""

_MIGRATIONS = Path(__file__).parent / "migrations"
_VERSION_TABLE = "alembic_version"


async def ensure_schema(store: Store) -> None:
    """Make or upgrade the tables. Raises `Conflict` if the database is of a version that this one does not know."""
    found = await current_revision(store)
    if found == HEAD:
        return
    if found is not None and found not in known_revisions():
        raise Conflict(
            f"{store.name} has the schema {found!r}, which tidemill {__version__} (schema {HEAD!r}) does not know;"
            " upgrade tidemill, or choose another database or --data-dir",
            reason="unknown_schema",
        )
    async with store.alter() as connection:
        await server_tables.wait_for_turn(connection)
        await connection.run_sync(_upgrade)
        await connection.execute(
            insert(meta).values(key="epoch", value=new_id()).on_conflict_do_nothing(index_elements=["key"])
        )


async def current_revision(store: Store) -> str | None:
    """The database's revision; `None` if it has no tables yet. Raises `Conflict` if it is some other program's."""
    async with store.read() as connection:
        tables = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
        if _VERSION_TABLE in tables:
            return str((await connection.execute(text(f"SELECT version_num FROM {_VERSION_TABLE}"))).scalar_one())
    if tables:
        raise Conflict(
            f"{store.name} is not a database of tidemill: it has the tables {', '.join(sorted(tables)[:5])}"
            " but no schema version; choose another database or --data-dir",
            reason="foreign_database",
        )
    return None


async def epoch(store: Store) -> str:
    """The database's epoch: a restore changes it, and what was derived from the database is built anew."""
    async with store.read() as connection:
        return str((await connection.execute(select(meta.c.value).where(meta.c.key == "epoch"))).scalar_one())


def known_revisions() -> set[str]:
    """The revisions that the files in `migrations/versions` make."""
    return {path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py")}


def _upgrade(connection: Connection) -> None:
    """All tables at once for a new database, which costs a fifth; the migrations that are missing for any other.

    Runs in the write transaction: who came first has made everything, and who comes second finds it.
    """
    if inspect(connection).has_table(_VERSION_TABLE):
        migrate(connection)
    else:
        _create(connection)


def _create(connection: Connection) -> None:
    metadata.create_all(connection, checkfirst=False)
    connection.execute(
        text(
            f"CREATE TABLE {_VERSION_TABLE} (version_num VARCHAR(32) NOT NULL,"
            f" CONSTRAINT {_VERSION_TABLE}_pkc PRIMARY KEY (version_num))"
        )
    )
    connection.execute(text(f"INSERT INTO {_VERSION_TABLE} (version_num) VALUES (:head)"), {"head": HEAD})
    server_tables.tune(connection)
    planner.tell(connection)


def migrate(connection: Connection) -> None:
    """Run the migrations that a database has not seen yet. Alembic is imported only when there may be some."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    server_tables.tune(connection)
