"""Captures into a WARC 1.1 file: one gzip member a record, the same bytes for the same captures.

Entries come in, records go out to a binary stream; called by the export. First a `warcinfo` record, then a `response`
for each capture, or a `revisit` where the file already holds the body, and a `metadata` record for its notes.
"""

from __future__ import annotations

import asyncio
import zlib
from base64 import b32encode
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha1, sha256
from http import HTTPStatus
from typing import BinaryIO
from uuid import UUID

from tidemill.archive.warc.entry import Headers, WarcEntry, decoded_headers, one_line, safe_url, warc_date
from tidemill.models.ids import derived_id

SAME_PAYLOAD = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"

_SPECIFICATION = "http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/"
_FIELDS_TYPE = "application/warc-fields"
_HTTP_TYPE = "application/http; msgtype=response"
_REMEMBERED = 100_000  # bodies known for revisits; about 40 MB
_BATCH, _BATCH_BYTES = 64, 1_000_000  # what one turn in a thread takes: handing over costs 0.1 ms
_GZIP = zlib.MAX_WBITS | 16


@dataclass(slots=True)
class WarcTotals:
    """What was written: `captures` are responses and revisits together, `size_bytes` is that of the file."""

    captures: int = 0
    revisits: int = 0
    records: int = 0
    size_bytes: int = 0


class WarcWriter:
    """Writes one WARC file to `out`, which stays open and belongs to the caller, as do its `OSError`s.

    `created_at` dates the file (given, not taken from the clock, so that the same captures give the same bytes);
    `software` is name and version; `robots` says what the crawl did with robots.txt (`obey`, `ignore`).
    """

    def __init__(
        self, out: BinaryIO, *, software: str, created_at: datetime, robots: str = "obey", compression_level: int = 6
    ) -> None:
        self._out = out
        self._level = compression_level
        self._seen: dict[bytes, tuple[str, str]] = {}
        self.totals = WarcTotals()
        self._write_info(warc_date(created_at), software, robots)

    def add(self, entry: WarcEntry) -> None:
        """Write the records of one capture. Raises `ValueError` for a status code or time that HTTP or WARC cannot say.

        A body is known by its SHA-256, not by the SHA-1 that replay tools ask for: collisions of that can be made.
        """
        record_id, date, url = _urn(entry.capture_id), warc_date(entry.fetched_at), safe_url(entry.url)
        head = _http_head(entry)
        content = sha256(entry.body)
        earlier = self._seen.get(content.digest()) if entry.body else None
        common = [
            ("WARC-Target-URI", url),
            ("WARC-Payload-Digest", _sha1(entry.body)),
            ("Tidemill-Payload-Digest", f"sha256:{content.hexdigest()}"),
            ("WARC-IP-Address", one_line(entry.ip_address)),
            ("WARC-Truncated", one_line(entry.truncated)),
        ]
        if earlier is None:
            self._remember(content.digest(), url, date)
            self._write("response", record_id, date, common, _HTTP_TYPE, head, entry.body)
        else:
            common += _reference(*earlier)
            self._write("revisit", record_id, date, common, _HTTP_TYPE, head)
            self.totals.revisits += 1
        self.totals.captures += 1
        if entry.notes:
            self._write_notes(entry, record_id, date, url)

    def _remember(self, content: bytes, url: str, date: str) -> None:
        if len(self._seen) >= _REMEMBERED:
            del self._seen[next(iter(self._seen))]
        self._seen[content] = (url, date)

    def _write_info(self, date: str, software: str, robots: str) -> None:
        block = _fields(
            (
                ("software", software),
                ("format", "WARC File Format 1.1"),
                ("conformsTo", _SPECIFICATION),
                ("robots", robots),
            )
        )
        record_id = _urn(derived_id("warcinfo", date, software, robots))
        self._write("warcinfo", record_id, date, [], _FIELDS_TYPE, block)

    def _write_notes(self, entry: WarcEntry, response_id: str, date: str, url: str) -> None:
        fields = [("WARC-Target-URI", url), ("WARC-Refers-To", response_id), ("WARC-Concurrent-To", response_id)]
        record_id = _urn(derived_id("warc-metadata", entry.capture_id))
        self._write("metadata", record_id, date, fields, _FIELDS_TYPE, _fields(entry.notes))

    def _write(
        self, kind: str, record_id: str, date: str, fields: list[tuple[str, str]], content_type: str, *block: bytes
    ) -> None:
        named = [
            ("WARC-Type", kind),
            ("WARC-Record-ID", record_id),
            ("WARC-Date", date),
            *((name, value) for name, value in fields if value),
            ("WARC-Block-Digest", _sha1(*block)),
            ("Content-Type", content_type),
            ("Content-Length", str(sum(map(len, block)))),
        ]
        member = zlib.compressobj(self._level, zlib.DEFLATED, _GZIP)
        written = 0
        for part in (b"WARC/1.1\r\n" + _fields(named) + b"\r\n", *block, b"\r\n\r\n"):
            written += self._out.write(member.compress(part))
        written += self._out.write(member.flush())
        self.totals.records += 1
        self.totals.size_bytes += written


