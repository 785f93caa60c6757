"""An event: one line of the outbox, written in the transaction of its cause."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tidemill.models.document import Json

DOCUMENT_STORED = "document.stored"
DOCUMENT_CHANGED = "document.changed"
DOCUMENT_REMOVED = "document.removed"
DOCUMENT_DUPLICATE = "document.duplicate"
RUN_STARTED = "run.started"
RUN_FINISHED = "run.finished"


@dataclass(frozen=True, slots=True)
class Event:
    """`id` grows with commit order: a reader that has seen `id` never misses a smaller one."""

    id: int
    kind: str
    created_at: datetime
    source_id: str | None = None
    run_id: str | None = None
    document_id: str | None = None
    payload: Mapping[str, Json] = field(default_factory=dict)
