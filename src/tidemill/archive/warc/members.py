"""The plain bytes of a compressed WARC file, one gzip member after the other, damaged or not.

A binary stream comes in, `open_stream` gives `records` what fits it. Never inflates more at once than is asked for, and
leaves a member that turns out to be a bomb.
"""

from __future__ import annotations

import zlib
from typing import BinaryIO

from tidemill.archive.warc.faults import BAD_GZIP, CUT_OFF, INFLATION, BadRecord
from tidemill.archive.warc.streams import READ_BYTES, PlainStream, Stream

GZIP_MAGIC = b"\x1f\x8b\x08"

_GZIP = zlib.MAX_WBITS | 16
_STEP = 256 * 1024  # the most that is inflated at once
_PROBE = 1024  # compressed bytes that suffice to see how a member begins
_BOMB_FROM = 64 * 1024 * 1024
_BOMB_RATIO = 200


class GzipStream(Stream):
    """A file of gzip members: one for each record, as they should be, or more records in one.

    A record never reaches over the end of its member, so a wrong length harms no other. In a damaged file the next
    member that begins a record is looked for; its own checksum guards it.
    """

    def __init__(self, source: BinaryIO, first: bytes, start: int) -> None:
        super().__init__(source, first, start)
        self._raw = first
        self._member: zlib._Decompress | None = None
        self._member_at = start
        self._inflated = 0
        self._broken = False

    def begin(self) -> bool:
        while not self._skip_newlines():
            if not self._open_member():
                return False
        return True

    def end(self) -> None:
        self._skip_newlines()  # inflates the member to its end, where its checksum stands

    def abandon(self) -> None:
        self._buffer, self._at = b"", 0
        try:
            while not self._broken and self._more():
                pass
        except BadRecord:
            self._broken = True
        if self._broken:
            self._find_member()

    @property
    def offset(self) -> int | None:
        begins_member = self._inflated == len(self._buffer) - self._at
        return self._member_at if begins_member else None

    @property
    def position(self) -> int:
        return self._member_at

    def _more(self) -> bytes:
        while self._member is not None:
            try:
                piece = self._member.decompress(self._raw, _STEP)
            except zlib.error as error:
                self._broken = True
                raise BadRecord(BAD_GZIP) from error
            if self._member.eof:
                self._raw, self._member = self._member.unused_data, None
            else:
                self._raw = self._member.unconsumed_tail
            self._guard(len(piece))
            if piece:
                return piece
            if self._member is not None and not self._raw:
                self._raw = self._read()
                if not self._raw:
                    self._broken = True
                    self._raw = self._latest  # a damaged member may have swallowed whole ones
                    raise BadRecord(CUT_OFF)
        return b""

    def _guard(self, size: int) -> None:
        self._inflated += size
        taken = self._read_to - len(self._raw) - self._member_at
        if self._inflated > _BOMB_FROM and self._inflated > _BOMB_RATIO * taken:
            self._broken = True
            raise BadRecord(INFLATION)

    def _open_member(self) -> bool:
        """Begin the next member; false at the end of the file. Zeros (padding) may follow the last one."""
        while len(self._raw) < len(GZIP_MAGIC) or not self._raw.strip(b"\0"):
            chunk = self._read()
            if not chunk:
                break
            self._raw = self._raw.lstrip(b"\0") + chunk
        if not self._raw.strip(b"\0"):
            return False
        self._member_at = self._read_to - len(self._raw)
        if not self._raw.startswith(GZIP_MAGIC):
            self._broken = True
            raise BadRecord(CUT_OFF if GZIP_MAGIC.startswith(self._raw) else BAD_GZIP)
        self._member = zlib.decompressobj(_GZIP)
        self._inflated = 0
        return True

    def _find_member(self) -> None:
        """Go to the next member that begins with a record, or to the end of the file."""
        self._member, self._broken, self._inflated = None, False, 0
        start = max(0, self._member_at + 1 - (self._read_to - len(self._raw)))
        while True:
            at = self._raw.find(GZIP_MAGIC, start)
            while len(self._raw) - at < _PROBE or at < 0:
                chunk = self._read()
                if not chunk:
                    break
                kept = at if at >= 0 else max(start, len(self._raw) - len(GZIP_MAGIC) + 1)
                self._raw, start = self._raw[kept:] + chunk, 0
                at = self._raw.find(GZIP_MAGIC)
            if at < 0:
                self._raw = b""
                return
            if begins_record(self._raw[at : at + _PROBE]):
                self._raw = self._raw[at:]
                return
            start = at + 1


def begins_record(compressed: bytes) -> bool:
    """Whether this is the beginning of a gzip member in which a WARC record begins."""
    try:
        return zlib.decompressobj(_GZIP).decompress(compressed, 5) == b"WARC/"
    except zlib.error:
        return False


def open_stream(source: BinaryIO) -> Stream:
    """The stream for a file from its present position on, by how that begins."""
    start = source.tell() if source.seekable() else 0
    first = source.read(READ_BYTES)
    compressed = first.startswith(GZIP_MAGIC) or (not first.startswith(b"WARC/") and GZIP_MAGIC in first)
    return (GzipStream if compressed else PlainStream)(source, first, start)
