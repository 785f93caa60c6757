"""The books of a crawl whose database is on a server: the same questions, asked there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import asyncpg
from tests.harness.books import Books
from tests.harness.postgres import in_own_loop

_IN_TRANSACTION = (
    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL"
    " AND pid <> pg_backend_pid()"
)


class ServedBooks(Books):
    """The database behind a URL, and the archive of a data folder."""

    def __init__(self, data_dir: Path, url: str) -> None:
        super().__init__(data_dir)
        self.url = url

    no_tables = (asyncpg.UndefinedTableError,)

    @property
    def begun(self) -> bool:
        """A server's database is there before anybody asks."""
        return True

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a statement."""
        return list(in_own_loop(self._rows(statement, *values)))

    def is_free(self) -> bool:
        """Whether no transaction of others is open."""
        return not self.rows(_IN_TRANSACTION)

    async def _rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(self.url)
        try:
            return [tuple(row) for row in await connection.fetch(statement, *values)]
        finally:
            await connection.close()

    def _damage(self) -> list[str]:
        return []
