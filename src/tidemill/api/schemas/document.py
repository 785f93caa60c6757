"""A document as the API gives it: the record of an export, and how the store judged it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from tidemill.manage.documents import moment, record
from tidemill.models.document import Document, DocumentState


class DocumentAnswer(BaseModel):
    """One document in whatever state; only `current` ones are searched and exported."""

    model_config = ConfigDict(extra="forbid")

    id: str
    url: str
    kind: str
    title: str
    author: str | None
    published_at: datetime | None
    modified_at: datetime | None
    language: str | None
    content: str = Field(description="Plain text")
    markdown: str
    summary: str | None
    word_count: int
    reading_time_minutes: int
    canonical_url: str | None
    site_name: str | None
    image_url: str | None
    tags: list[str]
    fields: dict[str, Any] = Field(description="What is special to the kind")
    flags: list[str]
    source: str
    fetched_at: datetime
    content_hash: str
    version: int
    state: DocumentState
    duplicate_of: str | None = Field(description="The document of which this one is a duplicate")
    provenance: dict[str, str] = Field(description="Which extractor gave which value")
    problems: list[str] = Field(description="Why it is invalid")
    capture_id: str
    first_seen_at: datetime
    updated_at: datetime


def document_body(document: Document) -> dict[str, Any]:
    """The answer for a document."""
    return record(document) | {
        "state": document.state.value,
        "duplicate_of": document.duplicate_of,
        "provenance": dict(document.draft.provenance),
        "problems": list(document.draft.problems),
        "capture_id": document.capture_id,
        "first_seen_at": moment(document.first_seen_at),
        "updated_at": moment(document.updated_at),
    }
