"""The content codings we accept, behind one incremental interface.

Compressed chunks come in, pieces of plain bytes go out, never more than asked for by much. Called by `decode` alone.
"""

from __future__ import annotations

import zlib
from typing import Protocol

import brotli
from backports.zstd import DecompressionParameter, ZstdDecompressor, ZstdError

ENCODINGS = ("gzip", "deflate", "br", "zstd")
CodecError = (zlib.error, brotli.error, ZstdError, EOFError)

_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_ZSTD_WINDOW_LOG = 23  # RFC 9659: no more than 8 MiB in HTTP
_DEFLATED = 8  # the method in the first byte of a zlib header (RFC 1950)


class Codec(Protocol):
    """One compressed stream.

    `magic` begins a further stream after the end of this one, if the format allows that; empty otherwise.
    """

    magic: bytes

    @property
    def ended(self) -> bool:
        """The stream said that it is complete."""

    @property
    def pending(self) -> bool:
        """There may be output left that needs no further input."""

    @property
    def rest(self) -> bytes:
        """What came after the end of the stream."""

    def inflate(self, data: bytes, limit: int) -> bytes:
        """Take all of `data`, which must be empty while `pending`; give about `limit` bytes at the most."""


def open_codec(encoding: str) -> Codec:
    """Begin a stream of one of `ENCODINGS`."""
    if encoding == "gzip":
        return _Gzip()
    if encoding == "deflate":
        return _Deflate()
    return _Brotli() if encoding == "br" else _Zstd()


class _Gzip:
    magic = _GZIP_MAGIC

    def __init__(self, wbits: int = zlib.MAX_WBITS | 16) -> None:
        self._stream = zlib.decompressobj(wbits)

    @property
    def ended(self) -> bool:
        return self._stream.eof

    @property
    def pending(self) -> bool:
        return bool(self._stream.unconsumed_tail)

    @property
    def rest(self) -> bytes:
        return self._stream.unused_data

    def inflate(self, data: bytes, limit: int) -> bytes:
        return self._stream.decompress(self._stream.unconsumed_tail or data, limit)


class _Deflate:
    """`deflate` means zlib (RFC 9110), but many servers send the bare stream; the first two bytes tell."""

    magic = b""

    def __init__(self) -> None:
        self._head = b""
        self._stream: _Gzip | None = None

    @property
    def ended(self) -> bool:
        return self._stream is not None and self._stream.ended

    @property
    def pending(self) -> bool:
        return self._stream is not None and self._stream.pending

    @property
    def rest(self) -> bytes:
        return self._stream.rest if self._stream is not None else b""

    def inflate(self, data: bytes, limit: int) -> bytes:
        if self._stream is None:
            data = self._head = self._head + data
            if len(data) < 2:
                return b""
            wrapped = data[0] & 0x0F == _DEFLATED and int.from_bytes(data[:2]) % 31 == 0
            self._stream = _Gzip(zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)
        return self._stream.inflate(data, limit)


class _Brotli:
    magic = b""
    rest = b""

    def __init__(self) -> None:
        self._stream = brotli.Decompressor()

    @property
    def ended(self) -> bool:
        return bool(self._stream.is_finished())

    @property
    def pending(self) -> bool:
        return not self._stream.can_accept_more_data()

    def inflate(self, data: bytes, limit: int) -> bytes:
        return bytes(self._stream.process(data, output_buffer_limit=limit))


class _Zstd:
    magic = _ZSTD_MAGIC

    def __init__(self) -> None:
        self._stream = ZstdDecompressor(options={DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG})

    @property
    def ended(self) -> bool:
        return bool(self._stream.eof)

    @property
    def pending(self) -> bool:
        return not self._stream.needs_input and not self._stream.eof

    @property
    def rest(self) -> bytes:
        return bytes(self._stream.unused_data)

    def inflate(self, data: bytes, limit: int) -> bytes:
        return bytes(self._stream.decompress(data, limit))
