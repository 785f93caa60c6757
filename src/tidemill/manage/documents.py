"""Documents: listed, found by what people have of them, as records, and their bytes. Called by command line and API."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from typing import Any

from tidemill.archive.base import Archive
from tidemill.archive.warc import WarcEntry
from tidemill.errors import Conflict, Invalid, NotFound
from tidemill.models.document import Document, DocumentState
from tidemill.models.url import url_key
from tidemill.store import captures, documents, listing, sources, versions
from tidemill.store.engine import Store
from tidemill.store.listing import Wanted

_SHORTEST_PREFIX = 6
_MOST_NAMED = 10


async def listed(store: Store, source: str | None, state: str, limit: int) -> list[dict[str, Any]]:
    """The first documents in that state by URL, in brief. Raises `NotFound` (unknown source) and `Invalid`."""
    if state not in list(DocumentState):
        raise Invalid(f"{state!r} is no state; use one of {', '.join(DocumentState)}", reason="bad_state")
    source_id = (await sources.get(store, source)).id if source is not None else None
    return await versions.brief(store, source_id, DocumentState(state), limit)


async def browsed(
    store: Store, source: str | None, wanted: Wanted, after: listing.Key | None, limit: int
) -> list[dict[str, Any]]:
    """Some of each of these documents, of one source or of all, behind a key. Raises `NotFound` (`no_such_source`)."""
    source_id = (await sources.get(store, source)).id if source is not None else None
    return await listing.listed(store, replace(wanted, source_id=source_id), after, limit)


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
        "keywords": list(draft.keywords),
        "entities": [dict(entity) for entity in draft.entities],
        "fields": dict(draft.fields),
        "flags": list(draft.flags),
        "source": document.source,
        "fetched_at": moment(document.fetched_at),
        "content_hash": draft.content_hash,
        "version": document.version,
    }


def full_record(document: Document) -> dict[str, Any]:
    """A document as exports give it, and how the store judged it."""
    draft = document.draft
    return record(document) | {
        "state": document.state.value,
        "duplicate_of": document.duplicate_of,
        "similarity": document.similarity,
        "provenance": dict(draft.provenance),
        "disagreements": [dict(each) for each in draft.disagreements],
        "problems": list(draft.problems),
        "capture_id": document.capture_id,
        "first_seen_at": moment(document.first_seen_at),
        "updated_at": moment(document.updated_at),
    }


def moment(at: datetime | None) -> str | None:
    """A time as ISO 8601, or `None`."""
    return at.isoformat() if at is not None else None


async def find(store: Store, reference: str) -> Document:
    """The document of an identifier, of at least its first 6 digits, or of a page's URL.

    Raises `Invalid` (`bad_document`), `NotFound` (`no_such_document`) or `Conflict` (`ambiguous_document`).
    """
    if "://" in reference:
        return await documents.get(store, await _of_url(store, reference))
    digits = id_digits(reference)
    if digits is None:
        raise Invalid(
            f"{reference!r} is no document: give its identifier, at least the first {_SHORTEST_PREFIX} digits, or the"
            " URL of its page",
            reason="bad_document",
        )
    found = await versions.ids_with_prefix(store, digits, _MOST_NAMED)
    if not found:
        raise _unknown(reference)
    return await documents.get(store, await _only(store, reference, found))


def id_digits(reference: str) -> str | None:
    """The hexadecimal digits of an identifier or of its beginning; `None` if that is neither."""
    digits = reference.strip().replace("-", "").lower()
    return digits if re.fullmatch(rf"[0-9a-f]{{{_SHORTEST_PREFIX},32}}", digits) else None


async def _of_url(store: Store, reference: str) -> str:
    is_web = reference.lower().startswith(("http:", "https:"))  # sources of files have pages of other schemes
    found = await versions.ids_of_url(store, url_key(reference) if is_web else reference)
    live = [identifier for identifier, state in found if state is not DocumentState.REMOVED]
    if not found:
        raise NotFound(
            f"no document of the page {reference}; `tidemill ledger` says what became of the pages of a run",
            reason="no_such_document",
        )
    return await _only(store, reference, live or [identifier for identifier, _ in found])


async def _only(store: Store, reference: str, found: list[str]) -> str:
    if len(found) == 1:
        return found[0]
    titles = await versions.titles(store, found[:_MOST_NAMED])
    named = ", ".join(f"{each} ({titles[each] or 'no title'})" for each in found[:_MOST_NAMED])
    more = ", …" if len(found) > _MOST_NAMED else ""
    raise Conflict(f"{reference} is not one document; name one of {named}{more}", reason="ambiguous_document")


def _unknown(reference: str) -> NotFound:
    return NotFound(
        f"no document {reference!r}; `tidemill search` and `tidemill ledger --json` name those there are",
        reason="no_such_document",
    )
