"""The object that a batch becomes on S3: a pack like those in folders, with an index of its records behind them.

In: records and their digests, or an object's end. Out: the object, or where its records lie. Called by the archive on
S3. An object is written whole or not at all, so that there is never a pack without its index or the other way round.

    object  HEADER record* entry* trailer          (header and records: see pack_format)
    entry   SHA-256 of the body(32) offset(8) length(8)
    trailer number of entries(8) CRC-32 of the entries(4) magic(8)       (integers are little-endian)
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from zlib import crc32

from tidemill.archive.pack_format import HEADER, Damaged, Record
from tidemill.models.ids import new_id

_MAGIC = b"TMINDEX\x01"
_ENTRY = struct.Struct("<32sQQ")
_TRAILER = struct.Struct("<QI8s")
_NAME = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.(\d{1,9})\.pack\Z")


def new_name(count: int) -> str:
    """A name that sorts by time and says how many records there are, and so how long the index is."""
    return f"{new_id()}.{count}.pack"


def index_bytes(name: str) -> int:
    """How long the index of the object is. Raises `Damaged` for a name that no archive gave."""
    match = _NAME.match(name)
    if match is None:
        raise Damaged("that is no pack's name")
    return int(match[1]) * _ENTRY.size + _TRAILER.size


def is_pack(name: str) -> bool:
    """Whether an archive may have given that name."""
    return _NAME.match(name) is not None


def compose(digests: Sequence[bytes], records: Sequence[bytes]) -> tuple[bytes, list[Record]]:
    """The whole object of these records, and where each lies in it."""
    placed, offset = [], len(HEADER)
    for digest, record in zip(digests, records, strict=True):
        placed.append(Record(digest, offset, len(record)))
        offset += len(record)
    entries = b"".join(_ENTRY.pack(each.digest, each.offset, each.length) for each in placed)
    trailer = _TRAILER.pack(len(placed), crc32(entries), _MAGIC)
    return b"".join((HEADER, *records, entries, trailer)), placed


def parse_index(raw: bytes, pack_bytes: int) -> list[Record]:
    """The records that the end of an object of so many bytes tells of. Raises `Damaged`."""
    if len(raw) < _TRAILER.size:
        raise Damaged("its index is cut off")
    count, crc, magic = _TRAILER.unpack(raw[-_TRAILER.size :])
    entries = raw[: -_TRAILER.size]
    if magic != _MAGIC or len(entries) != count * _ENTRY.size or crc32(entries) != crc:
        raise Damaged("its index is damaged")
    records = [Record(*fields) for fields in _ENTRY.iter_unpack(entries)]
    end = pack_bytes - len(raw)
    if any(each.offset < len(HEADER) or each.offset + each.length > end for each in records):
        raise Damaged("its index points outside of it")
    return records