async def write_warc(
    out: BinaryIO,
    entries: AsyncIterable[WarcEntry] | Iterable[WarcEntry],
    *,
    software: str,
    created_at: datetime,
    robots: str = "obey",
    compression_level: int = 6,
) -> WarcTotals:
    """Write a whole WARC file, compressing beside the event loop with about a megabyte of bodies in memory.

    See `WarcWriter` for the arguments and errors.
    """
    writer = WarcWriter(
        out, software=software, created_at=created_at, robots=robots, compression_level=compression_level
    )
    batch: list[WarcEntry] = []
    async for entry in _one_by_one(entries):
        batch.append(entry)
        if sum(len(each.body) for each in batch) >= _BATCH_BYTES or len(batch) == _BATCH:
            await asyncio.to_thread(_add_all, writer, batch)
            batch = []
    await asyncio.to_thread(_add_all, writer, batch)
    return writer.totals


async def _one_by_one(entries: AsyncIterable[WarcEntry] | Iterable[WarcEntry]) -> AsyncIterator[WarcEntry]:
    if isinstance(entries, AsyncIterable):
        async for entry in entries:
            yield entry
        return
    for entry in entries:
        yield entry


def _add_all(writer: WarcWriter, batch: list[WarcEntry]) -> None:
    for entry in batch:
        writer.add(entry)


def _http_head(entry: WarcEntry) -> bytes:
    """The status line and headers, with the empty line that ends them. An unknown phrase is the usual one."""
    if not 100 <= entry.status_code <= 999:
        raise ValueError(f"{entry.url} has the status code {entry.status_code}; HTTP knows 100 to 999")
    phrase = one_line(entry.reason_phrase) or _usual_phrase(entry.status_code)
    headers = decoded_headers(entry.headers, len(entry.body))
    return _encoded(f"HTTP/1.1 {entry.status_code} {phrase}\r\n") + _fields(headers) + b"\r\n"


def _usual_phrase(status_code: int) -> str:
    try:
        return HTTPStatus(status_code).phrase
    except ValueError:
        return "Unknown"


def _reference(url: str, date: str) -> Headers:
    return (
        ("WARC-Profile", SAME_PAYLOAD),
        ("WARC-Refers-To-Target-URI", url),
        ("WARC-Refers-To-Date", date),
    )


def _fields(pairs: Iterable[tuple[str, str]]) -> bytes:
    return b"".join(_encoded(f"{one_line(name)}: {one_line(value)}\r\n") for name, value in pairs)


def _encoded(text: str) -> bytes:
    """UTF-8; bytes that came as surrogate escapes go out as they were, other lone surrogates as `?`."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


def _urn(capture_id: str) -> str:
    """The record of a capture bears the capture's own UUID; anything else is hashed to one."""
    try:
        return f"<urn:uuid:{UUID(capture_id)}>"
    except ValueError:
        return f"<urn:uuid:{derived_id('warc', capture_id)}>"


def _sha1(*parts: bytes) -> str:
    digest = sha1(usedforsecurity=False)
    for part in parts:
        digest.update(part)
    return f"sha1:{b32encode(digest.digest()).decode('ascii')}"
