"""Searching: the parameters of the query and the answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from tidemill.search.base import MOST_FACET_VALUES, MOST_FACETS, Interval, Sort

_LONGEST_QUERY = 2000


def _aware(at: datetime) -> datetime:
    """A time without a zone is UTC."""
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


Moment = Annotated[datetime, AfterValidator(_aware)]


class SearchParameters(BaseModel):
    """What may stand in the URL of a search."""

    q: str | None = Field(
        None,
        max_length=_LONGEST_QUERY,
        description='Words, "phrases", -without, OR, field:value; never a syntax error',
        examples=['"full text" index -mysql'],
    )
    query: str | None = Field(None, max_length=_LONGEST_QUERY, description="Another name of q")
    limit: int = Field(10, ge=0, description="Hits on this page; at most search.max_results")
    offset: int = Field(0, ge=0, le=100_000, description="Hits before this page")
    source: str | None = Field(None, description="Name of a source", examples=["example.org/docs/"])
    kind: str | None = Field(None, description="Kind of document", examples=["article"])
    language: str | None = Field(None, description="ISO 639-1 code", examples=["en"])
    author: str | None = Field(None, description="Words of the author's name")
    domain: str | None = Field(None, description="Host of the document, or a parent of it")
    tag: list[str] = Field([], max_length=20, description="A tag; repeat it for documents that have all")
    published_after: Moment | None = Field(None, description="First moment of publication")
    published_before: Moment | None = Field(None, description="First moment that is too late")
    field: list[str] = Field(
        [], max_length=20, description="A filter on a source's own field; repeat it for all", examples=[["price:<20"]]
    )
    fuzzy: bool = Field(False, description="Every word may be misspelt")
    sort: Sort = Field("relevance", description="What comes first; date is newest first")
    recency_days: float | None = Field(
        None, gt=0, lt=100_000, description="At that age a hit has lost a quarter of its score, in the end half of it"
    )
    facet: list[str] = Field(
        [],
        max_length=MOST_FACETS,
        description="Count the values of source, kind, language, author, tag, domain or fields.NAME; repeat it",
        examples=[["tag"]],
    )
    facet_size: int = Field(10, ge=1, le=MOST_FACET_VALUES, description="The most values of each facet")
    histogram: Interval | None = Field(None, description="Count by date of publication")


class FeedParameters(BaseModel):
    """What may stand in the URL of a feed."""

    q: str = Field("", max_length=_LONGEST_QUERY, description="As in a search; empty: all documents")
    limit: int = Field(50, ge=1, le=200, description="Entries")
    source: str | None = Field(None, description="Name of a source")
    kind: str | None = Field(None, description="Kind of document", examples=["article"])
    language: str | None = Field(None, description="ISO 639-1 code", examples=["en"])
    author: str | None = Field(None, description="Words of the author's name")
    domain: str | None = Field(None, description="Host of the document, or a parent of it")
    tag: list[str] = Field([], max_length=20, description="A tag; repeat it for documents that have all")
    published_after: Moment | None = Field(None, description="First moment of publication")


class SearchHit(BaseModel):
    """One document found. `highlights` are HTML with the matches in `<mark>`; all else is plain text."""

    model_config = ConfigDict(extra="forbid")

    id: str
    url: str
    title: str
    score: float = Field(description="Compares hits of one answer only")
    highlights: list[str]
    source: str
    language: str | None
    published_at: datetime | None
    kind: str
    author: str | None
    summary: str | None
    word_count: int
    reading_time_minutes: int


class ValueCount(BaseModel):
    """How many of the documents found have a value."""

    model_config = ConfigDict(extra="forbid")

    value: str
    count: int


class SearchAnswer(BaseModel):
    """One page of hits, best first, and how many documents match in all."""

    model_config = ConfigDict(extra="forbid")

    query: str
    total: int
    took_ms: float
    hits: list[SearchHit]
    facets: dict[str, list[ValueCount]] = Field(description="The most frequent values of each facet asked for")
    histogram: list[ValueCount] = Field(description="By day, month or year, without those that have none")
    facet_errors: dict[str, int] = Field(
        description="Facets with too many values to be counted exactly: how many documents a count may lack at most"
    )
    stale: bool = Field(description="The engine is gone: from its fallback, or from an answer given before")
    age_s: float = Field(description="How many seconds ago the answer was given; also the header Age")


class Suggestions(BaseModel):
    """How what is being typed may go on."""

    model_config = ConfigDict(extra="forbid")

    suggestions: list[str]


class AskedQuery(BaseModel):
    """What was searched for, without case; nobody knows by whom."""

    model_config = ConfigDict(extra="forbid")

    query: str
    asked: int = Field(description="How often")
    empty: int = Field(description="How often nothing was found")


class AskedQueries(BaseModel):
    """The most frequent first."""

    model_config = ConfigDict(extra="forbid")

    queries: list[AskedQuery]
