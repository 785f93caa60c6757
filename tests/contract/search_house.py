"""Every search engine at a place of its own, and short ways to write to one and to ask it.

`place` and `engine` are fixtures of `conftest`; each test that takes one of them runs with every engine.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tidemill.models.document import Document
from tidemill.search.base import Position, SearchEngine, SearchQuery, SearchResult
from tidemill.search.tantivy import TantivyEngine

KINDS = ("tantivy",)


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
        return TantivyEngine(Path(self.where), writer_memory_mb=16)


@contextmanager
def place_of(kind: str, folder: Path) -> Iterator[Place]:
    """A fresh place for engines of that kind; `folder` is the test's own."""
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
