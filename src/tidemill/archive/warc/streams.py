"""The plain bytes of a WARC file and where its records begin: what all files share, and those not compressed.

A binary stream comes in; `records` takes heads and blocks from it in order. After damage `abandon` goes to the next
place where a record begins. Memory is bounded by what is asked for.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import BinaryIO

from tidemill.archive.warc.faults import BAD_RECORD, CUT_OFF, BadRecord

READ_BYTES = 64 * 1024
_NEXT = re.compile(rb"\n(?=WARC/\d)")
_NEWLINES = re.compile(rb"[\r\n]*")


class Stream(ABC):
    """Bytes behind a cursor. `head`, `take` and `skip` raise `BadRecord` if what they want is not there."""

    def __init__(self, source: BinaryIO, first: bytes, start: int) -> None:
        self._source = source
        self._read_to = start + len(first)
        self._latest = first  # the chunk of the file read last
        self._buffer = b""
        self._at = 0

    @abstractmethod
    def begin(self) -> bool:
        """Go to where the next record begins; false at the end of the file."""

    @abstractmethod
    def end(self) -> None:
        """Take what follows the block of a record; raises `BadRecord` if that shows that the record is damaged."""

    @abstractmethod
    def abandon(self) -> None:
        """Leave the present record for the next place where one begins."""

    @property
    @abstractmethod
    def offset(self) -> int | None:
        """The offset in the file of the record that begins here; nothing if it cannot be read on its own."""

    @property
    @abstractmethod
    def position(self) -> int:
        """About how far the file has been read, in bytes."""

    @abstractmethod
    def _more(self) -> bytes:
        """Further plain bytes, as long as they belong together; empty when there are none."""

    def begins_with(self, mark: bytes) -> bool:
        """Whether `mark` comes next; nothing is taken."""
        while len(self._buffer) - self._at < len(mark) and self._fill():
            pass
        return self._buffer.startswith(mark, self._at)

    def head(self, end: re.Pattern[bytes], limit: int) -> bytes:
        """The bytes up to `end`, which is taken too, unless what was found is a group of it: that tells of damage."""
        while (match := end.search(self._buffer, self._at)) is None:
            if len(self._buffer) - self._at > limit:
                raise BadRecord(BAD_RECORD)
            if not self._fill():
                raise BadRecord(CUT_OFF)
        if match.lastgroup:
            raise BadRecord(BAD_RECORD)
        head = self._buffer[self._at : match.start()]
        self._at = match.end()
        return head

    def take(self, size: int) -> bytes:
        """Exactly `size` bytes."""
        parts: list[bytes] = []
        while size:
            self._need()
            parts.append(self._buffer[self._at : self._at + size])
            self._at += len(parts[-1])
            size -= len(parts[-1])
        return b"".join(parts)

    def skip(self, size: int) -> None:
        """Pass over `size` bytes."""
        while size:
            self._need()
            step = min(size, len(self._buffer) - self._at)
            self._at += step
            size -= step

    def _need(self) -> None:
        if self._at == len(self._buffer) and not self._fill():
            raise BadRecord(CUT_OFF)

    def _fill(self) -> bool:
        piece = self._more()
        self._buffer = self._buffer[self._at :] + piece
        self._at = 0
        return bool(piece)

    def _skip_newlines(self) -> bool:
        """Whether anything follows them."""
        while True:
            match = _NEWLINES.match(self._buffer, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._buffer):
                return True
            if not self._fill():
                return False

    def _read(self) -> bytes:
        chunk = self._source.read(READ_BYTES)
        self._read_to += len(chunk)
        self._latest = chunk or self._latest
        return chunk


class PlainStream(Stream):
    """A file that is not compressed."""

    def __init__(self, source: BinaryIO, first: bytes, start: int) -> None:
        super().__init__(source, first, start)
        self._buffer = first

    def begin(self) -> bool:
        return self._skip_newlines()

    def end(self) -> None:
        self._skip_newlines()

    def abandon(self) -> None:
        while (match := _NEXT.search(self._buffer, self._at)) is None:
            self._at = max(self._at, len(self._buffer) - 6)
            if not self._fill():
                self._at = len(self._buffer)
                return
        self._at = match.end()

    @property
    def offset(self) -> int | None:
        return self.position

    @property
    def position(self) -> int:
        return self._read_to - len(self._buffer) + self._at

    def skip(self, size: int) -> None:
        beyond = size - (len(self._buffer) - self._at)
        if beyond > READ_BYTES and self._source.seekable():
            self._source.seek(beyond - 1, 1)  # its last byte is read: whether that is there tells of a cut
            self._read_to += beyond - 1
            self._buffer, self._at, size = b"", 0, 1
        super().skip(size)

    def _more(self) -> bytes:
        return self._read()
