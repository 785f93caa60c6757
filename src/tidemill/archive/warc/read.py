"""Captures out of a WARC file, of ours or of another tool (wget, Heritrix, Browsertrix, warcio …).

A binary stream comes in, one `WarcEntry` for each response goes out, in the order of the file. One bad record never
ends the reading: it is counted under one of the reasons in `faults`. `index`, which finds single records, shares
`entry_of`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import BinaryIO
from uuid import UUID

from tidemill.archive.warc.entry import WarcEntry, decoded_headers, one_line, parse_warc_date, safe_url
from tidemill.archive.warc.faults import (
    BAD_DATE,
    NOT_HTTP,
    SEGMENTED,
    TOO_LARGE,
    BadRecord,
)
from tidemill.archive.warc.http import HttpResponse, parse_response
from tidemill.archive.warc.originals import Originals
from tidemill.archive.warc.records import Record, RecordReader
from tidemill.errors import Permanent
from tidemill.models.ids import derived_id

_HTTP_URL = re.compile(r"https?://[^/?#]", re.IGNORECASE)
_NOT_MODIFIED = "server-not-modified"
_ENCODED_MORE = 2
_HEADS_MORE = 1024 * 1024


def read_warc(source: BinaryIO, *, max_body_bytes: int, skipped: Counter[str] | None = None) -> Iterator[WarcEntry]:
    """The captures in a WARC file (0.17 to 1.1; compressed by record, as a whole, or not at all).

    `skipped` is counted up by reason for each record with a response that gives no entry, and for each damaged place.
    Bodies are at most `max_body_bytes`, decoded. A `revisit` takes its body from the earlier record, for which the
    file must be seekable and compressed by record or not at all. `resource` records are responses with status 200.

    Raises `Permanent` (`bad_warc`), while iterating, if no record at all can be read. `OSError` is the caller's.
    """
    counts: Counter[str] = Counter() if skipped is None else skipped
    records = RecordReader(source, max_block_bytes=block_limit(max_body_bytes), skipped=counts)
    originals = Originals(records, usable=source.seekable())
    for record in records:
        if record.kind != "revisit":
            originals.remember(record)
        try:
            yield entry_of(record, originals.of, max_body_bytes)
        except BadRecord as bad:
            counts[bad.why] += 1
    if not records.read:
        raise unreadable(source, records.first_fault)


def entry_of(record: Record, original_of: Callable[[Record], Record], max_body_bytes: int) -> WarcEntry:
    """The capture in a record; `original_of` gives the record whose body a revisit saw again. Raises `BadRecord`."""
    url = safe_url(record.field("warc-target-uri"))
    if not _HTTP_URL.match(url):
        raise BadRecord(NOT_HTTP)
    fetched_at = parse_warc_date(record.field("warc-date"))
    if fetched_at is None:
        raise BadRecord(BAD_DATE)
    if "warc-segment-number" in record.fields:
        raise BadRecord(SEGMENTED)
    original = original_of(record) if record.kind == "revisit" else record
    if record.kind == "revisit":
        response = _revisited(record, original, max_body_bytes)
    else:
        response = _response(record, max_body_bytes)
    return WarcEntry(
        url=url,
        fetched_at=fetched_at,
        status_code=response.status_code,
        headers=response.headers,
        body=response.body,
        capture_id=_capture_id(record, url),
        reason_phrase=one_line(response.phrase),
        ip_address=record.field("warc-ip-address"),
        truncated=original.field("warc-truncated") or ("" if response.whole else "unspecified"),
    )


def block_limit(max_body_bytes: int) -> int:
    """The largest block that can hold a body of `max_body_bytes`: chunks and failed compression make it longer."""
    return max_body_bytes * _ENCODED_MORE + _HEADS_MORE


def _response(record: Record, max_body_bytes: int) -> HttpResponse:
    if record.kind == "response":
        return parse_response(record.block, max_body_bytes=max_body_bytes)
    if len(record.block) > max_body_bytes:
        raise BadRecord(TOO_LARGE)
    media_type = record.field("content-type")
    headers = [("Content-Type", media_type)] if media_type else []
    return HttpResponse(200, "OK", decoded_headers(headers, len(record.block)), record.block, whole=True)


def _revisited(record: Record, original: Record, max_body_bytes: int) -> HttpResponse:
    """The revisit's own status and headers, if it has any, with the original's body; after a 304 all is as it was."""
    earlier = _response(original, max_body_bytes)
    if _NOT_MODIFIED in record.field("warc-profile") or not record.block.strip():
        return earlier
    return parse_response(record.block, max_body_bytes=max_body_bytes).with_body(earlier)


def _capture_id(record: Record, url: str) -> str:
    record_id = record.field("warc-record-id")
    try:
        return str(UUID(record_id.lower().removeprefix("urn:uuid:")))
    except ValueError:
        return derived_id("warc", record_id, url, record.field("warc-date"))


def unreadable(source: BinaryIO, fault: tuple[str, int] | None) -> Permanent:
    """The error for a file without one whole record."""
    name = getattr(source, "name", None)
    which = f"the file {name}" if isinstance(name, str) else "the WARC stream"
    why = f"{fault[0]} at byte {fault[1]}, and nothing after it" if fault else "it is empty from byte 0 on"
    return Permanent(
        f"{which} holds no WARC record that can be read ({why});"
        " give a .warc or .warc.gz file (ISO 28500), decompressed if it is packed in another way",
        reason="bad_warc",
    )
