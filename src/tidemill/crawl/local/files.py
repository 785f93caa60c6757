"""One file of a folder: opened without leaving the folder, with what HTTP would say of it.

A path comes in, an `OpenedFile` goes out; called by `folder`. `replay` shares how errors of the system are named.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from mimetypes import MimeTypes
from types import TracebackType
from typing import Self

from tidemill.crawl.local.walk import is_below, is_hidden
from tidemill.errors import Forbidden, Permanent, TidemillError, Transient

_NOT_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ENXIO, errno.EISDIR})
_TYPES = MimeTypes()  # Python's own table, not the machine's, so that every machine gives the same documents
_OURS = {
    **dict.fromkeys((".xhtml", ".xht"), "application/xhtml+xml"),
    **dict.fromkeys(
        (".md", ".markdown", ".mdown", ".rst", ".adoc", ".asciidoc", ".org", ".text", ".log"), "text/plain"
    ),
}
_SNIFFED_BYTES = 1024
_HTML = re.compile(
    rb"(?:<!--(?:(?!-->).)*-->\s*)*+<(?:!doctype html|html|head|body|title|meta|script|style|h1|div|p|table|a)\b", re.S
)
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")  # the WHATWG MIME Sniffing standard's binary data bytes
_WIDE = (b"\xff\xfe", b"\xfe\xff")


@dataclass(slots=True)
class OpenedFile:
    """A regular file that is open for reading, to be closed by `with`."""

    path: str
    descriptor: int
    status: os.stat_result

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.descriptor)

    @property
    def etag(self) -> str:
        """A validator that changes with the time and size of the file."""
        return f'"{self.status.st_mtime_ns:x}-{self.status.st_size:x}"'

    @property
    def modified_at(self) -> datetime | None:
        """When its content changed; nothing if the system says a time that no calendar has."""
        try:
            return datetime.fromtimestamp(int(self.status.st_mtime), UTC)
        except (ValueError, OverflowError, OSError):
            return None

    def media_type(self) -> str:
        """By its name, or if that tells nothing, by how it begins."""
        return _media_type(self.path, os.pread(self.descriptor, _SNIFFED_BYTES, 0))

    def read(self, max_bytes: int) -> bytes:
        """The whole of it. Raises `Permanent` (`too_large`)."""
        parts: list[bytes] = []
        size = self.status.st_size
        left = max_bytes + 1
        while size <= max_bytes and left and (part := os.read(self.descriptor, left)):
            parts.append(part)
            left -= len(part)
        if size > max_bytes or not left:
            raise Permanent(
                f"{self.path} is larger than the {max_bytes} bytes of net.max_body_bytes", reason="too_large"
            )
        return b"".join(parts)


def open_file(path: str, root: str) -> OpenedFile | None:
    """The regular file at `path`, which is below `root`; nothing if there is none, or a hidden one.

    Raises `Forbidden` (`outside_folder`) if links lead out of `root`, `Permanent` (`no_such_file`) if `root` itself is
    not there: a disk that is not mounted must not look like files that were deleted; and what `file_fault` gives.
    """
    real, real_root = os.path.realpath(path), os.path.realpath(root)
    try:
        if not stat.S_ISDIR(os.stat(real_root).st_mode):  # noqa: PTH116 - paths are text here
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    except OSError as error:
        raise file_fault(root, error) from error
    if not is_below(real, real_root):
        raise Forbidden(f"{path} leads out of {root} to {real}; add its folder to `start`", reason="outside_folder")
    if is_hidden(real, real_root):
        return None
    try:
        # A pipe must not keep us waiting, and what was resolved must not become a link meanwhile.
        descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in _NOT_THERE:
            return None
        raise file_fault(path, error) from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        return None
    return OpenedFile(path, descriptor, status)


def file_fault(path: str, error: OSError) -> TidemillError:
    """What an error of the system means for the visit."""
    why = error.strerror or str(error)
    if error.errno in _NOT_THERE:
        return Permanent(f"{path} cannot be read: {why}; correct `start`, or mount its disk", reason="no_such_file")
    if error.errno in (errno.EACCES, errno.EPERM):
        return Permanent(f"{path} may not be read: {why}; give the crawler the right to", reason="unreadable_file")
    return Transient(f"{path} cannot be read now: {why}", reason="file_error")


def _media_type(path: str, start: bytes) -> str:
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n\f").lower()
    if text.startswith(b"%pdf-"):
        return "application/pdf"
    ending = os.path.splitext(path)[1].lower()  # noqa: PTH122 - paths are text here
    if ending in _OURS:
        return _OURS[ending]
    named, coding = _TYPES.guess_type(os.path.basename(path), strict=True)  # noqa: PTH119
    if coding is not None:
        return f"application/{coding}"
    if named is not None:
        return named
    if _BINARY.search(start) and not start.startswith(_WIDE):
        return "application/octet-stream"
    if text.startswith(b"<?xml"):
        return "application/xhtml+xml" if b"<html" in text else "application/xml"
    return "text/html" if _HTML.match(text) else "text/plain"
