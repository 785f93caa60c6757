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
    from the last visit whose processing was committed, `None` if there is none.
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


@dataclass(frozen=True, slots=True)
class Found:
    """A URL in scope that a visit discovered: `kind` is `page`, `sitemap` or `feed`; a refused one has its `skip`."""

    url: str
    origin: str
    kind: str = "page"
    depth: int = 0
    hops: int = 0
    skip: str | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """What became of a leased visit in the crawl stage.

    Exactly one of three: a `capture` to process; an `outcome` that is final (with its `capture`, if the same bytes came
    again); or `retry_at`, the time to try it again.
    `requests` and `received_bytes` are what it cost; `aside_requests` and `aside_bytes` what it cost to learn the
    host's robots.txt.
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
    etag: str | None = None
    last_modified: str | None = None


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
