"""The port of search: what an engine takes (documents, queries) and gives (hits, its position).

The indexer writes through it, everything that people ask goes through `search`. An engine is a view: whatever it holds
can be built again from the store, so it may forget, but it must say how far it has come.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tidemill.errors import Invalid
from tidemill.models.document import Document


@dataclass(frozen=True, slots=True)
class Position:
    """How far an index has come: every change up to `event_id` of the database `epoch` is searchable."""

    epoch: str
    event_id: int


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What is asked. `text` is in the query language of `query.py` and never invalid; the other fields filter.

    `author` matches words of the name, `domain` the host or a parent of it, `tags` all of them. The dates are aware and
    include `published_after` but not `published_before`. Raises `Invalid` for a negative `limit` or `offset`.
    """

    text: str
    limit: int = 10
    offset: int = 0
    source: str | None = None
    kind: str | None = None
    language: str | None = None
    author: str | None = None
    domain: str | None = None
    tags: tuple[str, ...] = ()
    published_after: datetime | None = None
    published_before: datetime | None = None

    def __post_init__(self) -> None:
        for name in ("limit", "offset"):
            if getattr(self, name) < 0:
                raise Invalid(f"search {name} is {getattr(self, name)}; give 0 or more", reason="invalid_query")


@dataclass(frozen=True, slots=True)
class Hit:
    """One document found. `highlights` are at most three pieces of its text, HTML-escaped, matches in `<mark>`.

    Everything else is plain text. `score` compares hits of one answer only; it is 0.0 when the query only filters.
    """

    id: str
    url: str
    title: str
    score: float
    highlights: tuple[str, ...]
    source: str
    language: str | None
    published_at: datetime | None
    kind: str
    author: str | None
    summary: str | None


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The page of hits asked for, best first, and `total`, the number of documents that match."""

    query: str
    total: int
    took_ms: float
    hits: tuple[Hit, ...]


class SearchEngine(Protocol):
    """An index that one process at a time writes and any number read.

    Any method may raise `Transient` (the engine cannot do it now: disk full, index unreadable, server gone).
    """

    @property
    def writable(self) -> bool:
        """Whether this process is the one that writes."""
        ...

    async def try_lock(self) -> bool:
        """Become the one that writes, if nobody else is; says whether this process is it now. Never waits."""
        ...

    async def begin(self, epoch: str) -> Position:
        """Make ready to write the changes of the database `epoch` and say from where to go on.

        Begins from zero, and logs why, if what is there is of another epoch or version, damaged or missing. Calling it
        again is cheap. Raises `Conflict` unless `writable`.
        """
        ...

    async def apply(self, upserts: Sequence[Document], deletions: Sequence[str], position: Position) -> None:
        """Make the batch searchable, then record `position`. Applying a batch twice is harmless.

        `deletions` are document ids; unknown ones are ignored. Raises `Conflict` if not `writable` or not begun.
        """
        ...

    async def position(self) -> Position | None:
        """How far the index has come, whoever writes it; `None` if there is none."""
        ...

    async def search(self, query: SearchQuery) -> SearchResult:
        """Answer `query` from what is searchable now; a query that says nothing finds nothing."""
        ...

    async def close(self) -> None:
        """Give back the lock and every resource."""
        ...
