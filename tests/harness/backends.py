"""The backends that a fault is tried over: a database and a queue, each a real server or embedded.

`BACKENDS` names them; `opened_backend` makes a database of its own on the shared servers, for as long as the block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.harness.books import Books
from tests.harness.postgres import in_own_loop, need_postgres
from tests.harness.served_books import ServedBooks

TITLES = {
    "sqlite": "SQLite",
    "sqlite+redis": "SQLite + Redis",
    "sqlite+rabbitmq": "SQLite + RabbitMQ",
    "postgres": "PostgreSQL",
    "postgres+redis": "PostgreSQL + Redis",
    "postgres+rabbitmq": "PostgreSQL + RabbitMQ",
}
BACKENDS = ("sqlite", "postgres", "postgres+redis", "postgres+rabbitmq")
"""Those that every fault is tried over."""


@dataclass(frozen=True, slots=True)
class Backend:
    """One of `TITLES`. The URL of an embedded database is empty: each data folder has its own."""

    name: str
    database_url: str
    queue_url: str
    archive: tuple[str, ...] = ()
    """Settings of an archive elsewhere than in the data folder."""

    @property
    def title(self) -> str:
        """What the table of `docs/reliability.md` calls it."""
        return TITLES[self.name]

    @property
    def settings(self) -> tuple[str, ...]:
        """As `tidemill --set` takes them."""
        database = (f"database.url={self.database_url}",) if self.database_url else ()
        return (*database, f"queue.url={self.queue_url}", *self.archive)

    def books(self, data_dir: Path) -> Books:
        """The books of a crawl over this backend."""
        books = ServedBooks(data_dir, self.database_url) if self.database_url else Books(data_dir)
        books.holds_bodies = not self.archive
        return books


@contextmanager
def opened_backend(name: str, queue_url: Callable[[str], str], *, migrated: bool = False) -> Iterator[Backend]:
    """A backend whose database is new; `queue_url("redis")` gives the URL of a broker. `migrated`: with our tables."""
    database, _, queue = name.partition("+")
    url = queue_url(queue) if queue else "database:"
    if database == "sqlite":
        yield Backend(name, "", url)
        return
    server = need_postgres()
    made = in_own_loop(server.copy() if migrated else server.empty())
    try:
        yield Backend(name, made, url)
    finally:
        in_own_loop(server.drop(made))
