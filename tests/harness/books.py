"""What a crawl left in its data folder, read straight from the database, and held against what must always hold."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from tidemill.archive.pack_format import scan

FINISHED = ("completed", "cancelled", "failed")


class Books:
    """The database of a data folder, read only."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.path = data_dir / "tidemill.db"

    holds_bodies = True
    """Whether the archive is in the data folder."""

    no_tables: tuple[type[Exception], ...] = (sqlite3.OperationalError,)
    """What asking raises before there are tables."""

    @property
    def begun(self) -> bool:
        """Whether there is a database to ask."""
        return self.path.exists()

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a statement."""
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=10)) as connection:
            return connection.execute(statement, values).fetchall()

    def one(self, statement: str, *values: object) -> Any:
        """The only value of a statement."""
        return self.rows(statement, *values)[0][0]

    def count(self, table: str, condition: str = "1 = 1") -> int:
        """How many rows there are."""
        return int(self.one(f"SELECT count(*) FROM {table} WHERE {condition}"))

    def check(self) -> None:
        """What must hold whenever nothing runs: no damage, nothing twice, nothing held, nothing lost."""
        problems = [*self._damage(), *self._twice(), *self._held(), *self._open(), *self._lost()]
        assert not problems, "\n".join(problems)

    def _damage(self) -> list[str]:
        found = [str(row[0]) for row in self.rows("PRAGMA integrity_check") if row[0] != "ok"]
        return [*found, *(f"dangling reference: {row}" for row in self.rows("PRAGMA foreign_key_check"))]

    def _twice(self) -> list[str]:
        keys = {
            "visits": "run_id, page_id",
            "captures": "run_id, page_id",
            "pages": "source_id, url",
            "documents": "page_id, item_key",
            "document_versions": "document_id, version",
        }
        return [
            f"{table} has {count} rows of {key}"
            for table, key in keys.items()
            for *_, count in self.rows(f"SELECT {key}, count(*) FROM {table} GROUP BY {key} HAVING count(*) > 1")
        ]

    def _held(self) -> list[str]:
        held = {
            "leased visits": self.count("visits", "state = 'leased' OR token IS NOT NULL OR worker_id IS NOT NULL"),
            "claimed captures": self.count("waiting", "token IS NOT NULL OR worker_id IS NOT NULL"),
            "workers": self.count("workers"),
            "lock files": len(list((self.data_dir / "workers").glob("*.lock"))),
        }
        return [f"{count} {what} left" for what, count in held.items() if count]

    def _open(self) -> list[str]:
        """Ended runs have no open visit; every run admits what it should."""
        return [
            f"run {run} is {state} and has {count} visits {visit}"
            for run, state, visit, count in self.rows(
                "SELECT r.id, r.state, v.state, count(*) FROM visits v JOIN runs r ON r.id = v.run_id"
                f" WHERE v.state <> 'done' AND r.state IN {FINISHED} GROUP BY 1, 2, 3"
            )
        ]

    def _lost(self) -> list[str]:
        """Every capture has its bytes, every captured visit its capture."""
        hashes = {row[0] for row in self.rows("SELECT body_hash FROM captures")} if self.holds_bodies else set()
        lost = [f"body {h} is not in the archive" for h in sorted(hashes - self.bodies())] if hashes else []
        orphans = self.count("visits", "capture_id IS NOT NULL AND capture_id NOT IN (SELECT id FROM captures)")
        return [*lost, *([f"{orphans} visits name a capture that is not there"] if orphans else [])]

    def litter(self) -> list[Path]:
        """Temporary files of the archive: none, unless something was killed while it wrote them."""
        files = [path for path in (self.data_dir / "archive").rglob("*") if path.is_file()]
        return [path for path in files if path.suffix != ".pack" and not path.name.startswith("index.")]

    def is_free(self) -> bool:
        """Whether nobody is writing just now."""
        with closing(sqlite3.connect(self.path, timeout=0, isolation_level=None)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
            connection.execute("ROLLBACK")
            return True

    def bodies(self) -> set[str]:
        """The hashes of the bodies in the archive, read out of its packs."""
        found: set[str] = set()
        for path in (self.data_dir / "archive" / "packs").glob("*.pack"):
            with path.open("rb") as pack:
                found |= {record.digest.hex() for record in scan(pack, 0, path.stat().st_size)}
        return found
