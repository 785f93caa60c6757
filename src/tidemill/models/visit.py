"""A visit: the place of one page in one run, as the crawl stage gets it from the ledger and gives it back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tidemill.models.capture import Capture
from tidemill.models.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Visit:
    """A leased visit. `token` is the lease: every later write carries it, so that a zombie changes nothing.

    `not_before` is the slot that politeness gave it. `etag`, `last_modified` and `body_hash` are the page's validators
    from the last visit whose processing was committed, `None` if there is none; `size_bytes` is how much its body was
    then. `tried_at` is when it was first tried in this run.
    """

    run_id: str
    page_id: str
    source_id: str
    url: str
    origin: str
    kind: str
    depth: int
    hops: int
    attempts: int
    token: str
    not_before: datetime
    etag: str | None = None
    last_modified: str | None = None
    body_hash: str | None = None
    size_bytes: int = 0
    tried_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A URL in scope that a visit discovered: `kind` is `page`, `sitemap` or `feed`; a refused one has its `skip`.

    `feed` is any listing that is no sitemap. `modified_at` is what a listing says of the page's last change, aware.
    `pattern` and `budget` name the family of URLs to which this one belongs and how many of it a run may visit.
    `item` is the page itself, if the listing held it.
    """

    url: str
    origin: str
    kind: str = "page"
    depth: int = 0
    hops: int = 0
    skip: str | None = None
    modified_at: datetime | None = None
    pattern: str | None = None
    budget: int | None = None
    item: Capture | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """What became of a leased visit in the crawl stage.

    Exactly one of three: a `capture` to process; an `outcome` that is final (with its `capture`, if the same bytes came
    again); or `retry_at`, the time to try it again.
    `requests` and `received_bytes` are what it cost; `aside_requests` and `aside_bytes` what it cost to learn the
    host's robots.txt; `elapsed_s` is how long the answer took. `headers` are those of the answer, for the archive.
    """

    visit: Visit
    outcome: Outcome | None = None
    reason: str | None = None
    status_code: int | None = None
    capture: Capture | None = None
    retry_at: datetime | None = None
    redirect_to: str | None = None
    found: tuple[Found, ...] = ()
    out_of_scope: int = 0
    requests: int = 0
    received_bytes: int = 0
    aside_requests: int = 0
    aside_bytes: int = 0
    elapsed_s: float = 0.0
    etag: str | None = None
    last_modified: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    screenshot_hash: str | None = None


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One line of a run's ledger as people read it. An open visit's `outcome` is its state."""

    url: str
    outcome: str
    reason: str | None
    status_code: int | None
    depth: int
    capture_id: str | None
    document_ids: tuple[str, ...]
