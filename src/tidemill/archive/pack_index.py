"""Where each body lies: an SQLite file beside the packs. It is a cache: what it lacks is read from the packs again.

In: the records that were appended, or the packs themselves. Out: the place of a body. Called by the archive, in its
threads.

A row is written only after the bytes that it speaks of are on the disk, by whoever writes it; so a body that is found
here may be relied on. For each pack two numbers are kept: up to where its records are `indexed`, and the size at which
that was `seen` to be all, so that a torn tail is read once and not at each start.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import RLock
from typing import TypeVar

from tidemill.archive.pack_format import HEADER, Record, scan

_BUSY_S = 30.0
_ROWS = 1000
_WAL_PAGES = 4000
T = TypeVar("T")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS packs (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, indexed INTEGER NOT NULL, seen INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS bodies (
    hash BLOB PRIMARY KEY, pack INTEGER NOT NULL, start INTEGER NOT NULL, length INTEGER NOT NULL,
    is_damaged INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
"""
_FIND = """
SELECT bodies.hash, packs.name, bodies.start, bodies.length, bodies.is_damaged
FROM bodies JOIN packs ON packs.id = bodies.pack WHERE bodies.hash IN ({})
"""
_ADD = "INSERT OR REPLACE INTO bodies (hash, pack, start, length) VALUES (?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the record of a body lies. `is_damaged`: somebody read it and found it so."""

    pack: str
    offset: int
    length: int
    is_damaged: bool = False


