"""Every search engine at a place of its own, and short ways to write to one and to ask it.

`place` and `engine` are fixtures of `conftest`; each test that takes one of them runs with every engine.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from uuid import uuid4

from tests.harness.opensearch import need_opensearch
from tests.harness.postgres import in_own_loop, need_postgres

from tidemill.models.document import Document
from tidemill.search.base import Position, SearchEngine, SearchQuery, SearchResult
from tidemill.search.lock import LocalLock
from tidemill.search.opensearch import OpenSearchEngine
from tidemill.search.opensearch.cluster import Cluster
from tidemill.search.postgres import PostgresEngine
from tidemill.search.tantivy import TantivyEngine
from tidemill.settings import DatabaseSettings
from tidemill.store.engine import Store, open_store

KINDS = ("tantivy", "postgresql", "opensearch")


@dataclass(frozen=True)
class Place:
    """Where an engine of some kind keeps its index; any number may be opened there, also by other processes.

    `where` is the folder, or the URL of a server; `folder` is the data folder of this machine.
    """

    kind: str
    where: str
    folder: str

    def open(self) -> SearchEngine:
        """An engine that is not begun."""
        if self.kind == "postgresql":
            return _OnItsOwn(open_store(self.where, DatabaseSettings(pool_size=2), Path(self.folder)))
        if self.kind == "opensearch":
            url, _, alias = self.where.rpartition("#")
            lock = LocalLock(Path(self.folder) / "search.lock")
            return OpenSearchEngine(Cluster(url, ca=None, timeout_s=30.0), lock, alias=alias, replicas=0)
        return TantivyEngine(Path(self.where), writer_memory_mb=16)

    async def take_away(self) -> None:
        """Delete the index, as an operator may, whoever writes it."""
        if self.kind == "postgresql":
            await need_postgres().run("TRUNCATE search_documents, search_terms, search_state", self.where)
        elif self.kind == "opensearch":
            url, _, alias = self.where.rpartition("#")
            cluster = Cluster(url, ca=None, timeout_s=30.0)
            await cluster.client.indices.delete(index=f"{alias}-docs-*")
            await cluster.close()
        else:
            shutil.rmtree(self.where)


class _OnItsOwn(PostgresEngine):
    """An engine that closes the store that was opened for it."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._owned = store

    async def close(self) -> None:
        await super().close()
        await self._owned.close()


@cache
def _database() -> str:
    """A database of this test process; it goes with the server."""
    url: str = in_own_loop(need_postgres().copy())
    return url


@contextmanager
def place_of(kind: str, folder: Path) -> Iterator[Place]:
    """A fresh place for engines of that kind; `folder` is the test's own."""
    if kind == "postgresql":
        url = _database()
        in_own_loop(need_postgres().run("TRUNCATE search_documents, search_terms, search_state", url))
        yield Place(kind, url, str(folder))
    elif kind == "opensearch":
        yield Place(kind, f"{need_opensearch()}#t{uuid4().hex[:12]}", str(folder))
    else:
        yield Place(kind, str(folder / "index"), str(folder))


async def write(engine: SearchEngine, *documents: Document, deletions: tuple[str, ...] = (), event_id: int = 1) -> None:
    """Apply a batch of the epoch `e`."""
    await engine.apply(documents, deletions, Position("e", event_id))


async def ask(engine: SearchEngine, text: str, **options: object) -> SearchResult:
    """The whole answer."""
    return await engine.search(SearchQuery(text, **options))  # type: ignore[arg-type]


async def ids(engine: SearchEngine, text: str, **options: object) -> list[str]:
    """The documents found, best first."""
    return [hit.id for hit in (await ask(engine, text, **options)).hits]
