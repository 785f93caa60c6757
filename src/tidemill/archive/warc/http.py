"""The HTTP response in the block of a record: status, headers and the decoded body.

A block comes in as other tools write it, an `HttpResponse` goes out. Called by `read` alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from tidemill.archive.warc.coding import decoded, unchunked
from tidemill.archive.warc.entry import Headers, decoded_headers
from tidemill.archive.warc.faults import BAD_HTTP, BadRecord

HEAD_END = re.compile(rb"\r?\n\r?\n")

_STATUS = re.compile(rb"HTTP/\d(?:\.\d)?[ \t]{1,8}([1-9]\d\d)((?:[ \t][^\r\n]{0,1000})?)\r?(?:\n|$)")
_LINE_END = re.compile(rb"\r?\n")
_LARGEST_HEAD = 256 * 1024
_MOST_INTERIM = 8


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response whose `body` is decoded and whose headers fit that; `whole` is false if the body ends early."""

    status_code: int
    phrase: str
    headers: Headers
    body: bytes
    whole: bool

    def with_body(self, other: HttpResponse) -> HttpResponse:
        """This status and these headers with the body of another response."""
        headers = decoded_headers(self.headers, len(other.body))
        return replace(self, headers=headers, body=other.body, whole=other.whole)


def parse_response(block: bytes, *, max_body_bytes: int) -> HttpResponse:
    """The final response in `block` (interim 1xx ones before it are passed over).

    Raises `BadRecord` (`bad_http`, `bad_encoding`, `too_large`).
    """
    status = _STATUS.match(block)
    for _ in range(_MOST_INTERIM):
        if status is None or status[1] >= b"200":
            break
        end = HEAD_END.search(block, status.end() - 2)
        following = _STATUS.match(block, end.end()) if end is not None else None
        if following is None:
            break
        status = following
    if status is None:
        raise BadRecord(BAD_HTTP)
    headers, payload = _split(block, status.end())
    body, whole = _body(headers, payload, max_body_bytes)
    return HttpResponse(int(status[1]), lenient(status[2]).strip(), decoded_headers(headers, len(body)), body, whole)


def lenient(raw: bytes) -> str:
    """UTF-8, or else Latin-1, which takes anything."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def parse_fields(head: bytes) -> Headers:
    """The `name: value` lines of a header; folded lines are joined, lines that are none are passed over."""
    fields: list[tuple[str, str]] = []
    for line in _LINE_END.split(head):
        if line[:1] in (b" ", b"\t") and fields:
            name, value = fields[-1]
            fields[-1] = (name, f"{value} {lenient(line).strip()}".strip())
            continue
        name_bytes, colon, value_bytes = line.partition(b":")
        if colon and name_bytes.strip():
            fields.append((lenient(name_bytes).strip(), lenient(value_bytes).strip(" \t\r")))
    return tuple(fields)


def _split(block: bytes, start: int) -> tuple[Headers, bytes]:
    """The headers from `start` on, and what follows them; a block may end with its headers."""
    end = HEAD_END.search(block, max(start - 2, 0), start + _LARGEST_HEAD)
    if end is None and len(block) - start > _LARGEST_HEAD:
        raise BadRecord(BAD_HTTP)
    head_end, body_start = (end.start(), end.end()) if end is not None else (len(block), len(block))
    return parse_fields(block[start:head_end]), block[body_start:]


def _body(headers: Headers, payload: bytes, max_body_bytes: int) -> tuple[bytes, bool]:
    named = [(name.lower(), value) for name, value in headers]
    whole = True
    if any(name == "transfer-encoding" and "chunked" in value.lower() for name, value in named):
        payload, whole = unchunked(payload)
    encodings = ",".join(value for name, value in named if name == "content-encoding")
    body, ended = decoded(payload, encodings, max_bytes=max_body_bytes)
    return body, whole and ended
