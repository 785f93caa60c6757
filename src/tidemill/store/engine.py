"""Opening the database: one writer connection and some readers for SQLite, with errors that name the way out.

In: the database URL. Out: a `Store`, through which every room reads and writes. SQLite runs in WAL mode with foreign
keys on; each write transaction is `BEGIN IMMEDIATE`, because deferred ones fail in the middle when two writers meet.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, event
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from tidemill.errors import Invalid, Permanent, TidemillError, Transient
from tidemill.settings import DatabaseSettings
from tidemill.store.driver import sqlite_driver

__all__ = ["Store", "insert", "open_store"]

_OF_WRITER = ("journal_mode=WAL", "wal_autocheckpoint=4000", "cache_size=-32768")
"""Keys go all over large indexes: what stays in memory and in the log is written less often (a third less to do)."""


@dataclass(slots=True)
class Store:
    """The database of one process. `path` is the SQLite file."""

    url: str
    path: Path
    writer: AsyncEngine
    reader: AsyncEngine
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """One write transaction, committed at the end of the block. Raises `Transient` or `Permanent`."""
        with _Explained(self.path):
            async with self.turn, self.writer.begin() as connection:
                yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """One consistent view of the database that cannot write."""
        with _Explained(self.path):
            async with self.reader.begin() as connection:
                yield connection

    def now(self) -> datetime:
        """The database's time. SQLite has none of its own: every process that may open the file shares a clock."""
        return datetime.now(UTC)

    async def close(self) -> None:
        """Give every connection back."""
        await self.reader.dispose()
        await self.writer.dispose()


def open_store(url: str, settings: DatabaseSettings) -> Store:
    """The store behind a `sqlite:///path` URL; its folder is made if it is missing. No connection is opened yet."""
    path = sqlite_path(url)
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
    return Store(url=url, path=path, writer=writer, reader=reader)


def sqlite_path(url: str) -> Path:
    """The file a SQLite URL names. Raises `Invalid` for any other kind of URL."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise Invalid(
            f"database.url {url!r} is no URL: use sqlite:///path/to/file.db", reason="database_url"
        ) from error
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        raise Invalid(
            f"database.url {parsed.render_as_string(hide_password=True)!r} is not supported by this version:"
            " use sqlite:///path/to/file.db",
            reason="database_url",
        )
    return Path(parsed.database).expanduser()


def _engine(path: Path, settings: DatabaseSettings, *, size: int, begin: str) -> AsyncEngine:
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)),  # whatever characters the path holds
        module=sqlite_driver(),
        pool_size=size,
        max_overflow=0,
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


class _Explained:
    """Turns what the driver raises into an error that names the file and the way out."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, DBAPIError):
            raise explain(error, self._path) from error
        if isinstance(error, sqlite3.Error):
            raise explain(error, self._path) from error


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
        return Permanent(
            f"the disk of {path} is full or broken ({text}; {free} bytes free); nothing stored is lost:"
            " free some space and run the command again",
            reason="disk_full",
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
