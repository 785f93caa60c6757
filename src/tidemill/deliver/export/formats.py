"""The formats of exports: their names, media types and writers, and the columns of those that have columns.

In: a name and a binary file. Out: a writer, which takes records in batches. Called by `manage.exports` and the API.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, BinaryIO, Protocol

from tidemill.errors import Invalid

Record = Mapping[str, Any]
"""A document as `manage.documents.record` gives it."""

COLUMNS: tuple[str, ...] = (
    *("id", "url", "kind", "title", "author", "published_at", "modified_at", "language", "content", "markdown"),
    *("summary", "word_count", "reading_time_minutes", "canonical_url", "site_name", "image_url", "tags", "keywords"),
    *("entities", "fields", "flags", "source", "fetched_at", "content_hash", "version"),
)
"""The names and the order of what a record holds. New ones come last."""


class Writer(Protocol):
    """Writes records into the file it was made with. Not thread-safe, but not bound to a thread."""

    def add(self, records: Sequence[Record]) -> None:
        """Write a batch."""

    def close(self) -> None:
        """Write what ends the file, which stays open."""


@dataclass(frozen=True, slots=True)
class Format:
    """How a format is called, served and named."""

    name: str
    media_type: str
    extension: str


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        each.name: each
        for each in (
            Format("jsonl", "application/jsonl", "jsonl"),
            Format("csv", "text/csv; charset=utf-8", "csv"),
            Format("parquet", "application/vnd.apache.parquet", "parquet"),
        )
    }
)


def format_of(name: str) -> Format:
    """The format of that name. Raises `Invalid` (`export_format`), also for one whose library is not installed."""
    found = FORMATS.get(name)
    if found is None:
        raise Invalid(f"{name!r} is no format of exports; use {', '.join(FORMATS)}", reason="export_format")
    if found.name == "parquet":
        import_parquet()
    return found


def import_parquet() -> None:
    """Raises `Invalid` (`export_format`) where the extra is not installed."""
    try:
        import pyarrow.parquet  # noqa: F401 - an extra, and large
    except ImportError as error:
        raise Invalid(
            "Parquet needs its library: pip install 'tidemill[parquet]'; or export as jsonl or csv",
            reason="export_format",
        ) from error


def writer_of(form: Format, out: BinaryIO) -> Writer:
    """What writes that format into `out`."""
    if form.name == "csv":
        from tidemill.deliver.export.table import CsvWriter

        return CsvWriter(out)
    if form.name == "parquet":
        from tidemill.deliver.export.parquet import ParquetWriter

        return ParquetWriter(out)
    from tidemill.deliver.export.lines import LinesWriter

    return LinesWriter(out)
