"""`tidemill extract`: pages of a stream, or one file, to documents as JSON, without a store.

Comes in: lines `{"id", "url", "html"}` (or one body); goes out: one line each, in the same order. Called by the command
line.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import BinaryIO

import orjson

from tidemill.models.capture import Capture
from tidemill.models.document import Draft, Json, Processed
from tidemill.models.failure import Failure
from tidemill.models.source import ProcessRules
from tidemill.process.pipeline import process
from tidemill.process.pool import WorkerPool
from tidemill.settings.tree import ProcessSettings

MAX_LINE_BYTES = 64 * 1024 * 1024
_WINDOW_PER_WORKER = 8
_MAX_WINDOW_BYTES = 256 * 1024 * 1024
_NO_TIME = datetime(9998, 1, 1, tzinfo=UTC)  # Nobody knows when a line was fetched, so no date is too late for it.

Line = dict[str, Json]


@dataclass(slots=True)
class Tally:
    """What became of a stream: lines read, lines that gave an error."""

    lines: int = 0
    errors: int = 0


@dataclass(slots=True)
class _Entry:
    """A line under way: what it will become, and how much memory it takes."""

    line: Awaitable[Line]
    size_bytes: int


@dataclass(slots=True)
class _Stream:
    """The lines in flight, in order."""

    output: BinaryIO
    tally: Tally = field(default_factory=Tally)
    entries: deque[_Entry] = field(default_factory=deque)
    size_bytes: int = 0

    def add(self, entry: _Entry) -> None:
        self.entries.append(entry)
        self.size_bytes += entry.size_bytes

    async def write_first(self) -> None:
        entry = self.entries.popleft()
        self.size_bytes -= entry.size_bytes
        line = await entry.line
        self.tally.errors += "error" in line
        self.output.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))


async def extract_lines(
    source: BinaryIO, output: BinaryIO, settings: ProcessSettings, rules: ProcessRules | None = None
) -> Tally:
    """Reads `source` to its end and writes one line to `output` for each of its lines, in order.

    A line that is no JSON object, has no `html` or is longer than 64 MiB, and a page that fails, give `{"id", "error"}`
    (`id` is the number of the line, from 1, if it has none). Memory stays bounded: a few lines for each worker.
    """
    window = _WINDOW_PER_WORKER * settings.workers
    async with WorkerPool(settings) as pool:
        stream = _Stream(output)
        try:
            while raw := await asyncio.to_thread(_read_line, source):
                stream.tally.lines += 1
                work = _one(pool, raw, stream.tally.lines, rules or ProcessRules())
                stream.add(_Entry(asyncio.ensure_future(work), len(raw)))
                while len(stream.entries) >= window or stream.size_bytes > _MAX_WINDOW_BYTES:
                    await stream.write_first()
            while stream.entries:
                await stream.write_first()
        finally:
            for entry in stream.entries:
                asyncio.ensure_future(entry.line).cancel()
        return stream.tally


def extract_one(body: bytes, *, url: str = "", content_type: str = "", rules: ProcessRules | None = None) -> Line:
    """The document of one body, run in this process: for a person who waits for it and can stop it.

    `content_type` is a header as received; if empty, it is read off the first bytes (PDF, HTML or plain text).
    Exceptions are faults of ours and pass through; a page's own faults are an `error`.
    """
    capture = _capture(url, url, content_type or sniff_content_type(body), len(body))
    return _line(url, url, process(capture, body, rules or ProcessRules()))


def sniff_content_type(body: bytes) -> str:
    """`application/pdf`, `text/html` or `text/plain`, by the first bytes."""
    head = body[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith(b"%PDF-"):
        return "application/pdf"
    if head[:1] in (b"{", b"["):
        return "application/json"
    lower = head.lower()
    tags = (
        b"<!doctype html",
        b"<html",
        b"<head",
        b"<body",
        b"<title",
        b"<meta",
        b"<div",
        b"<p>",
        b"<p ",
        b"<h1",
        b"<article",
    )
    return "text/html" if any(tag in lower for tag in tags) or body[:2] in (b"\xff\xfe", b"\xfe\xff") else "text/plain"


def _read_line(source: BinaryIO) -> bytes:
    """The next line; of one that is too long only the beginning, the rest being passed over."""
    raw = source.readline(MAX_LINE_BYTES + 1)
    rest = raw
    while len(rest) > MAX_LINE_BYTES and not rest.endswith(b"\n"):
        rest = source.readline(MAX_LINE_BYTES + 1)
    return raw


async def _one(pool: WorkerPool, raw: bytes, number: int, rules: ProcessRules) -> Line:
    identity: Json = number
    if len(raw) > MAX_LINE_BYTES:
        return {"id": identity, "error": f"line {number} is longer than {MAX_LINE_BYTES} bytes"}
    try:
        given = orjson.loads(raw)
    except ValueError as error:
        return {"id": identity, "error": f"line {number} is not JSON: {error}"}
    if not isinstance(given, dict):
        return {"id": identity, "error": f"line {number} is not a JSON object"}
    identity = given.get("id") if given.get("id") is not None else number
    html, url = given.get("html"), given.get("url") or ""
    if not isinstance(html, str) or not isinstance(url, str):
        return {"id": identity, "error": f'line {number} needs "html" (and "url", if it has one) as a string'}
    body = html.encode()
    del given, raw
    result = await pool.run(_capture(str(identity), url, "text/html; charset=utf-8", len(body)), body, rules)
    return _line(identity, url, result)


def _capture(identity: str, url: str, content_type: str, size_bytes: int) -> Capture:
    media_type = content_type.partition(";")[0].strip().lower()
    return Capture(identity, "", "", "", url, _NO_TIME, 200, media_type, content_type, "", size_bytes)


def _line(identity: Json, url: str, result: Processed | Failure) -> Line:
    if isinstance(result, Failure):
        detail = f"{result.reason}: {result.message}" if result.message else result.reason
        return {"id": identity, "error": detail}
    if not result.drafts:
        return {"id": identity, "error": result.reason or "no_documents"}
    own = next((draft for draft in result.drafts if draft.item_key == ""), result.drafts[0])
    items: list[Json] = [_document(draft) for draft in result.drafts if draft is not own]
    return {"id": identity, "url": url, **_document(own), "items": items}


def _document(draft: Draft) -> Line:
    return {
        "kind": draft.kind,
        "item_key": draft.item_key,
        "title": draft.title,
        "author": draft.author,
        "published_at": draft.published_at.isoformat() if draft.published_at else None,
        "modified_at": draft.modified_at.isoformat() if draft.modified_at else None,
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
        "fields": dict(draft.fields),
        "provenance": dict(draft.provenance),
        "flags": list(draft.flags),
        "problems": list(draft.problems),
    }
