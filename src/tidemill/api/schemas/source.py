"""Sources over the wire. What goes in is described here and judged by `manage.sources`, like a file."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

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
    """All sources by name."""

    model_config = ConfigDict(extra="forbid")

    items: list[SourceAnswer]


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
