"""The change feed over the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from tidemill.deliver.changes import Change


class ChangeEvent(BaseModel):
    """Something that happened. `id` is the same whoever tells it, and grows; what is read twice is known by it."""

    model_config = ConfigDict(extra="forbid")

    id: int
    cursor: str = Field(description="The place behind this event")
    kind: str = Field(examples=["document.stored"])
    at: datetime
    source: str | None
    run_id: str | None
    document_id: str | None
    data: dict[str, Any]


class ChangeEvents(BaseModel):
    """The next events in the order of their commits. `cursor` is where to go on, also if there are none."""

    model_config = ConfigDict(extra="forbid")

    items: list[ChangeEvent]
    cursor: str = Field(description="Opaque; keep it, and send it as `after`")
    has_more: bool = Field(description="Ask again at once")


def change_body(change: Change) -> dict[str, Any]:
    """The answer for one event."""
    event = change.event
    return {
        "id": event.id,
        "cursor": str(change.cursor),
        "kind": event.kind,
        "at": event.created_at,
        "source": change.source,
        "run_id": event.run_id,
        "document_id": event.document_id,
        "data": dict(event.payload),
    }
