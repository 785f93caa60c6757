"""Documents going out: as JSON lines, as a stream."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from typing import Any

from tidemill.archive.base import Archive
from tidemill.archive.warc import WarcEntry
from tidemill.models.document import Document
from tidemill.store import captures, documents, sources
from tidemill.store.engine import Store


async def exported(store: Store, source: str | None = None) -> AsyncGenerator[dict[str, Any], None]:
    """The current documents by URL, then item key, each as `record` gives it. Raises `NotFound`: unknown source."""
    if source is not None:
        await sources.get(store, source)
    async with aclosing(documents.current(store, source)) as found:
        async for document in found:
            yield record(document)


async def archived(store: Store, archive: Archive, source: str | None = None) -> AsyncGenerator[WarcEntry]:
    """What was fetched, oldest first, for a web archive.

    Raises `NotFound` for an unknown source, `Permanent` for a body that is lost or damaged.
    """
    source_id = (await sources.get(store, source)).id if source is not None else None
    async with aclosing(captures.of_source(store, source_id)) as stream:
        async for capture, headers in stream:
            yield WarcEntry(
                url=capture.url,
                fetched_at=capture.fetched_at,
                status_code=capture.status_code,
                headers=headers,
                body=await archive.get(capture.body_hash),
                capture_id=capture.id,
            )


def record(document: Document) -> dict[str, Any]:
    """A document as exports give it. This shape is a contract."""
    draft = document.draft
    return {
        "id": document.id,
        "url": document.url,
        "kind": draft.kind,
        "title": draft.title,
        "author": draft.author,
        "published_at": moment(draft.published_at),
        "modified_at": moment(draft.modified_at),
        "language": draft.language,
        "content": draft.content,
        "markdown": draft.markdown,
        "summary": draft.summary,
        "word_count": draft.word_count,
        "reading_time_minutes": draft.reading_time_minutes,
        "canonical_url": draft.canonical_url,
        "site_name": draft.site_name,
        "image_url": draft.image_url,
        "tags": list(draft.tags),
        "fields": dict(draft.fields),
        "flags": list(draft.flags),
        "source": document.source,
        "fetched_at": moment(document.fetched_at),
        "content_hash": draft.content_hash,
        "version": document.version,
    }


def moment(at: datetime | None) -> str | None:
    """A time as ISO 8601, or `None`."""
    return at.isoformat() if at is not None else None
