"""How much a broker holds of one database, asked as a stranger would: over a connection of its own."""

from __future__ import annotations

from pathlib import Path

from tests.harness.backends import Backend
from tests.harness.books import Books
from tests.harness.postgres import in_own_loop

from tidemill.queue.open import open_dispatcher
from tidemill.settings import load_settings


def depth_of(backend: Backend, books: Books) -> int:
    """How many messages wait in the broker or are under way in it; none if the database is the queue."""
    if backend.queue_url == "database:":
        return 0
    given = {"queue.url": backend.queue_url, "data_dir": books.data_dir}
    settings = load_settings(given, environ={}, directory=Path("/"))
    epoch = str(books.one("SELECT value FROM meta WHERE key = 'epoch'"))

    async def asking() -> int:
        dispatcher = open_dispatcher(settings, epoch)
        try:
            return await dispatcher.depth()
        finally:
            await dispatcher.close()

    return int(in_own_loop(asking()))
