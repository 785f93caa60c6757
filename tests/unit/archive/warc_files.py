"""WARC files in memory: entries of ours, and records as other tools write them."""

from __future__ import annotations

import gzip
from collections import Counter
from datetime import UTC, datetime
from io import BytesIO

from tidemill.archive.warc import WarcEntry, WarcWriter, read_warc

NOON = datetime(2026, 11, 1, 12, 0, 0, 123456, tzinfo=UTC)
CAPTURE_ID = "0193f3a0-0000-7000-8000-000000000001"


def an_entry(url: str = "https://example.org/a", body: bytes = b"<p>one</p>", **changed: object) -> WarcEntry:
    fields: dict[str, object] = {
        "url": url,
        "fetched_at": NOON,
        "status_code": 200,
        "headers": (("Content-Type", "text/html"), ("Content-Length", str(len(body)))),
        "body": body,
        "capture_id": CAPTURE_ID,
    }
    return WarcEntry(**{**fields, **changed})  # type: ignore[arg-type]


def written(*entries: WarcEntry) -> bytes:
    out = BytesIO()
    writer = WarcWriter(out, software="tidemill/test", created_at=NOON)
    for entry in entries:
        writer.add(entry)
    return out.getvalue()


def record(block: bytes, kind: str = "response", *, version: str = "1.0", **fields: str) -> bytes:
    """A record of another tool, not compressed; `Warc_Date="…"` becomes the field `Warc-Date`, empty ones vanish."""
    named = {
        "WARC-Type": kind,
        "WARC-Target-URI": "http://example.org/",
        "WARC-Date": "2026-11-01T12:00:00Z",
        "WARC-Record-ID": "<urn:uuid:0193f3a0-0000-7000-8000-0000000000aa>",
        "Content-Type": "application/http;msgtype=response",
        "Content-Length": str(len(block)),
    }
    names = {name.lower(): name for name in named}
    for name, value in fields.items():
        plain = name.replace("_", "-")
        named[names.get(plain.lower(), plain)] = value
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items() if value)
    return f"WARC/{version}\r\n{head}\r\n".encode() + block + b"\r\n\r\n"


def answer(body: bytes, *headers: str, status: str = "HTTP/1.1 200 OK") -> bytes:
    return "\r\n".join((status, *headers)).encode("latin-1") + b"\r\n\r\n" + body


def members(*records: bytes) -> bytes:
    """One gzip member a record."""
    return b"".join(gzip.compress(each, mtime=0) for each in records)


def read(data: bytes, max_body_bytes: int = 1_000_000) -> tuple[list[WarcEntry], Counter[str]]:
    skipped: Counter[str] = Counter()
    return list(read_warc(BytesIO(data), max_body_bytes=max_body_bytes, skipped=skipped)), skipped
