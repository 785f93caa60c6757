"""The bytes behind a document: which capture it was made of, and what the archive holds of that. Called by the API."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from tidemill.archive.base import Archive
from tidemill.errors import Gone, NotFound, Permanent
from tidemill.store import captures, documents, versions
from tidemill.store.engine import Store


@dataclass(frozen=True, slots=True)
class RawCapture:
    """What was fetched. `fetched_at` is in UTC."""

    url: str
    fetched_at: datetime
    media_type: str
    content_type: str
    body_hash: str
    body: bytes


async def raw_capture(store: Store, archive: Archive, document_id: str, number: int | None = None) -> RawCapture:
    """What a document, or one version of it, was made of.

    Raises `NotFound` (no such document or version), `Gone` (`capture_gone`) if its retention is over.
    """
    if number is None:
        capture_id = (await documents.get(store, document_id)).capture_id
    else:
        capture_id = (await versions.get(store, document_id, number)).capture_id
    try:
        capture = await captures.get(store, capture_id)
        body = await archive.get(capture.body_hash)
    except (NotFound, Permanent) as error:
        if error.reason not in ("no_such_capture", "archive_missing"):
            raise
        told = f"what the document {document_id} was made of is not kept any more (retention of captures)"
        raise Gone(told, reason="capture_gone") from error
    at = capture.fetched_at.astimezone(UTC)
    return RawCapture(capture.url, at, capture.media_type, capture.content_type, capture.body_hash, body)
