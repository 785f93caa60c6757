"""Exports over the wire: what is asked for, and how far it is."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tidemill.api.schemas.search import Moment
from tidemill.deliver.export.formats import FORMATS, format_of
from tidemill.errors import Invalid
from tidemill.manage.exports import Wanted
from tidemill.models.export import Export, Selection
from tidemill.search.base import SearchQuery, Sort

_FORMATS: list[Any] = sorted(FORMATS)
_COMMON = ("source", "kind", "language", "published_after", "published_before")
_SEARCHING = ("query", "author", "domain", "tag", "field")


class ExportSelection(BaseModel):
    """Which documents. With any of `query`, `author`, `domain`, `tag`, `field` it is a search, and its best hits."""

    model_config = ConfigDict(extra="forbid")

    source: str | None = Field(None, max_length=4096, description="Name of a source")
    kind: str | None = Field(None, max_length=32, description="Kind of document", examples=["article"])
    language: str | None = Field(None, max_length=16, description="ISO 639-1 code", examples=["en"])
    published_after: Moment | None = Field(None, description="First moment of publication")
    published_before: Moment | None = Field(None, description="First moment that is too late")
    updated_after: Moment | None = Field(None, description="Changed in the store since then; not with a search")
    query: str | None = Field(None, max_length=2000, description="In the query language", examples=["tide mill"])
    author: str | None = Field(None, max_length=200, description="Words of the author's name")
    domain: str | None = Field(None, max_length=300, description="Host of the document, or a parent of it")
    tag: list[str] = Field([], max_length=20, description="Documents that have all of these")
    field: list[str] = Field([], max_length=20, description="Filters on own fields", examples=[["price:<20"]])
    fuzzy: bool = Field(False, description="Every word may be misspelt")
    sort: Sort = Field("relevance", description="Order of a search; other exports are by URL")

    def wanted(self, format_name: str) -> Wanted:
        """What is to be exported. Raises `Invalid` (`export_format`, `export_request`)."""
        form = format_of(format_name)
        given: dict[str, Any] = {name: getattr(self, name) for name in _COMMON}
        if not any(getattr(self, name) for name in _SEARCHING):
            return Wanted(form, Selection(**given, updated_after=self.updated_after))
        if self.updated_after is not None:
            told = "updated_after does not go with a search; use published_after, or leave out what searches"
            raise Invalid(told, reason="export_request")
        given |= {"author": self.author, "domain": self.domain, "fuzzy": self.fuzzy, "sort": self.sort}
        given |= {"tags": tuple(self.tag), "fields": tuple(self.field)}
        return Wanted(form, query=SearchQuery(self.query or "", **given))


class ExportRequest(ExportSelection):
    """A file to be made."""

    format: str = Field(description="What the file is to be", json_schema_extra={"enum": _FORMATS})


class StreamedSelection(ExportSelection):
    """What may stand in the URL of a streamed export."""

    model_config = ConfigDict(extra="ignore")

    format: Literal["jsonl", "csv"] = Field("jsonl", description="Parquet wants a job")


class ExportAnswer(BaseModel):
    """A job as it stands. `rows` grows while it runs; the file is there when `state` is `done`."""

    model_config = ConfigDict(extra="forbid")

    id: str
    state: Literal["pending", "running", "done", "failed"]
    format: str = Field(json_schema_extra={"enum": _FORMATS})
    request: dict[str, Any] = Field(description="What was asked for, without what was left out")
    created_at: datetime
    finished_at: datetime | None
    rows: int = Field(description="Documents written")
    truncated: bool = Field(description="The search found more than exports.max_hits")
    size_bytes: int | None
    sha256: str | None = Field(description="Of the file, in hexadecimal")
    download: str | None = Field(description="The path of the file")
    error: str | None = Field(description="Why it failed: a reason and a sentence")


class ExportList(BaseModel):
    """The newest first; `next` is the path of the next page."""

    model_config = ConfigDict(extra="forbid")

    items: list[ExportAnswer]
    next: str | None


def export_body(export: Export) -> dict[str, Any]:
    """The answer for a job."""
    names = ("id", "state", "format", "created_at", "finished_at", "rows", "truncated", "size_bytes", "sha256", "error")
    told = {name: getattr(export, name) for name in names}
    asked = {name: value for name, value in export.request.items() if name != "format"}
    download = f"/api/v1/exports/{export.id}/download" if export.state == "done" else None
    return told | {"request": asked, "download": download}
