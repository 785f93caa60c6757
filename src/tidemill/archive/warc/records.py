"""The records of a WARC file, whatever tool wrote it; what cannot be read is counted and passed over.

A binary stream comes in, records of the kinds that hold responses go out with their blocks; called by `read`.
"""

from __future__ import annotations

import re
from base64 import b32decode
from binascii import Error as BinasciiError
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import new as new_hash
from typing import BinaryIO

from tidemill.archive.warc.faults import BAD_DIGEST, BAD_RECORD, TOO_LARGE, BadRecord
from tidemill.archive.warc.http import HEAD_END, parse_fields
from tidemill.archive.warc.members import open_stream
from tidemill.archive.warc.streams import PlainStream

_VERSION = re.compile(rb"WARC/\d\.\d{1,2}[ \t]*\r?(?:\n|$)")
# A head that another one begins in is none; to look further would cost time for each of many.
_HEAD_END = re.compile(HEAD_END.pattern + rb"|(?P<torn>\n)(?=WARC/\d)")
_LENGTH = re.compile(r"\d{1,18}", re.ASCII)
_LARGEST_HEAD = 64 * 1024
_BEGINNING = 256  # as much of a block as shows the status line of a response
_WANTED = frozenset({"response", "resource", "revisit"})
_ALGORITHMS = frozenset({"md5", "sha1", "sha256", "sha384", "sha512"})


@dataclass(frozen=True, slots=True)
class Record:
    """One record: `kind` is its WARC-Type, `fields` its header by lower-case name (the first of each counts).

    `offset` is where to read it again, if that is possible.
    """

    kind: str
    fields: Mapping[str, str]
    block: bytes
    offset: int | None

    def field(self, name: str) -> str:
        """The field of that lower-case name, without the angle brackets of old writers; empty if there is none."""
        value = self.fields.get(name, "")
        return value[1:-1].strip() if value.startswith("<") and value.endswith(">") else value


class RecordReader:
    """Reads records one after the other; iterate once.

    `read` counts records of any kind that were whole, `first_fault` is reason and offset of the first that was not.
    With `heads_only` records have the beginning of their block alone, whatever its size, and digests are not checked.
    """

    def __init__(
        self, source: BinaryIO, *, max_block_bytes: int, skipped: Counter[str], heads_only: bool = False
    ) -> None:
        self._source = source
        self._max_block_bytes = max_block_bytes
        self._heads_only = heads_only
        self._skipped = skipped
        self._stream = open_stream(source)
        self.read = 0
        self.first_fault: tuple[str, int] | None = None

    def __iter__(self) -> Iterator[Record]:
        while True:
            try:
                if not self._stream.begin():
                    return
                record = self._next()
            except BadRecord as bad:
                self._skipped[bad.why] += 1
                self.first_fault = self.first_fault or (bad.why, self._stream.position)
                self._stream.abandon()
                continue
            self.read += 1
            if record is not None:
                yield record

    def again(self, offset: int) -> Record | None:
        """The record at `offset`, read anew from a seekable file; nothing if it is not there any more."""
        here = self._source.tell()
        self._source.seek(offset)
        try:
            other = RecordReader(self._source, max_block_bytes=self._max_block_bytes, skipped=Counter())
            return next(iter(other), None)
        finally:
            self._source.seek(here)

    def _next(self) -> Record | None:
        """The record that begins here; nothing if it holds no response, or too large a one."""
        offset = self._stream.offset
        if not self._stream.begins_with(b"WARC/"):
            raise BadRecord(BAD_RECORD)
        fields = _fields(self._stream.head(_HEAD_END, _LARGEST_HEAD))
        length = fields.get("content-length", "")
        if not _LENGTH.fullmatch(length):
            raise BadRecord(BAD_RECORD)
        kind, size = fields.get("warc-type", "").lower(), int(length)
        wanted = kind in _WANTED
        if wanted and self._heads_only:
            block = self._stream.take(min(size, _BEGINNING))
            self._stream.skip(size - len(block))
            self._stream.end()
            return Record(kind, fields, block, offset)
        if not wanted or size > self._max_block_bytes:
            self._stream.skip(size)
            self._stream.end()
            self._skipped.update([TOO_LARGE] if wanted else [])
            return None
        block = self._stream.take(size)
        self._stream.end()
        if isinstance(self._stream, PlainStream) and not _fits(block, fields.get("warc-block-digest", "")):
            self._skipped[BAD_DIGEST] += 1  # a gzip member has been checked by its own checksum
            return None
        return Record(kind, fields, block, offset)


def record_at(source: BinaryIO, offset: int, *, max_block_bytes: int) -> Record:
    """The record that begins at `offset` of a seekable file. Raises `BadRecord` if it cannot be used."""
    source.seek(offset)
    skipped: Counter[str] = Counter()
    reader = RecordReader(source, max_block_bytes=max_block_bytes, skipped=skipped)
    record = next(iter(reader), None)
    if record is None or record.offset != offset:
        raise BadRecord(next(iter(skipped), BAD_RECORD))
    return record


def _fields(head: bytes) -> dict[str, str]:
    version = _VERSION.match(head)
    if version is None:
        raise BadRecord(BAD_RECORD)
    fields: dict[str, str] = {}
    for name, value in parse_fields(head[version.end() :]):
        fields.setdefault(name.lower(), value)
    return fields


def _fits(block: bytes, digest: str) -> bool:
    """Whether `block` has this digest (`sha1:` and base32 or hexadecimal); one of a kind not known fits."""
    algorithm, _, value = digest.partition(":")
    algorithm = algorithm.strip().lower().replace("-", "")
    if algorithm not in _ALGORITHMS:
        return True
    found = new_hash(algorithm, block, usedforsecurity=False).digest()
    value = value.strip()
    try:
        expected = (
            bytes.fromhex(value) if len(value) == 2 * len(found) else b32decode(value + "=" * (-len(value) % 8), True)
        )
    except (ValueError, BinasciiError):
        return True
    return len(expected) != len(found) or expected == found
