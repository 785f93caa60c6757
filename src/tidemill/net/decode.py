"""Bodies without their content encoding, and never larger than allowed.

Chunks as they come over the wire come in, one body goes out; a bomb is refused before it is inflated. Called by the
client for each response; pure, so that it can be tested with bytes alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tidemill.errors import Permanent, Transient
from tidemill.net.codecs import ENCODINGS, CodecError, open_codec

_MIB = 1024 * 1024
_LEAST_BITE = 1024
_STEP = _MIB  # the most that is inflated between two looks at the limits
_RATIO_FROM = _MIB  # small bodies may be as repetitive as they like
_MOST_MEMBERS = 1024  # each further member costs a copy of what follows it
_SAME = {"x-gzip": "gzip"}  # RFC 9110, 8.4.1.3


class Decoder(Protocol):
    """Takes chunks of one body. `received` counts bytes in, `size` bytes out."""

    received: int
    size: int

    def feed(self, data: bytes) -> None:
        """Take one chunk.

        Raises `Permanent` with the reason `too_large`, `inflation` or `bad_encoding`.
        """

    def finish(self) -> bytes:
        """Give the body. Raises `Transient` (`truncated`) if the stream within it is not at its end."""

    def so_far(self) -> bytes:
        """Give what has been decoded until now."""


def content_encoding(values: Sequence[str]) -> str:
    """Give the one content coding of the `Content-Encoding` headers; `""` for none.

    Raises `Permanent` (`bad_encoding`) for an unknown coding, or several on top of one another.
    """
    names = [name.strip().lower() for value in values for name in value.split(",")]
    codings = [_SAME.get(name, name) for name in names if name not in ("", "identity")]
    if not codings:
        return ""
    if len(codings) == 1 and codings[0] in ENCODINGS:
        return codings[0]
    raise Permanent(
        f"content encoding {', '.join(codings)[:100]!r} is not supported; known is one of {', '.join(ENCODINGS)}",
        reason="bad_encoding",
    )


def open_decoder(encoding: str, *, max_bytes: int, max_inflation: int) -> Decoder:
    """Begin a body in `encoding` (out of `content_encoding`) of `max_bytes` at the most, counted decoded."""
    return Inflater(encoding, max_bytes, max_inflation) if encoding else Plain(max_bytes)


class Plain:
    """A body that is not encoded."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._parts: list[bytes] = []
        self.received = self.size = 0

    def feed(self, data: bytes) -> None:
        self._parts.append(data)
        self.size += len(data)
        self.received = self.size
        if self.size > self._max_bytes:
            raise too_large(self._max_bytes)

    def finish(self) -> bytes:
        return self.so_far()

    def so_far(self) -> bytes:
        return b"".join(self._parts)


class Inflater:
    """A body in one content coding, inflated in bounded steps.

    Further gzip members and zstd frames are taken up; other bytes after the end are ignored, as browsers do.
    """

    def __init__(self, encoding: str, max_bytes: int, max_inflation: int) -> None:
        self._encoding = encoding
        self._codec = open_codec(encoding)
        self._max_bytes = max_bytes
        self._max_inflation = max_inflation
        # So small that a bomb is known for one before it is too large, however much of it arrives at once.
        self._bite = max(_LEAST_BITE, max_bytes // (2 * max_inflation))
        self._parts: list[bytes] = []
        self._members = 1
        self._spent = False
        self.received = self.size = 0

    def feed(self, data: bytes) -> None:
        try:
            for start in range(0, len(data), self._bite):
                self._feed_bite(data[start : start + self._bite])
        except CodecError as error:
            raise Permanent(
                f"the body is not the {self._encoding} that Content-Encoding promises ({error})", reason="bad_encoding"
            ) from error

    def _feed_bite(self, data: bytes) -> None:
        self.received += len(data)
        if self.received > self._max_bytes:  # what inflates to nothing would never reach the other limits
            raise too_large(self._max_bytes)
        while data and not self._spent:
            data = self._feed_member(data)

    def finish(self) -> bytes:
        if not self._codec.ended and self.received:
            raise Transient(
                f"the {self._encoding} body ends early, after {self.received} bytes received", reason="truncated"
            )
        return self.so_far()

    def so_far(self) -> bytes:
        return b"".join(self._parts)

    def _feed_member(self, data: bytes) -> bytes:
        """Inflate `data` up to the end of the present member; give what follows it."""
        if self._codec.ended:
            self._begin_member(data)
            if self._spent:
                return b""
        while True:
            limit = min(_STEP, self._max_bytes + 1 - self.size)
            part = self._codec.inflate(data, limit)
            self._keep(part)
            if self._codec.ended:
                return self._codec.rest
            if not self._codec.pending and len(part) < limit:
                return b""
            data = b""

    def _begin_member(self, data: bytes) -> None:
        magic = self._codec.magic
        if not magic or not magic.startswith(data[: len(magic)]):
            self._spent = True
            return
        self._members += 1
        if self._members > _MOST_MEMBERS:
            raise Permanent(f"the {self._encoding} body has more than {_MOST_MEMBERS} members", reason="bad_encoding")
        self._codec = open_codec(self._encoding)

    def _keep(self, part: bytes) -> None:
        self._parts.append(part)
        self.size += len(part)
        if self.size > self._max_bytes:
            raise too_large(self._max_bytes)
        if self.size > _RATIO_FROM and self.size > self._max_inflation * self.received:
            raise Permanent(
                f"the {self._encoding} body inflates from {self.received} to more than {self.size} bytes, over "
                f"{self._max_inflation} times (net.max_inflation)",
                reason="inflation",
            )


def too_large(max_bytes: int, announced: int | None = None) -> Permanent:
    """The error for a body above `max_bytes`; `announced` is its Content-Length if that says so already."""
    size = "" if announced is None else f" with its {announced} bytes"
    return Permanent(f"the body{size} is larger than the {max_bytes} bytes of net.max_body_bytes", reason="too_large")
