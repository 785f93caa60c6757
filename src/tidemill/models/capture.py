"""A capture: what one visit fetched, and where its bytes lie in the archive."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter

from tidemill.models.priority import MEDIUM

FEED_MEDIA_TYPES = frozenset(
    {"application/rss+xml", "application/atom+xml", "application/rdf+xml", "application/feed+json"}
)
"""Feeds: lists that lose what is old as they get what is new."""


@dataclass(frozen=True, slots=True)
class Capture:
    """One fetched response whose body is in the archive.

    `body_hash` is the lower-case hexadecimal SHA-256 of the body after content decoding (gzip, brotli …) and is its key
    in the archive. `content_type` is the header as received (`text/html; charset=utf-8`), `media_type` its type alone.
    `attempts` counts how often processing it was begun; `priority` is that of its source when it was fetched.
    """

    id: str
    run_id: str
    page_id: str
    source_id: str
    url: str
    fetched_at: datetime
    status_code: int
    media_type: str
    content_type: str
    body_hash: str
    size_bytes: int
    attempts: int = 0
    priority: str = MEDIUM

    def __reduce__(self) -> tuple[type[Capture], tuple[object, ...]]:
        """Pickled by position, as `Draft`."""
        return Capture, _VALUES(self)


_VALUES = attrgetter(*Capture.__slots__)
