"""The bytes of a pack: a header, then records, each telling its own hash and length, so that a pack can be read alone.

In: a body and its digest, or an open pack. Out: a record, a body, or where the records of a pack lie. Called by the
archive (records in and out) and by its index (which records there are).

    pack    HEADER record*
    record  magic(4) SHA-256 of the body(32) length of the frame(8) length of the body(8) CRC-32 of the frame(4)
            CRC-32 of all that(4), zstd frame                                        (integers are little-endian)
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import BinaryIO
from zlib import crc32

from backports import zstd

HEADER = b"TMPACK\x00\x01"
"""What a pack begins with; the last byte is the version."""

_MAGIC = b"\xd7TM\n"
_FIELDS = struct.Struct("<4s32sQQI")
_CRC = struct.Struct("<I")
_HEAD_BYTES = _FIELDS.size + _CRC.size
_WINDOW_BYTES = 1 << 20


class Damaged(ValueError):
    """The bytes are not the record that they should be; the message says why."""


@dataclass(frozen=True, slots=True)
class Record:
    """Where a record lies in its pack: `length` counts its head, too."""

    digest: bytes
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class _Head:
    digest: bytes
    frame_bytes: int
    body_bytes: int
    frame_crc: int


def encode(digest: bytes, body: bytes, compressor: zstd.ZstdCompressor) -> bytes:
    """The record of a body."""
    frame = compressor.compress(body, compressor.FLUSH_FRAME)
    fields = _FIELDS.pack(_MAGIC, digest, len(frame), len(body), crc32(frame))
    return b"".join((fields, _CRC.pack(crc32(fields)), frame))


def decode(record: bytes, digest: bytes) -> bytes:
    """The body of a record, verified; never more bytes than its head tells. Raises `Damaged`."""
    head = _head(record[:_HEAD_BYTES])
    if head is None:
        raise Damaged("no record begins there")
    if head.digest != digest:
        raise Damaged("the record there is of another body")
    return _body(head, record[_HEAD_BYTES:])


def scan(pack: BinaryIO, start: int, end: int) -> Iterator[Record]:
    """The whole records between two offsets; what is torn or damaged is passed over.

    Behind a damaged head the next magic is looked for. Such bytes may lie in the midst of a frame, where a site could
    have put them, so that from then on a record must hold what its hash says.
    """
    position, is_lost = _first(pack, start)
    while position < end:
        pack.seek(position)
        head = _head(pack.read(_HEAD_BYTES))
        length = _HEAD_BYTES + head.frame_bytes if head else 0
        if head is None or position + length > end:
            position, is_lost = _next_magic(pack, position + 1, end), True
            continue
        is_sound = _is_sound(head, pack.read(head.frame_bytes), thoroughly=is_lost)
        if is_sound:
            yield Record(head.digest, position, length)
        position = position + length if is_sound or not is_lost else _next_magic(pack, position + 1, end)


def whole_bytes(records: list[bytes], written: int) -> int:
    """How many of the first `written` bytes of these records make up whole ones."""
    total = 0
    for record in records:
        if total + len(record) > written:
            break
        total += len(record)
    return total


def _first(pack: BinaryIO, start: int) -> tuple[int, bool]:
    if start >= len(HEADER):
        return start, False
    pack.seek(0)
    return (len(HEADER), False) if pack.read(len(HEADER)) == HEADER else (0, True)


def _head(raw: bytes) -> _Head | None:
    if len(raw) < _HEAD_BYTES or not raw.startswith(_MAGIC):
        return None
    fields = raw[: _FIELDS.size]
    if _CRC.unpack(raw[_FIELDS.size : _HEAD_BYTES]) != (crc32(fields),):
        return None
    _, digest, frame_bytes, body_bytes, frame_crc = _FIELDS.unpack(fields)
    return _Head(digest, frame_bytes, body_bytes, frame_crc)


def _is_sound(head: _Head, frame: bytes, *, thoroughly: bool) -> bool:
    if crc32(frame) != head.frame_crc:
        return False
    try:
        return not thoroughly or _body(head, frame) is not None
    except Damaged:
        return False


def _body(head: _Head, frame: bytes) -> bytes:
    expander = zstd.ZstdDecompressor()
    try:
        body: bytes = expander.decompress(frame, head.body_bytes + 1)
    except (zstd.ZstdError, OverflowError, MemoryError) as error:
        raise Damaged(str(error)) from error
    if len(body) != head.body_bytes or not expander.eof:
        raise Damaged("its frame has another length")
    if sha256(body).digest() != head.digest:
        raise Damaged("its content has another hash")
    return body


def _next_magic(pack: BinaryIO, start: int, end: int) -> int:
    """Where the next record may begin; `end` if there is none."""
    while start + len(_MAGIC) <= end:
        pack.seek(start)
        window = pack.read(min(_WINDOW_BYTES, end - start))
        found = window.find(_MAGIC)
        if found >= 0:
            return start + found
        if len(window) < len(_MAGIC):
            break
        start += len(window) - len(_MAGIC) + 1
    return end
