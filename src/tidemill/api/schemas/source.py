"""Sources over the wire. What goes in is described here and judged by `manage.sources`, like a file."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tidemill.models.source import Source, SourceSpec


class SourceAnswer(BaseModel):
    """A source as it stands."""

    model_config = ConfigDict(extra="forbid")

    id: str
    name: str
    kind: str = Field(examples=["website"])
    adhoc: bool = Field(description="Made by crawling a URL")
    version: int = Field(description="Grows with every change of `spec`")
    created_at: datetime
    updated_at: datetime
    documents: int = Field(description="Its current documents")
    spec: SourceSpec


class SourceList(BaseModel):
    """A page of sources by name; `next` is the path of the next one."""

    model_config = ConfigDict(extra="forbid")

    items: list[SourceAnswer]
    next: str | None


class SourceChange(BaseModel):
    """What applying a source would do."""

    model_config = ConfigDict(extra="forbid")

    name: str
    state: Literal["new", "changed", "revived", "unchanged"] = Field(description="`revived`: it was deleted")
    diff: str = Field(description="A unified diff of YAML")


class DeletedSource(BaseModel):
    """What the deletion of a source came to."""

    model_config = ConfigDict(extra="forbid")

    runs_cancelled: int
    documents_removed: int


class VersionAnswer(BaseModel):
    """A source as it was written at one time."""

    model_config = ConfigDict(extra="forbid")

    version: int
    created_at: datetime
    diff: str = Field(description="What it changed of the version before, as a unified diff of YAML")
    spec: SourceSpec


class VersionList(BaseModel):
    """A page of the versions of a source, the newest first; `next` is the path of the next one."""

    model_config = ConfigDict(extra="forbid")

    items: list[VersionAnswer]
    next: str | None


def source_body(source: Source) -> dict[str, Any]:
    """The answer for a source."""
    return {
        "id": source.id,
        "name": source.name,
        "kind": source.spec.kind,
        "adhoc": source.adhoc,
        "version": source.version,
        "created_at": source.created_at,
        "updated_at": source.updated_at,
        "documents": source.documents,
        "spec": asdict(source.spec),
    }
