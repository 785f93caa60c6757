"""Archived HTTP payloads without their transfer and content encodings, and never larger than allowed.

A whole payload comes in, the decoded body goes out. Archives hold payloads that were cut, or decoded already without
telling so in their headers; both are recognised. Called by `http` alone. (`net.codecs` does the like for streams; this
room stands beside that one and may not import it.)
"""

from __future__ import annotations

import re
import zlib

import brotli
from backports.zstd import DecompressionParameter, ZstdDecompressor, ZstdError

from tidemill.archive.warc.faults import BAD_ENCODING, TOO_LARGE, BadRecord

_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_ZSTD_WINDOW_LOG = 23  # RFC 9659: no more than 8 MiB in HTTP
_MOST_MEMBERS = 1024  # each further member costs a copy of what follows it
_MOST_CODINGS = 3
_STEP = 1024 * 1024
_CHUNK_SIZE = re.compile(rb"[ \t]{0,8}([0-9A-Fa-f]{1,12})[ \t]{0,8}(?:;[^\n]{0,1000})?\r?\n")


def unchunked(payload: bytes) -> tuple[bytes, bool]:
    """The body of a chunked message and whether it is whole; a payload without chunks is given as it is."""
    parts: list[bytes] = []
    at = 0
    while match := _CHUNK_SIZE.match(payload, at):
        size, at = int(match[1], 16), match.end()
        if size == 0:
            return b"".join(parts), True
        parts.append(payload[at : at + size])
        if at + size > len(payload):
            return b"".join(parts), False
        at += size
        at += 2 if payload.startswith(b"\r\n", at) else 1 if payload.startswith(b"\n", at) else 0
    return (b"".join(parts), False) if parts else (payload, True)


def decoded(payload: bytes, content_encoding: str, *, max_bytes: int) -> tuple[bytes, bool]:
    """The body under the codings of `content_encoding` (outermost last), and whether it is whole.

    Raises `BadRecord` (`bad_encoding`, `too_large`).
    """
    codings = [name.strip().lower() for name in content_encoding.split(",")]
    codings = [name for name in codings if name not in ("", "identity")]
    if len(codings) > _MOST_CODINGS:
        raise BadRecord(BAD_ENCODING)
    whole = True
    for name in reversed(codings):
        payload, ended = _inflated(payload, name, max_bytes)
        whole = whole and ended
    if len(payload) > max_bytes:
        raise BadRecord(TOO_LARGE)
    return payload, whole


def _inflated(payload: bytes, coding: str, max_bytes: int) -> tuple[bytes, bool]:
    if not payload:
        return b"", True
    try:
        match coding:
            case "gzip" | "x-gzip":
                return _gunzip(payload, max_bytes) if payload.startswith(_GZIP_MAGIC) else (payload, True)
            case "zstd":
                return _unzstd(payload, max_bytes) if payload.startswith(_ZSTD_MAGIC) else (payload, True)
            case "deflate":
                return _undeflate(payload, max_bytes)
            case "br":
                return _unbrotli(payload, max_bytes)
    except (zlib.error, brotli.error, ZstdError, EOFError) as error:
        if coding in ("deflate", "br") and _is_text(payload):  # these have no mark of their own: it was decoded already
            return payload, True
        raise BadRecord(BAD_ENCODING) from error
    raise BadRecord(BAD_ENCODING)


def _gunzip(payload: bytes, max_bytes: int) -> tuple[bytes, bool]:
    parts: list[bytes] = []
    size = members = 0
    while payload.startswith(_GZIP_MAGIC):
        stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
        parts.append(stream.decompress(payload, max_bytes + 1 - size))
        size, members = size + len(parts[-1]), members + 1
        if size > max_bytes:
            raise BadRecord(TOO_LARGE)
        if not stream.eof:
            return b"".join(parts), False
        if members == _MOST_MEMBERS:
            raise BadRecord(BAD_ENCODING)
        payload = stream.unused_data
    return b"".join(parts), True


def _undeflate(payload: bytes, max_bytes: int) -> tuple[bytes, bool]:
    """`deflate` means zlib (RFC 9110), but many servers send the bare stream; the first two bytes tell."""
    wrapped = len(payload) > 1 and payload[0] & 0x0F == zlib.DEFLATED and int.from_bytes(payload[:2]) % 31 == 0
    stream = zlib.decompressobj(zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)
    body = stream.decompress(payload, max_bytes + 1)
    if len(body) > max_bytes:
        raise BadRecord(TOO_LARGE)
    return body, stream.eof


def _unbrotli(payload: bytes, max_bytes: int) -> tuple[bytes, bool]:
    stream = brotli.Decompressor()
    parts = [bytes(stream.process(payload, output_buffer_limit=_STEP))]
    size = len(parts[0])
    while size <= max_bytes and not stream.can_accept_more_data() and not stream.is_finished():
        parts.append(bytes(stream.process(b"", output_buffer_limit=_STEP)))
        size += len(parts[-1])
    if size > max_bytes:
        raise BadRecord(TOO_LARGE)
    return b"".join(parts), bool(stream.is_finished())


def _unzstd(payload: bytes, max_bytes: int) -> tuple[bytes, bool]:
    parts: list[bytes] = []
    size = members = 0
    while payload.startswith(_ZSTD_MAGIC):
        stream = ZstdDecompressor(options={DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG})
        parts.append(bytes(stream.decompress(payload, max_bytes + 1 - size)))
        size, members = size + len(parts[-1]), members + 1
        if size > max_bytes:
            raise BadRecord(TOO_LARGE)
        if not stream.eof:
            return b"".join(parts), False
        if members == _MOST_MEMBERS:
            raise BadRecord(BAD_ENCODING)
        payload = bytes(stream.unused_data)
    return b"".join(parts), True


def _is_text(payload: bytes) -> bool:
    try:
        return "\0" not in payload.decode("utf-8")
    except UnicodeDecodeError:
        return False
