"""What every listing is read into, whatever its format: a sitemap, a feed, a page of an API, a folder, an archive."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Listed:
    """A page that a listing names: its URL as it is written there, and when it last changed (aware), if that is told.

    `item` is the page itself, as JSON, if the listing held it: then nothing is to be fetched.
    """

    url: str
    modified_at: datetime | None = None
    item: bytes | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """The pages of a listing, and the URLs of further listings of its kind: sub-sitemaps, the next page of an API."""

    pages: tuple[Listed, ...] = ()
    further: tuple[str, ...] = ()
