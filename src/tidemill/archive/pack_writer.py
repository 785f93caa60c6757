"""The pack that a process appends to. In: the records of a batch. Out: where they lie, on the disk. Called by the
archive.

A pack has one writer for ever, so that no lock is needed to append; the one that it holds tells who tidies up that the
pack is in use. Others may read and index whole records at any
time: a whole record is never taken back, and after any failure the next batch begins another pack.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from tidemill.archive.pack_format import HEADER, whole_bytes
from tidemill.models.ids import new_id
from tidemill.telemetry.steps import reached

PACK_BYTES = 256 << 20
_sync_data = getattr(os, "fdatasync", os.fsync)


class PackWriter:
    """Appends to `<folder>/<uuid7>.pack`, and begins another one when that has `pack_bytes`."""

    def __init__(self, folder: Path, *, pack_bytes: int = PACK_BYTES) -> None:
        self._folder = folder
        self._most = pack_bytes
        self._path = folder
        self._descriptor: int | None = None
        self._end = 0

    def append(self, records: list[bytes]) -> tuple[str, int]:
        """Write records and flush them: the name of the pack, and the offset of the first. Raises `OSError`."""
        descriptor = self._open()
        start, written = self._end, 0
        try:
            batch = memoryview(b"".join(records))
            while written < len(batch):
                written += os.write(descriptor, batch[written:])
            reached("archive.written")
            _sync_data(descriptor)
        except BaseException:
            self._give_up(start + whole_bytes(records, written))
            raise
        self._end = start + written
        return self._path.name, start

    def seal(self) -> None:
        """Append to this pack no more. Harmless if there is none."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None

    def _open(self) -> int:
        if self._descriptor is not None and (self._end >= self._most or not self._is_there(self._descriptor)):
            self.seal()
        return self._begin() if self._descriptor is None else self._descriptor

    def _is_there(self, descriptor: int) -> bool:
        """Whether the pack still lies where it was made, as long as it was left: somebody may have moved or cut it."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return False
        return os.path.samestat(found, os.fstat(descriptor)) and found.st_size == self._end

    def _begin(self) -> int:
        """Make a pack. Its name is on the disk before anything in it is promised to be."""
        self._path = self._folder / f"{new_id()}.pack"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = descriptor = os.open(self._path, flags, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._end = os.write(descriptor, HEADER)
            reached("archive.begun")
            flush_folder(self._folder)
        except BaseException:
            self._give_up(0)
            raise
        return descriptor

    def _give_up(self, whole_until: int) -> None:
        """Give back the room of a torn record, or of a pack without any, and leave the pack alone."""
        with suppress(OSError):
            if whole_until <= len(HEADER):
                self._path.unlink()
            elif self._descriptor is not None:
                os.ftruncate(self._descriptor, whole_until)
        self.seal()


def flush_folder(folder: Path) -> None:
    """Make the names in a folder durable. Raises `OSError`."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_in_use(pack: Path) -> bool:
    """Whether a living process may append to a pack. Raises `OSError`."""
    descriptor = os.open(pack, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)
