"""The heads of HTTP/1 messages that pass through the proxy.

Bytes of a request or response head come in; parsed, or written anew for the next hop, they go out. Called by the
proxy. What is not plain HTTP/1.1 (RFC 9112) is refused and never guessed at.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass

from yarl import URL

from tidemill.errors import Permanent, Transient

REFUSED_HEADER = "X-Tidemill-Refused"  # only ever the proxy's own: it is taken out of what servers send

_REQUEST_LINE = re.compile(rb"([A-Z]{1,20}) ([\x21-\x7e]+) HTTP/1\.[01]\Z")
_STATUS_LINE = re.compile(rb"HTTP/1\.[0-9] +([1-9][0-9]{2})(?: .*)?\Z", re.DOTALL)
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*\Z", re.DOTALL)
_BAD_VALUE = re.compile(rb"[\x00\r\n]")
_HOP_BY_HOP = frozenset(
    b"connection expect keep-alive proxy-authenticate proxy-authentication-info proxy-authorization proxy-connection "
    b"te trailer upgrade".split()
)
_DIGITS = re.compile(rb"[0-9]{1,18}\Z")

Fields = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class RequestHead:
    """A request as the browser sent it to the proxy."""

    method: str
    target: str
    fields: Fields

    def value(self, name: str) -> str | None:
        """Give the first value of this header, in lower-case ASCII `name`; None if it is not there."""
        wanted = name.encode()
        for field, value in self.fields:
            if field.lower() == wanted:
                return value.decode("latin-1")
        return None


async def read_head(reader: asyncio.StreamReader, max_bytes: int) -> tuple[bytes, ...]:
    """Read the lines of one head, without their ends; a lone LF ends a line too, as in every browser.

    Empty at the end of the stream. Raises `Permanent` (`headers_too_large`) above `max_bytes`, or `Transient`
    (`truncated`) if it ends halfway.
    """
    lines: list[bytes] = []
    size = 0
    while True:
        try:
            line = await reader.readline()
        except ValueError as error:  # longer than the reader's limit
            raise _too_large(max_bytes) from error
        size += len(line)
        if size > max_bytes:
            raise _too_large(max_bytes)
        if not line.endswith(b"\n"):
            if size:
                raise Transient("the connection ended within the headers", reason="truncated")
            return ()
        line = line.removesuffix(b"\n").removesuffix(b"\r")
        if not line:
            return tuple(lines)
        lines.append(line)


def parse_request(lines: tuple[bytes, ...]) -> RequestHead:
    """Parse the head of a request. Raises `Permanent` (`bad_request`)."""
    match = _REQUEST_LINE.match(lines[0]) if lines else None
    if match is None:
        raise _bad_request("its first line is not `METHOD target HTTP/1.1`")
    fields = []
    for line in lines[1:]:
        field = _FIELD.match(line)
        if field is None or _BAD_VALUE.search(field[2]):
            raise _bad_request("a header line is malformed")
        fields.append((field[1], field[2]))
    return RequestHead(match[1].decode(), match[2].decode(), tuple(fields))


def body_length(head: RequestHead) -> int:
    """Give the length of the request's body in bytes. Raises `Permanent` (`length_required`, `bad_request`)."""
    if head.value("transfer-encoding") is not None:
        raise Permanent("requests with a body of unknown length are not passed on", reason="length_required")
    lengths = {value for name, value in head.fields if name.lower() == b"content-length"}
    if not lengths:
        return 0
    length = lengths.pop()
    if lengths or not _DIGITS.match(length):
        raise _bad_request("its Content-Length is not one number")
    return int(length)


def request_for_server(head: RequestHead, url: URL) -> bytes:
    """Write the request for the server of `url`: origin form, our Host, nothing that was meant for the proxy."""
    path = url.raw_path_qs or "/"
    lines = [f"{head.method} {path} HTTP/1.1\r\nHost: {url.raw_authority}\r\nConnection: close\r\n".encode()]
    lines += _passed_on(head.fields, besides=b"host")
    return b"".join((*lines, b"\r\n"))


def response_status(lines: tuple[bytes, ...]) -> int:
    """Give the status of a response head. Raises `Transient` (`protocol`)."""
    match = _STATUS_LINE.match(lines[0]) if lines else None
    if match is None:
        raise Transient("the server's answer is not HTTP/1", reason="protocol")
    return int(match[1])


def response_for_browser(lines: tuple[bytes, ...]) -> bytes:
    """Write a server's response head for the browser, as the last one of its connection.

    Raises `Transient` (`protocol`) for lines that are no headers.
    """
    fields = []
    for line in lines[1:]:
        field = _FIELD.match(line)
        if field is None:
            raise Transient("the server's answer has a malformed header", reason="protocol")
        fields.append((field[1], field[2]))
    passed = _passed_on(fields, besides=REFUSED_HEADER.lower().encode())
    return b"".join((lines[0], b"\r\nConnection: close\r\n", *passed, b"\r\n"))


def proxy_answer(status: int, phrase: str, *, reason: str, extra: str = "") -> bytes:
    """Write an answer of the proxy itself; `reason` goes into its own header, `extra` are whole header lines."""
    return (
        f"HTTP/1.1 {status} {phrase}\r\n{extra}{REFUSED_HEADER}: {reason}\r\n"
        "Cache-Control: no-store\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def _passed_on(fields: Iterable[tuple[bytes, bytes]], *, besides: bytes) -> list[bytes]:
    fields = tuple(fields)
    named = {
        token.strip().lower() for name, value in fields if name.lower() == b"connection" for token in value.split(b",")
    }
    # These frame the message, so a Connection header may not take them away.
    named -= {b"content-length", b"transfer-encoding", b"content-type", b"content-encoding"}
    dropped = _HOP_BY_HOP | named | {besides}
    return [b"%b: %b\r\n" % field for field in fields if field[0].lower() not in dropped]


def _too_large(max_bytes: int) -> Permanent:
    return Permanent(
        f"the headers take more than the {max_bytes} bytes of net.max_header_bytes", reason="headers_too_large"
    )


def _bad_request(why: str) -> Permanent:
    return Permanent(f"the proxy cannot read this request: {why}", reason="bad_request")
