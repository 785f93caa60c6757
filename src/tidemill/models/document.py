"""A document: what a page says, as text and fields, and a draft: a document before the store has judged it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from operator import attrgetter
from typing import TypeAlias

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"


class DocumentState(StrEnum):
    """Only `CURRENT` documents are searched and exported; the others are kept and say why they are not."""

    CURRENT = "current"
    DUPLICATE = "duplicate"
    INVALID = "invalid"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Draft:
    """One document as the process stage hands it on, complete but for its identity and its place in history.

    `item_key` tells the documents of one page apart; the page's own document has `""`. `content` is plain text,
    `markdown` the same with its structure; both are safe to show. Times are aware. `language` is an ISO 639-1 code.
    `fields` holds what is special to the kind (an event's `start`, `end`, `location`). `keywords` are found in the
    text, `tags` given by the page. `entities` are `{"text", "label", "confidence"}`. `provenance` says for each value
    where it came from, as `origin` writes it; `disagreements` what others gave for it. `problems` are the reasons why
    it is invalid; empty if it is valid. `content_hash` is equal for equal contents at different URLs;
    `fingerprint` changes with any visible value. `signature` is what near-duplicates are recognised by (128 hashes of
    4 bytes); empty for a text too short for that.
    """

    kind: str
    item_key: str = ""
    title: str = ""
    author: str | None = None
    published_at: datetime | None = None
    modified_at: datetime | None = None
    language: str | None = None
    language_confidence: float | None = None
    content: str = ""
    markdown: str = ""
    summary: str | None = None
    word_count: int = 0
    reading_time_minutes: int = 0
    canonical_url: str | None = None
    site_name: str | None = None
    image_url: str | None = None
    tags: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    entities: tuple[Mapping[str, Json], ...] = ()
    fields: Mapping[str, Json] = field(default_factory=dict)
    provenance: Mapping[str, str] = field(default_factory=dict)
    disagreements: tuple[Mapping[str, Json], ...] = ()
    flags: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    content_hash: str = ""
    fingerprint: str = ""
    signature: bytes = b""

    def __reduce__(self) -> tuple[type[Draft], tuple[object, ...]]:
        """Pickled by position: what dataclasses do by themselves takes three times as long, twice for every page."""
        return Draft, _VALUES(self)


_VALUES = attrgetter(*Draft.__slots__)


def origin(extractor: str, version: str = "1", rule: str = "") -> str:
    """Where a value came from, as `Draft.provenance` keeps it: `jsonld@1`, `selector@1 css:.price`.

    `version` changes when the extractor may give another value for the same bytes.
    """
    return f"{extractor}@{version} {rule}".rstrip()


def origin_name(text: str) -> str:
    """The extractor of an `origin`."""
    return text.partition(" ")[0].partition("@")[0]


@dataclass(frozen=True, slots=True)
class Processed:
    """What the process stage made of one capture: its drafts, or the reason why there are none."""

    capture_id: str
    drafts: tuple[Draft, ...]
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A document as it stands in the store: a draft with its identity, its source and its history.

    `similarity` is that to the document it is a duplicate of: 1 if they are equal, `None` if it is no duplicate.
    """

    id: str
    source: str
    page_id: str
    url: str
    state: DocumentState
    version: int
    duplicate_of: str | None
    similarity: float | None
    capture_id: str
    fetched_at: datetime
    first_seen_at: datetime
    updated_at: datetime
    draft: Draft
