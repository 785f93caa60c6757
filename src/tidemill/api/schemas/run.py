"""Runs and their ledgers over the wire."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from tidemill.models.progress import Progress
from tidemill.models.run import Run, RunOptions, RunState


class RunRequest(BaseModel):
    """What to crawl and how. What is left out is the source's own value, or else the setting's."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    target: str = Field(min_length=1, max_length=4096, description="A URL, or a source's name")
    fresh: bool = Field(False, description="Cancel the source's unfinished run, if there is one, and begin another")
    max_pages: int | None = Field(None, ge=1, le=1_000_000_000)
    max_depth: int | None = Field(None, ge=0, le=1_000_000)
    concurrency: int | None = Field(None, ge=1, le=1000)
    rate_per_s: float | None = Field(None, ge=0, le=1_000_000, description="To each host; 0 for no limit")
    allow_private: bool | None = Field(None, description="Only on a server that listens on loopback")
    crawl_only: bool = Field(False, description="Archive without processing")
    full: bool = Field(False, description="Ask for every page whole, whatever is known of it")
    due_only: bool = Field(False, description="Visit only the known pages that are due")

    def options(self) -> RunOptions:
        """The part that is the run's."""
        return RunOptions(**self.model_dump(exclude={"target", "fresh"}))


class RunAnswer(BaseModel):
    """A run as it stands. `discovered` is the sum of `outcomes`, open states included."""

    model_config = ConfigDict(extra="forbid")

    id: str
    source: str
    state: RunState
    options: RunOptions
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    duration_s: float
    discovered: int
    fetched: int = Field(description="Answered requests")
    bytes: int = Field(description="Of bodies as received")
    out_of_scope: int = Field(description="Links that left the source's scope")
    outcomes: dict[str, int] = Field(examples=[{"stored": 120, "redirected": 3, "pending": 7}])
    documents: int = Field(description="The source's current documents")
    saved_requests: int = Field(description="Requests not sent, since the pages had not changed")
    saved_bytes: int = Field(description="Bytes (uncompressed) not received, since the pages had not changed")
    error: str | None
    compacted_at: datetime | None = Field(
        description="When its ledger was let go, of which only these totals are left (`retention.visits_days`)"
    )


class RunWithProgress(RunAnswer):
    """A run, and how far it is."""

    progress: Progress


class StartedRun(RunAnswer):
    """A run that waits for a crawler. `resumed`: it was begun before and keeps the options it began with."""

    resumed: bool
    ignored_options: list[str] = Field(description="Options asked for that differ from those it began with")


class RunList(BaseModel):
    """A page of runs, the newest first; `next` is the path of the next one."""

    model_config = ConfigDict(extra="forbid")

    items: list[RunAnswer]
    next: str | None


class LedgerLine(BaseModel):
    """What became of one URL. `outcome` is its state while it is open."""

    model_config = ConfigDict(extra="forbid")

    url: str
    outcome: str
    reason: str | None
    status_code: int | None
    depth: int
    capture_id: str | None
    document_ids: list[str]


class LedgerPage(BaseModel):
    """A page of a ledger by URL; `next` is the path of the next one."""

    model_config = ConfigDict(extra="forbid")

    items: list[LedgerLine]
    next: str | None


def run_body(run: Run) -> dict[str, Any]:
    """The answer for a run."""
    return {
        "id": run.id,
        "source": run.source,
        "state": run.state.value,
        "options": asdict(run.options),
        "created_at": run.created_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "duration_s": run.duration_s,
        "discovered": run.discovered,
        "fetched": run.fetched,
        "bytes": run.received_bytes,
        "out_of_scope": run.out_of_scope,
        "outcomes": dict(run.outcomes),
        "documents": run.documents,
        "saved_requests": run.saved_requests,
        "saved_bytes": run.saved_bytes,
        "error": run.error,
        "compacted_at": run.compacted_at,
    }
