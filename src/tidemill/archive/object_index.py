"""What is known of the packs on S3: an SQLite file in the data folder. It is a cache and may be deleted at any time.

In: the packs that were written or listed, with their records. Out: the places of a body. Called by the archive on S3,
in its threads. All copies of a body are kept: which one counts (the newest) must not depend on the order of learning.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import RLock

from tidemill.archive.pack_format import Record
from tidemill.archive.pack_index import chunks, connect, hold, index_path, writing

_SCHEMA = """
CREATE TABLE IF NOT EXISTS packs (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, size INTEGER NOT NULL, written REAL NOT NULL);
CREATE TABLE IF NOT EXISTS bodies (
    hash BLOB NOT NULL, pack INTEGER NOT NULL, start INTEGER NOT NULL, length INTEGER NOT NULL,
    is_damaged INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (hash, pack)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS bodies_of_pack ON bodies (pack);
"""
_FIND = """
SELECT bodies.hash, packs.name, bodies.start, bodies.length, packs.written, bodies.is_damaged
FROM bodies JOIN packs ON packs.id = bodies.pack WHERE bodies.hash IN ({}) ORDER BY packs.name DESC
"""
_COUNTING = """
SELECT hash, start, length FROM bodies WHERE pack = (SELECT id FROM packs WHERE name = ?1) AND NOT EXISTS (
    SELECT 1 FROM bodies AS other JOIN packs ON packs.id = other.pack
    WHERE other.hash = bodies.hash AND packs.name > ?1 AND NOT other.is_damaged)
"""


@dataclass(frozen=True, slots=True)
class StoredPack:
    """A pack on the server: `written` is the server's time, in seconds since 1970."""

    name: str
    size_bytes: int
    written: float


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy of a body: where its record lies, and when its pack was written."""

    pack: str
    offset: int
    length: int
    written: float
    is_damaged: bool


class ObjectIndex:
    """The cache of one archive, opened. Safe to share among threads. Raises `sqlite3.Error` and `OSError`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = RLock()
        self._held = hold(folder)
        try:
            self._connection = connect(index_path(folder), _SCHEMA)
        except BaseException:
            os.close(self._held)
            raise

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()
            os.close(self._held)

    def find(self, digests: Sequence[bytes]) -> dict[bytes, list[Copy]]:
        """The copies of those bodies that have any, the newest first."""
        found: dict[bytes, list[Copy]] = {}
        with self._lock:
            for some in chunks(digests):
                statement = _FIND.format(",".join("?" * len(some)))
                for digest, pack, start, length, written, is_damaged in self._connection.execute(statement, some):
                    copy = Copy(pack, start, length, written, bool(is_damaged))
                    found.setdefault(digest, []).append(copy)
        return found

    def packs(self) -> list[StoredPack]:
        """All packs that are known, the oldest first."""
        with self._lock:
            return [
                StoredPack(*row)
                for row in self._connection.execute("SELECT name, size, written FROM packs ORDER BY name")
            ]

    def newest(self) -> str | None:
        """The name of the newest pack that is known."""
        with self._lock:
            ((name,),) = self._connection.execute("SELECT max(name) FROM packs")
        return None if name is None else str(name)

    def counting(self, pack: str) -> list[Record]:
        """The records of a pack that count: no newer pack has the body."""
        with self._lock:
            return [Record(*row) for row in self._connection.execute(_COUNTING, (pack,))]

    def add(self, packs: Iterable[tuple[StoredPack, Sequence[Record]]]) -> None:
        """Take packs in, with all of their records: all of it or nothing."""
        with writing(self._lock, self._connection) as connection:
            for pack, records in packs:
                statement = "INSERT INTO packs (name, size, written) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
                connection.execute(statement, (pack.name, pack.size_bytes, pack.written))
                ((number,),) = connection.execute("SELECT id FROM packs WHERE name = ?", (pack.name,))
                rows = [(each.digest, number, each.offset, each.length) for each in records]
                statement = "INSERT OR IGNORE INTO bodies (hash, pack, start, length) VALUES (?, ?, ?, ?)"
                connection.executemany(statement, rows)

    def forget(self, packs: Iterable[str]) -> None:
        """These packs are gone."""
        with writing(self._lock, self._connection) as connection:
            for name in packs:
                connection.execute("DELETE FROM bodies WHERE pack = (SELECT id FROM packs WHERE name = ?)", (name,))
                connection.execute("DELETE FROM packs WHERE name = ?", (name,))

    def mark_damaged(self, digest: bytes, pack: str) -> None:
        """A copy cannot be read: another one counts, and without one the body is kept anew when it is put again."""
        statement = "UPDATE bodies SET is_damaged = 1 WHERE hash = ? AND pack = (SELECT id FROM packs WHERE name = ?)"
        with writing(self._lock, self._connection) as connection:
            connection.execute(statement, (digest, pack))

    def totals(self) -> tuple[int, int, int]:
        """Packs, their bytes, and different bodies."""
        with self._lock:
            ((packs, size),) = self._connection.execute("SELECT count(*), coalesce(sum(size), 0) FROM packs")
            ((bodies,),) = self._connection.execute("SELECT count(DISTINCT hash) FROM bodies")
        return int(packs), int(size), int(bodies)
