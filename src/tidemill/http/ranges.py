"""Parts of files (RFC 9110, 14): which bytes a request asks for.

In: the headers of a GET, and how the file is. Out: the part to send, or that it is the whole. One part only: who asks
for several gets the whole, as the RFC lets us. Called by the routes of files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tidemill.http.problems import Problem, ProblemError

_ONE = re.compile(r"bytes=[ \t]*([0-9]{0,30})-([0-9]{0,30})[ \t]*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """The bytes from `start` to before `end`, of `size`."""

    start: int
    end: int
    size: int
    is_whole: bool = False

    @property
    def status(self) -> int:
        """That of the answer: who asked for a part is told that it is one, even if it has all bytes."""
        return 200 if self.is_whole else 206

    @property
    def headers(self) -> dict[str, str]:
        """What an answer says of it."""
        told = {"accept-ranges": "bytes", "content-length": str(self.end - self.start)}
        return told if self.is_whole else told | {"content-range": f"bytes {self.start}-{self.end - 1}/{self.size}"}


def part_of(size: int, etag: str, asked: str | None, if_range: str | None) -> Part:
    """What is asked for (`Range`, `If-Range`) of a file of `size` bytes whose strong validator is `etag`.

    Raises a 416 (`range_not_satisfiable`) if the file has no such bytes. What is asked for of another version, what is
    no range of bytes, and several ranges are the whole.
    """
    whole = Part(0, size, size, is_whole=True)
    one = _ONE.fullmatch(asked or "")
    if one is None or if_range not in (None, etag):
        return whole
    first, last = one.groups()
    if first:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < int(first):
            return whole  # which is no range
    elif last:
        start, end = max(0, size - int(last)), size
    else:
        return whole
    if start >= size or start >= end:
        raise ProblemError(_beyond(size))
    return Part(start, end, size)


def _beyond(size: int) -> Problem:
    detail = f"The file has {size} bytes; ask for some of these, or without Range for all."
    return Problem(416, "range_not_satisfiable", detail, headers=(("Content-Range", f"bytes */{size}"),))