class PackIndex:
    """The index of one folder of packs, opened. Safe to share among threads. Raises `sqlite3.Error` and `OSError`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = index_path(folder)
        self._lock = RLock()
        self._held = hold(folder)
        try:
            self._connection = connect(self._path, _SCHEMA)
        except BaseException:
            os.close(self._held)
            raise
        self._inode = self._path.stat().st_ino

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()
            os.close(self._held)

    def is_there(self) -> bool:
        """Whether the file that is open still has its name: somebody may have moved or deleted it."""
        try:
            return self._path.stat().st_ino == self._inode
        except FileNotFoundError:
            return False

    def find(self, digests: Sequence[bytes]) -> dict[bytes, Place]:
        """The places of those bodies that have one."""
        found: dict[bytes, Place] = {}
        with self._lock:
            for some in chunks(digests):
                statement = _FIND.format(",".join("?" * len(some)))
                for digest, pack, offset, length, is_damaged in self._connection.execute(statement, some):
                    found[digest] = Place(pack, offset, length, bool(is_damaged))
        return found

    def add(self, pack: str, start: int, records: Sequence[Record]) -> None:
        """Take in what was appended to a pack at `start` and flushed: all of it or nothing."""
        end = max((each.offset + each.length for each in records), default=start)
        with writing(self._lock, self._connection) as connection:
            number = self._number(pack, indexed=len(HEADER))
            connection.executemany(_ADD, [(each.digest, number, each.offset, each.length) for each in records])
            statement = (
                "UPDATE packs SET indexed = max(indexed, ?1), seen = max(seen, ?1) WHERE id = ?2 AND indexed >= ?3"
            )
            connection.execute(statement, (end, number, start))

    def mark_damaged(self, digest: bytes, place: Place) -> None:
        """Remember that a record cannot be read, so that its body is kept anew when it is put again."""
        with writing(self._lock, self._connection) as connection:
            statement = (
                "UPDATE bodies SET is_damaged = 1 WHERE hash = ? AND start = ?"
                " AND pack = (SELECT id FROM packs WHERE name = ?)"
            )
            connection.execute(statement, (digest, place.offset, place.pack))

    def lay_out(self) -> None:
        """Sort what is known by packs, for `counting` and `forget`: as it is now, for this connection alone."""
        with self._lock:
            self._connection.execute("DROP TABLE IF EXISTS temp.laid")
            self._connection.execute(
                "CREATE TEMP TABLE laid AS SELECT pack, hash, start, length FROM bodies ORDER BY pack"
            )
            self._connection.execute("CREATE INDEX temp.laid_pack ON laid (pack)")

    def counting(self, pack: str) -> list[Record]:
        """The records of a pack that count, as of `lay_out`: a body that was kept anew counts where it lies now."""
        statement = "SELECT hash, start, length FROM laid WHERE pack = (SELECT id FROM packs WHERE name = ?)"
        with self._lock:
            return [Record(*row) for row in self._connection.execute(statement, (pack,))]

    def forget(self, pack: str) -> None:
        """A pack is gone, and with it what counted in it as of `lay_out`."""
        with writing(self._lock, self._connection) as connection:
            number = self._number(pack, indexed=0)
            known = "SELECT hash FROM laid WHERE pack = ?1"
            connection.execute(f"DELETE FROM bodies WHERE pack = ?1 AND hash IN ({known})", (number,))
            connection.execute("DELETE FROM packs WHERE id = ?", (number,))

    def count(self) -> int:
        """How many bodies are known."""
        with self._lock:
            ((bodies,),) = self._connection.execute("SELECT count(*) FROM bodies")
        return int(bodies)

    def refresh(self) -> int:
        """Read what the packs hold beyond what is known of them, and forget those that are gone or were cut.

        Returns how many bytes had to be read. If there is nothing new that costs one look at the folder.
        """
        sizes = _sizes(self._folder)
        with self._lock:
            known = {row[0]: row[1:] for row in self._connection.execute("SELECT name, indexed, seen FROM packs")}
        gone = [name for name, (indexed, _) in known.items() if sizes.get(name, -1) < indexed]
        self._forget(gone)
        read = 0
        for name, size in sizes.items():
            indexed, seen = (0, -1) if name in gone else known.get(name, (0, -1))
            if size != seen:
                with suppress(FileNotFoundError):  # its writer gave up before a whole record was in it
                    self._take_in(name, indexed, size)
                    read += size - indexed
        return read

    def _forget(self, packs: Iterable[str]) -> None:
        for name in packs:
            with writing(self._lock, self._connection) as connection:
                number = self._number(name, indexed=0)
                connection.execute("DELETE FROM bodies WHERE pack = ?", (number,))
                connection.execute("DELETE FROM packs WHERE id = ?", (number,))

    def _take_in(self, name: str, start: int, size: int) -> None:
        """Index what a pack holds from `start` on. It is flushed first: its writer may have died before doing so."""
        with (self._folder / name).open("rb") as pack:
            os.fsync(pack.fileno())
            for some in chunks(scan(pack, start, size)):
                with writing(self._lock, self._connection) as connection:
                    number = self._number(name, indexed=start)
                    connection.executemany(_ADD, [(each.digest, number, each.offset, each.length) for each in some])
                    end = some[-1].offset + some[-1].length
                    connection.execute("UPDATE packs SET indexed = max(indexed, ?) WHERE id = ?", (end, number))
        with writing(self._lock, self._connection) as connection:
            number = self._number(name, indexed=start)
            connection.execute("UPDATE packs SET seen = max(indexed, ?) WHERE id = ?", (size, number))

    def _number(self, pack: str, *, indexed: int) -> int:
        """The number of a pack, which is entered if it is not known yet."""
        statement = "INSERT OR IGNORE INTO packs (name, indexed, seen) VALUES (?, ?, -1)"
        self._connection.execute(statement, (pack, indexed))
        ((number,),) = self._connection.execute("SELECT id FROM packs WHERE name = ?", (pack,))
        return int(number)


@contextmanager
def writing(lock: RLock, connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """One transaction of an index, which no other thread joins."""
    with lock:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # SQLite itself rolls back when the disk is full
                connection.execute("ROLLBACK")
            raise


def _sizes(folder: Path) -> dict[str, int]:
    """The packs of a folder, oldest first, so that the newest copy of a body is the one that counts."""
    with os.scandir(folder) as entries:
        packs = sorted((each for each in entries if each.name.endswith(".pack")), key=lambda each: each.name)
    sizes: dict[str, int] = {}
    for each in packs:
        with suppress(FileNotFoundError):
            sizes[each.name] = each.stat().st_size
    return sizes


def chunks(things: Iterable[T]) -> Iterator[list[T]]:
    """As many at a time as one statement, or one transaction, is good for."""
    remaining = iter(things)
    while some := list(islice(remaining, _ROWS)):
        yield some


def index_path(folder: Path) -> Path:
    """Where the index of a folder of packs is."""
    return folder / "index.db"


def discard(folder: Path) -> bool:
    """Delete the index of a folder, unless somebody has it open. SQLite's own files beside it must never outlive it."""
    held = _open_lock(folder)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        for ending in ("", "-wal", "-shm"):
            (folder / f"{index_path(folder).name}{ending}").unlink(missing_ok=True)
        return True
    finally:
        os.close(held)


def hold(folder: Path) -> int:
    """Say that the index is in use, until the descriptor is closed or its process is gone."""
    held = _open_lock(folder)
    try:
        fcntl.flock(held, fcntl.LOCK_SH)
    except BaseException:
        os.close(held)
        raise
    return held


def _open_lock(folder: Path) -> int:
    return os.open(folder / "index.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)


def connect(path: Path, schema: str) -> sqlite3.Connection:
    """A connection to an index of that schema. Its commits survive a kill; a power cut may take the last ones, and they
    are read again."""
    connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
        connection.executescript(schema)
    except BaseException:
        connection.close()
        raise
    return connection
