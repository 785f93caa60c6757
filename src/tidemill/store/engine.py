"""The store: one way to read and to write, whichever database the URL chooses.

In: the database URL. Out: a `Store`, through which every room reads and writes. What a database wants of its own is in
`sqlite` and `postgres`; nothing falls back from one to the other.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from sqlalchemy import URL
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from tidemill.errors import Invalid, NoSpace, TidemillError
from tidemill.settings import DatabaseSettings
from tidemill.settings.masking import mask_urls
from tidemill.store.dialect import insert
from tidemill.store.locks import Lock
from tidemill.store.sqlite import SqliteFile, open_sqlite
from tidemill.store.unit import current

__all__ = ["Store", "check_capacity", "insert", "open_store"]

SERVERS = ("postgresql", "postgres")


class Database(Protocol):
    """What the store must know of its database."""

    @property
    def name(self) -> str:
        """What messages call it."""

    def now(self) -> datetime:
        """The time that all its users agree on."""

    def turn(self) -> AbstractAsyncContextManager[object]:
        """To be had while writing."""

    async def begin(self, connection: AsyncConnection, locks: tuple[Lock, ...]) -> None:
        """What a transaction does first."""

    async def take_time(self, connection: AsyncConnection) -> None:
        """Let a reading transaction last, however slowly its rows are taken."""

    async def end_stuck(self, connection: AsyncConnection) -> int:
        """End transactions of our own whose clients fell silent in the midst of a statement; how many there were."""

    async def try_room(self, connection: AsyncConnection) -> None:
        """Raises `NoSpace` while its disk has no room for a few megabytes; leaves nothing behind."""

    def explain(self, error: Exception, *, writing: bool) -> TidemillError | None:
        """The error of this house for one of the driver's; `None` if it is none of the driver's."""


@dataclass(slots=True)
class Store:
    """The database of one process. `lock_folder` is where the workers of this machine keep their locks.

    `url` is as it was given, perhaps with a password: messages say `name`.
    """

    url: str = field(repr=False)
    database: Database
    writer: AsyncEngine
    reader: AsyncEngine
    altering: AsyncEngine
    """Whose statements may take however long they take."""
    lock_folder: Path
    was_full: bool = False
    """Whether something failed for want of room, and `check` has not found any since."""

    @property
    def name(self) -> str:
        """What messages call the database: its file, or its server without the password."""
        return self.database.name

    @property
    def path(self) -> Path:
        """The file of SQLite."""
        if not isinstance(self.database, SqliteFile):
            raise TypeError(f"{self.name} is no file")
        return self.database.path

    @asynccontextmanager
    async def write(self, *locks: Lock) -> AsyncIterator[AsyncConnection]:
        """One write transaction, committed at the end of the block. Raises `Transient` or `Permanent`.

        Where several may write at once, it has what `locks` stand for to itself. Inside a unit of work it is a part of
        that unit's transaction, and committed with it.
        """
        joined = current(self)
        with _Explained(self, writing=True):
            async with joined.part(*locks) if joined is not None else self.write_alone(*locks) as connection:
                yield connection

    @asynccontextmanager
    async def write_alone(self, *locks: Lock) -> AsyncIterator[AsyncConnection]:
        """A transaction of its own in any case."""
        async with self._transaction(self.writer, locks) as connection:
            yield connection

    @asynccontextmanager
    async def alter(self, *locks: Lock) -> AsyncIterator[AsyncConnection]:
        """The same for what changes tables or goes through a whole one: no statement of it is broken off."""
        async with self._transaction(self.altering, locks) as connection:
            yield connection

    @asynccontextmanager
    async def read(self, *, at_leisure: bool = False) -> AsyncIterator[AsyncConnection]:
        """One consistent view of the database that cannot write; `at_leisure` if its rows are taken one by one.

        Inside a unit of work that has written, it is that unit's transaction.
        """
        joined = current(self)
        with _Explained(self, writing=False):
            if joined is not None and joined.has_written:
                async with joined.reading() as connection:
                    yield connection
                return
            async with self.reader.begin() as connection:
                await self.database.begin(connection, ())
                if at_leisure:
                    await self.database.take_time(connection)
                yield connection

    @asynccontextmanager
    async def _transaction(self, engine: AsyncEngine, locks: tuple[Lock, ...]) -> AsyncIterator[AsyncConnection]:
        with _Explained(self, writing=True):
            async with self.database.turn(), engine.begin() as connection:
                await self.database.begin(connection, locks)
                yield connection

    async def check(self) -> None:
        """Whether the database answers, and has room again if it had none. Raises `Transient`, `NoSpace` …

        A write that succeeds proves nothing: one row may still find a place where a thousand do not.
        """
        was_full = self.was_full
        async with self.read() as connection:
            if was_full:
                await self.database.try_room(connection)
        if was_full:
            self.was_full = False

    async def end_stuck(self) -> int:
        """Let go of what the vanished have locked, where the database does not see to it; how many they were."""
        async with self.read() as connection:
            return await self.database.end_stuck(connection)

    def now(self) -> datetime:
        """The database's time."""
        return self.database.now()

    async def close(self) -> None:
        """Give every connection back; none waits for a server that has fallen silent."""
        for engine in (self.reader, self.writer, self.altering):
            await engine.dispose()


def open_store(url: str, settings: DatabaseSettings, data_dir: Path | None = None) -> Store:
    """The store behind a `sqlite:///path` or `postgresql://` URL. No connection is opened yet.

    Processes of one machine that share `data_dir` see at once when one of them dies; it is the folder of the file where
    there is one. Raises `Invalid` for any other URL.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() in SERVERS:
        from tidemill.store.postgres import open_postgres  # the driver is an extra

        server, writer, reader, altering = open_postgres(parsed, settings)
        return Store(url, server, writer, reader, altering, (data_dir or Path.cwd()) / "workers")
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        raise _unsupported(url)
    path = Path(parsed.database).expanduser()
    file, writer, reader = open_sqlite(path, settings)
    return Store(url, file, writer, reader, writer, path.parent / "workers")


async def check_capacity(store: Store, settings: DatabaseSettings) -> None:
    """Refuse a server that is too old, or has too few connections for all processes. Raises `Invalid`."""
    if not isinstance(store.database, SqliteFile):
        from tidemill.store.postgres import check_capacity as check

        async with store.read() as connection:
            await check(connection, settings)


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError) as error:
        raise _unsupported(url) from error


def _unsupported(url: str) -> Invalid:
    return Invalid(
        f"database.url {mask_urls(url)!r} names no database that this version knows: use sqlite:///path/to/file.db"
        " or postgresql://user@host/database",
        reason="database_url",
    )


class _Explained:
    """Turns what the driver raises into an error that names the database and the way out."""

    def __init__(self, store: Store, *, writing: bool) -> None:
        self._store = store
        self._writing = writing

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, TidemillError):
            explained = self._store.database.explain(error, writing=self._writing)
            if isinstance(explained, NoSpace):
                self._store.was_full = True
            if explained is not None:
                raise explained from error
