"""Where finished exports lie until they are fetched: a folder of this machine, or the bucket of the archive.

In: a file that is whole. Out: its bytes, in pieces. Names are `<job>.<token>.<extension>`: two processes that worked on
one job never write the same. Called by `manage.exports`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tidemill.errors import NotFound

if TYPE_CHECKING:
    from tidemill.archive.bucket import Bucket

_PIECE_BYTES = 256 << 10
_PART_BYTES = 4 << 20


class Shelf(Protocol):
    """Keeps files under their names."""

    async def put(self, name: str, path: Path) -> None:
        """Keep that file, which is whole, durably; the path may be gone afterwards."""

    def read(self, name: str, start: int, end: int) -> AsyncGenerator[bytes]:
        """Its bytes from `start` to before `end`. Raises `NotFound` (`export_gone`) before the first piece."""

    async def delete(self, name: str) -> None:
        """Remove it; harmless if it is not there."""

    async def close(self) -> None:
        """Let go of connections."""


class FolderShelf:
    """Files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, name: str, path: Path) -> None:
        """See `Shelf.put`: a rename, if both are on one disk, as they are unless somebody made it otherwise."""
        await asyncio.to_thread(self._put, name, path)

    async def read(self, name: str, start: int, end: int) -> AsyncGenerator[bytes]:
        """See `Shelf.read`."""
        try:
            file = await asyncio.to_thread((self._folder / name).open, "rb")
        except FileNotFoundError:
            raise gone(name) from None
        with file:
            file.seek(start)
            while piece := await asyncio.to_thread(file.read, min(_PIECE_BYTES, end - start)):
                yield piece
                start += len(piece)

    async def delete(self, name: str) -> None:
        """See `Shelf.delete`."""
        await asyncio.to_thread((self._folder / name).unlink, missing_ok=True)

    async def close(self) -> None:
        """Nothing is open."""

    def _put(self, name: str, path: Path) -> None:
        path.replace(self._folder / name)
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)  # or the name may not outlive a power cut that the row about it does
        finally:
            os.close(descriptor)


class BucketShelf:
    """Objects `exports/…` beside the archive's."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    async def put(self, name: str, path: Path) -> None:
        """See `Shelf.put`."""
        await self._bucket.put_file(_key(name), path)

    async def read(self, name: str, start: int, end: int) -> AsyncGenerator[bytes]:
        """See `Shelf.read`."""
        from tidemill.archive.bucket import Missing

        for first in range(start, end, _PART_BYTES):
            try:
                yield await self._bucket.get(_key(name), first, min(_PART_BYTES, end - first))
            except Missing:
                raise gone(name) from None

    async def delete(self, name: str) -> None:
        """See `Shelf.delete`."""
        await self._bucket.delete(_key(name))

    async def close(self) -> None:
        """See `Shelf.close`."""
        await self._bucket.close()


def gone(name: str) -> NotFound:
    """The file of an export is not where its row says."""
    return NotFound(
        f"the file of the export {name.partition('.')[0]} is not there any more, or lies on another machine (exports of"
        " several machines want an archive on S3); export again",
        reason="export_gone",
    )


def _key(name: str) -> str:
    return f"exports/{name}"
