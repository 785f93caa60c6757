"""The port of search: what an engine takes (documents, queries) and gives (hits, its position).

The indexer writes through it, everything that people ask goes through `search`. An engine is a view: whatever it holds
can be built again from the store, so it may forget, but it must say how far it has come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, TypeAlias, get_args

from tidemill.errors import Invalid
from tidemill.models.document import Document
from tidemill.search.typed import PREFIX
from tidemill.search.values import FACETS

Sort: TypeAlias = Literal["relevance", "date", "date_asc", "title", "title_desc"]
"""How hits are ordered: best, newest, oldest, A to Z, Z to A first. What has no date or title comes last."""

Interval: TypeAlias = Literal["day", "month", "year"]
"""The width of a bar of the date histogram."""

MOST_FACETS = 10
MOST_FACET_VALUES = 100
RECENCY_CANDIDATES = 1000
"""The best hits by relevance alone that recency puts into another order."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far an index has come: every change up to `event_id` of the database `epoch` is searchable.

    `rebuilt` is the last request to build it anew that it has fulfilled, 0 if none.
    """

    epoch: str
    event_id: int
    rebuilt: int = 0


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What is asked. `text` is in the query language of `query.py` and never invalid; the other fields filter.

    `author` matches words of the name, `domain` the host or a parent of it, `tags` all of them. The dates are aware and
    include `published_after` but not `published_before`. `fields` are filters such as `price:<20` on a source's own
    fields. With `fuzzy` every word may be misspelt. With `recency_days` a hit of that age has lost a quarter of its
    score, an old one half. `facets` are names of `values.FACETS` or of own fields (`fields.city`), each counted with at
    most `facet_size` values; `histogram` counts by date of publication. Raises `Invalid` for values that cannot be.
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
    fields: tuple[str, ...] = ()
    fuzzy: bool = False
    sort: Sort = "relevance"
    recency_days: float | None = None
    facets: tuple[str, ...] = ()
    facet_size: int = 10
    histogram: Interval | None = None

    def __post_init__(self) -> None:
        for name in ("limit", "offset"):
            if getattr(self, name) < 0:
                raise Invalid(f"search {name} is {getattr(self, name)}; give 0 or more", reason="invalid_query")
        for name, known in (("sort", get_args(Sort)), ("histogram", (*get_args(Interval), None))):
            if getattr(self, name) not in known:
                listed = ", ".join(each for each in known if each)
                raise Invalid(f"search {name} is {getattr(self, name)!r}; give {listed}", reason="invalid_query")
        if self.recency_days is not None and not 0 < self.recency_days < 100_000:
            raise Invalid("recency is a number of days above 0 and below 100000", reason="invalid_query")
        self._check_facets()

    def _check_facets(self) -> None:
        unknown = [name for name in self.facets if name not in FACETS and not name.startswith(PREFIX)]
        if unknown:
            listed = ", ".join(FACETS)
            raise Invalid(f"there is no facet {unknown[0]!r}; give {listed} or fields.NAME", reason="invalid_query")
        if len(self.facets) > MOST_FACETS or not 0 < self.facet_size <= MOST_FACET_VALUES:
            raise Invalid(
                f"a search has at most {MOST_FACETS} facets of 1 to {MOST_FACET_VALUES} values", reason="invalid_query"
            )


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
    word_count: int = 0
    reading_time_minutes: int = 0


@dataclass(frozen=True, slots=True)
class Count:
    """How many of the documents found have a value: of a facet, or a time (the first day of a bar) of a histogram."""

    value: str
    count: int


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The page of hits asked for, best first, and `total`, the number of documents that match.

    `facets` are by the name asked for, the most frequent values first; `histogram` is by time, without empty bars.
    `facet_errors` names the facets of so many values that they were not counted exactly: how many documents a count
    may lack at most, also that of a value that is not shown.
    `stale`: it comes from a fallback, or was kept for `age_s` seconds, because the engine is gone.
    """

    query: str
    total: int
    took_ms: float
    hits: tuple[Hit, ...]
    facets: Mapping[str, tuple[Count, ...]] = field(default_factory=dict)
    histogram: tuple[Count, ...] = ()
    facet_errors: Mapping[str, int] = field(default_factory=dict)
    stale: bool = False
    age_s: float = 0.0


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

        Begins from zero, and logs why, if what is there is of another epoch or version, damaged or missing, also if it
        became so since the last time. What was begun by `rebuild` and not published is given up. Calling it again is
        cheap. Raises `Conflict` unless `writable`.
        """
        ...

    async def apply(
        self, upserts: Sequence[Document], deletions: Sequence[str], position: Position, *, more: bool = False
    ) -> None:
        """Make the batch searchable, then record `position`. Applying a batch twice is harmless.

        `deletions` are document ids; unknown ones are ignored. With `more` another batch follows at once, and both may
        be put off until one comes without it; what is put off when `begin` is called is forgotten, and so is an index
        that was begun by `rebuild` and not published. Raises `Conflict` if not `writable` or not begun.
        """
        ...

    async def position(self) -> Position | None:
        """How far the index has come, whoever writes it; `None` if there is none."""
        ...

    def known_position(self) -> Position | None:
        """The same if it can be told at once and for certain, without waiting; else `None`."""
        ...

    async def search(self, query: SearchQuery) -> SearchResult:
        """Answer `query` from what is searchable now; a query that says nothing finds nothing."""
        ...

    async def suggest(self, text: str, limit: int) -> tuple[str, ...]:
        """How what is being typed may go on: titles with all its words, the last of which may be only begun."""
        ...

    async def similar(self, document_id: str, limit: int) -> SearchResult:
        """Documents that speak of the same, best first. Raises `NotFound` if the index does not hold the document."""
        ...

    async def rebuild(self, epoch: str) -> Position:
        """Begin a new index beside the one that is searched: from now on `apply` writes to that one, from zero.

        Searches, and `position`, stay with the old one until `publish`. Raises `Conflict` unless `writable`.
        """
        ...

    async def publish(self) -> None:
        """Search the index that was begun by `rebuild`, and drop the old one. Does nothing if none was begun."""
        ...

    async def close(self) -> None:
        """Give back the lock and every resource."""
        ...
