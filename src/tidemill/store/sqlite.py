"""SQLite behind the store: one writer connection and some readers, with errors that name the file and the way out.

In: a `sqlite:///path` URL. Out: two engines and what the store must know of them. WAL mode with foreign keys on; each
write transaction is `BEGIN IMMEDIATE`, because deferred ones fail in the middle when two writers meet.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sqlite3
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from tidemill.errors import NoSpace, Permanent, TidemillError, Transient
from tidemill.settings import DatabaseSettings
from tidemill.store.driver import sqlite_driver
from tidemill.store.locks import Lock
from tidemill.store.pool import TimedPool
from tidemill.store.types import in_json

_OF_WRITER = ("journal_mode=WAL", "wal_autocheckpoint=4000", "cache_size=-32768")
"""Keys go all over large indexes: what stays in memory and in the log is written less often (a third less to do)."""

ROOM_BYTES = 4_000_000
"""What a disk must have free to count as not full."""


@dataclass(slots=True)
class SqliteFile:
    """A file of SQLite. One transaction of this process writes at a time; other processes wait in the driver."""

    path: Path
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def name(self) -> str:
        """What messages call it."""
        return str(self.path)

    def now(self) -> datetime:
        """SQLite has no time of its own: every process that may open the file shares a clock."""
        return datetime.now(UTC)

    def turn(self) -> AbstractAsyncContextManager[object]:
        """To be had while writing."""
        return self.lock

    async def begin(self, connection: AsyncConnection, locks: tuple[Lock, ...]) -> None:
        """Nothing is to be locked: the writer is alone."""

    async def take_time(self, connection: AsyncConnection) -> None:
        """Readers hold up nobody."""

    async def end_stuck(self, connection: AsyncConnection) -> int:
        """The locks of a file end with their process."""
        return 0

    async def try_room(self, connection: AsyncConnection) -> None:
        """Raises `NoSpace` while its disk has no room for a few megabytes."""
        free = shutil.disk_usage(self.path.parent).free
        if free < ROOM_BYTES:
            raise NoSpace(f"the disk of {self.path} is full ({free} bytes free); free some space")

    def explain(self, error: Exception, *, writing: bool) -> TidemillError | None:
        """The error of this house for one of the driver's; `None` if it is none of the driver's."""
        return explain(error, self.path) if isinstance(error, DBAPIError | sqlite3.Error) else None


def open_sqlite(path: Path, settings: DatabaseSettings) -> tuple[SqliteFile, AsyncEngine, AsyncEngine]:
    """The file with its writing and its reading engine; its folder is made if it is missing."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        usable = not path.exists() or (path.is_file() and os.access(path, os.R_OK | os.W_OK))
    except OSError as error:
        raise Permanent(
            f"cannot make the folder {path.parent} of the database: {error.strerror}; choose another --data-dir",
            reason="data_dir",
        ) from error
    if not usable:
        raise explain(sqlite3.OperationalError("unable to open it as a file"), path)
    writer = _engine(path, settings, size=1, begin="BEGIN IMMEDIATE")
    reader = _engine(path, settings, size=settings.readers, begin="BEGIN")
    return SqliteFile(path), writer, reader


def _engine(path: Path, settings: DatabaseSettings, *, size: int, begin: str) -> AsyncEngine:
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)),  # whatever characters the path holds
        module=sqlite_driver(),
        json_serializer=in_json,
        pool_size=size,
        max_overflow=0,
        poolclass=TimedPool,
        pool_timeout=60,
        connect_args={"timeout": settings.busy_timeout_s},
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("foreign_keys=ON", "synchronous=NORMAL", "temp_store=MEMORY", "cache_size=-8192"):
            cursor.execute(f"PRAGMA {pragma}")
        # Only who writes changes the journal: a database that turns out not to be ours is left as it is.
        for pragma in ("query_only=ON",) if begin == "BEGIN" else _OF_WRITER:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine


def explain(error: Exception, path: Path) -> TidemillError:
    """The error of this house for one of the driver's."""
    text = str(getattr(error, "orig", None) or error)
    if re.search(r"database (table )?is locked|busy", text):
        return Transient(
            f"the database {path} is locked by another process that does not let go; find it (`fuser {path}`),"
            " end it, and run the command again",
            reason="database_locked",
        )
    if "full" in text or "disk I/O error" in text:
        free = shutil.disk_usage(path.parent).free if path.parent.exists() else 0
        return NoSpace(
            f"the disk of {path} is full or broken ({text}; {free} bytes free); nothing stored is lost:"
            " free some space and run the command again"
        )
    if "malformed" in text or "not a database" in text:
        return Permanent(
            f"{path} is damaged or no database ({text}); restore it from a backup, or move it away to start afresh",
            reason="database_corrupt",
        )
    if "unable to open" in text or "readonly" in text:
        return Permanent(
            f"the database {path} cannot be opened for writing ({text}); check the rights of its folder,"
            " or choose another --data-dir",
            reason="database_unavailable",
        )
    return Permanent(f"the database {path} refused a statement: {text}", reason="database_error")
