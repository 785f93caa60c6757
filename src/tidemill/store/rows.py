"""Between rows and dataclasses: a document as the tables hold it."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import RowMapping

from tidemill.models.document import Document, DocumentState, Draft

_NOT_COLUMNS = ("item_key", "signature")
DRAFT_COLUMNS = tuple(field.name for field in fields(Draft) if field.name not in _NOT_COLUMNS)
_IDENTITY = tuple(field.name for field in fields(Document) if field.name not in ("source", "draft"))
_SEARCHED = (
    *("kind", "item_key", "title", "author", "published_at", "language", "content", "summary", "tags", "fields"),
    *("word_count", "reading_time_minutes"),
)
"""What the engines of search/ index, sort by, count and show."""

SEARCHED_COLUMNS = (*_IDENTITY, *_SEARCHED)
_LISTS = ("tags", "keywords", "entities", "disagreements", "flags", "problems")


def draft_values(draft: Draft) -> dict[str, Any]:
    """The columns of a draft."""
    values: dict[str, Any] = {name: getattr(draft, name) for name in DRAFT_COLUMNS}
    values.update({name: list(values[name]) for name in _LISTS})
    values.update(fields=dict(draft.fields), provenance=dict(draft.provenance))
    return values


def draft_of(row: RowMapping) -> Draft:
    """The draft that a row of `documents` holds."""
    values = {name: row[name] for name in DRAFT_COLUMNS}
    values.update({name: tuple(values[name]) for name in _LISTS})
    return Draft(item_key=row["item_key"], **values)


def document_of(row: RowMapping) -> Document:
    """The document of a row of `documents` joined with its source's name as `source`."""
    return _document(row, draft_of(row))


def searched_of(row: RowMapping) -> Document:
    """The same of a row of `SEARCHED_COLUMNS`: the draft lacks the others."""
    values = {name: row[name] for name in _SEARCHED}
    return _document(row, Draft(**{**values, "tags": tuple(values["tags"])}))


def _document(row: RowMapping, draft: Draft) -> Document:
    return Document(
        id=row["id"],
        source=row["source"],
        page_id=row["page_id"],
        url=row["url"],
        state=DocumentState(row["state"]),
        version=row["version"],
        duplicate_of=row["duplicate_of"],
        similarity=row["similarity"],
        capture_id=row["capture_id"],
        fetched_at=row["fetched_at"],
        first_seen_at=row["first_seen_at"],
        updated_at=row["updated_at"],
        draft=draft,
    )


def old_version(row: RowMapping, now: datetime) -> dict[str, Any]:
    """The row of `document_versions` that keeps what a row of `documents` holds now."""
    draft = {name: _plain(row[name]) for name in DRAFT_COLUMNS}
    return {
        "document_id": row["id"],
        "version": row["version"],
        "state": row["state"],
        "capture_id": row["capture_id"],
        "fetched_at": row["fetched_at"],
        "replaced_at": now,
        "draft": draft,
    }


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
