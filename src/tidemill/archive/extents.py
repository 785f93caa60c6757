"""Where a body lies in a file of this machine, so that another process may read it without asking the archive.

In: what the archive knows of a body. Out: the body, verified. Found by `PackArchive.locate`, read in the worker
processes of the process stage. Who cannot read it asks the archive itself, which knows what to do about it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from tidemill.archive.pack_format import Damaged, decode


@dataclass(frozen=True, slots=True)
class Extent:
    """A record of a pack: so many bytes of a file from an offset on, and the SHA-256 of the body that is in them."""

    path: str
    offset: int
    length: int
    digest: bytes


class Unreadable(Exception):
    """The body is not there any more, or not intact: a sweep may have moved it. The archive will know."""


def read(extent: Extent) -> bytes:
    """The body. Raises `Unreadable`."""
    try:
        file = os.open(extent.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            record = os.pread(file, extent.length, extent.offset)
        finally:
            os.close(file)
        return decode(record, extent.digest)
    except (OSError, Damaged) as error:
        raise Unreadable(f"{extent.digest.hex()} in {extent.path} at {extent.offset}: {error}") from error
