"""A run: one crawl of one source, with the options it began with and the totals of its ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class RunState(StrEnum):
    """`QUEUED` waits for a crawler; `CRAWLED` has nothing left to fetch but captures to process."""

    QUEUED = "queued"
    RUNNING = "running"
    CRAWLED = "crawled"
    COMPLETED = "completed"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"


FINISHED_RUNS = (RunState.COMPLETED, RunState.CANCELLED)


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What a person may set for one run; `None` means the source's own value, or else the setting's.

    `rate_per_s` is requests a second to each host, 0 for no limit. `crawl_only` leaves the captures to be processed
    later, so that a crawled run is at rest and not interrupted. `full` asks for every page whole, whatever is known of
    it; `due_only` visits only the known pages that are due.
    """

    max_pages: int | None = None
    max_depth: int | None = None
    concurrency: int | None = None
    rate_per_s: float | None = None
    allow_private: bool | None = None
    crawl_only: bool = False
    full: bool = False
    due_only: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it stands. `outcomes` counts every visit, open states included, so that their sum is `discovered`.

    `saved_requests` were not sent, and `saved_bytes` not received, because the pages had not changed.
    Of a run that was compacted, only totals are left.
    """

    id: str
    source_id: str
    source: str
    state: RunState
    options: RunOptions
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    duration_s: float
    fetched: int
    received_bytes: int
    out_of_scope: int
    outcomes: Mapping[str, int]
    documents: int
    error: str | None = None
    saved_requests: int = 0
    saved_bytes: int = 0
    compacted_at: datetime | None = None

    @property
    def discovered(self) -> int:
        """How many URLs the run knows of."""
        return sum(self.outcomes.values())
