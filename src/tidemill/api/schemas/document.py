"""A document as the API gives it: the record of an export, how the store judged it, and its versions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from tidemill.manage.documents import full_record
from tidemill.manage.history import HistoryEntry, version_record
from tidemill.models.document import Document, DocumentState
from tidemill.store.versions import Version


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
    tags: list[str] = Field(description="Given by the page")
    keywords: list[str] = Field(description="Found in the text")
    entities: list[dict[str, Any]] = Field(description="Names found in the text: `text`, `label`, `confidence`")
    fields: dict[str, Any] = Field(description="What is special to the kind")
    flags: list[str]
    source: str
    fetched_at: datetime
    content_hash: str
    version: int
    state: DocumentState
    duplicate_of: str | None = Field(description="The document of which this one is a duplicate")
    similarity: float | None = Field(description="That to `duplicate_of`: 1 if they are equal")
    provenance: dict[str, str] = Field(description="Which extractor gave which value: `jsonld@1 Article.headline`")
    disagreements: list[dict[str, Any]] = Field(description="What other extractors gave for a value")
    problems: list[str] = Field(description="Why it is invalid")
    capture_id: str
    first_seen_at: datetime
    updated_at: datetime


class DocumentVersionAnswer(BaseModel):
    """A document from one change to the next; the version that stands has no `replaced_at`."""

    model_config = ConfigDict(extra="forbid")

    version: int
    state: DocumentState
    capture_id: str
    fetched_at: datetime
    replaced_at: datetime | None
    changed: list[str] = Field(description="In which values it differs from the version before")


class DocumentVersionList(BaseModel):
    """A page of the versions of a document, the newest first; `next` is the path of the next one."""

    model_config = ConfigDict(extra="forbid")

    items: list[DocumentVersionAnswer]
    next: str | None


class DocumentSummary(BaseModel):
    """What a list shows of a document."""

    model_config = ConfigDict(extra="forbid")

    id: str
    url: str
    kind: str
    title: str
    author: str | None
    published_at: datetime | None
    language: str | None
    summary: str | None
    word_count: int
    fetched_at: datetime
    version: int
    state: DocumentState
    duplicate_of: str | None
    first_seen_at: datetime
    updated_at: datetime
    source: str


class DocumentList(BaseModel):
    """A page of documents; `next` is the path of the next one."""

    model_config = ConfigDict(extra="forbid")

    items: list[DocumentSummary]
    next: str | None


class ChangedValue(BaseModel):
    """One value that is not what it was. Members of `fields` and `provenance` have own names: `fields.price`."""

    model_config = ConfigDict(extra="forbid")

    field: str
    old: Any
    new: Any


class DocumentDiff(BaseModel):
    """What differs between two versions of a document."""

    model_config = ConfigDict(extra="forbid")

    document_id: str
    old: int = Field(description="The version that is compared with")
    new: int
    changes: list[ChangedValue]


class ShownCapture(BaseModel):
    """What a document was made of, as it was fetched."""

    model_config = ConfigDict(extra="forbid")

    id: str
    run_id: str
    url: str
    fetched_at: datetime
    status_code: int
    media_type: str
    body_hash: str
    size_bytes: int
    archived: bool = Field(description="Whether the bytes are still in the archive")


class ExplainedValue(BaseModel):
    """A value of a document and where it comes from; `others` are what other extractors gave for it."""

    model_config = ConfigDict(extra="forbid")

    field: str
    value: Any
    extractor: str | None
    version: str | None
    rule: str | None
    others: list[dict[str, Any]]


class Provenance(BaseModel):
    """Where each value of a document comes from. The capture is `null` if it was let go."""

    model_config = ConfigDict(extra="forbid")

    capture: ShownCapture | None
    values: list[ExplainedValue]


class FullDocumentVersion(BaseModel):
    """A version with its values."""

    model_config = ConfigDict(extra="forbid")

    version: int
    state: DocumentState
    capture_id: str
    fetched_at: datetime
    replaced_at: datetime | None
    values: dict[str, Any] = Field(description="Those of the document then, by name; old versions may lack some")


def document_body(document: Document) -> dict[str, Any]:
    """The answer for a document."""
    return full_record(document)


def entry_body(entry: HistoryEntry) -> dict[str, Any]:
    """The answer for one version in a list."""
    return version_record(entry.version, entry.changed)


def summary_body(row: dict[str, Any]) -> dict[str, Any]:
    """The answer for one document in a list."""
    return {name: row[name] for name in DocumentSummary.model_fields}


def version_body(version: Version) -> dict[str, Any]:
    """The answer for one version."""
    about = {name: value for name, value in version_record(version, ()).items() if name != "changed"}
    return about | {"values": dict(version.values)}
