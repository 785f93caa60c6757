"""Brings a database up to date and dies in the midst of it: `python -m tests.harness.migrating URL FOLDER STATEMENT`.

STATEMENT is the number of the statement of the upgrade before which it kills itself; 0: it lives, and prints how many
there were. `old` in its place makes the tables of the first release.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, text

from tidemill.settings import DatabaseSettings
from tidemill.store import schema
from tidemill.store.engine import Store, open_store

FIRST = "0001"


def main() -> None:
    """See above."""
    url, folder, statement = sys.argv[1:]
    store = open_store(url, DatabaseSettings(), Path(folder))
    asyncio.run(_old(store) if statement == "old" else _upgraded(store, int(statement)))


async def _old(store: Store) -> None:
    async with store.write() as connection:
        await connection.run_sync(_first_release)
        await connection.execute(text("INSERT INTO meta (key, value) VALUES ('kept', 'yes')"))
    await store.close()


def _first_release(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, FIRST)


async def _upgraded(store: Store, kill_at: int) -> None:
    seen = 0

    def count(*_: Any) -> None:
        nonlocal seen
        seen += 1
        if seen == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(store.altering.sync_engine, "before_cursor_execute", count)
    await schema.ensure_schema(store)
    print(seen)
    await store.close()


if __name__ == "__main__":
    main()
