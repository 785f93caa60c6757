"""The packs in a folder, for one who tidies up. Implements `archive.shelf.Shelf`; called by `sweep` and `inspect`.

The trash is `<archive>/trash`, beside the packs: a pack is renamed into it, and its time there is that of the file.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from tidemill.archive import faults
from tidemill.archive.pack_format import Record, scan
from tidemill.archive.pack_index import PackIndex
from tidemill.archive.pack_writer import PackWriter, flush_folder, is_in_use
from tidemill.archive.packs import PackArchive
from tidemill.archive.shelf import Pack

T = TypeVar("T")


class PackShelf:
    """The packs of an archive in a folder."""

    def __init__(self, archive: PackArchive) -> None:
        self._archive, self._folder = archive, archive.folder
        self._trash = archive.folder.parent / "trash"

    async def packs(self) -> list[Pack]:
        """See `Shelf.packs`."""
        return await self._done(self._packs) if self._folder.is_dir() else []

    async def counting(self, pack: Pack) -> list[Record]:
        """See `Shelf.counting`."""
        return await self._asked(lambda index: index.counting(pack.name))

    async def read(self, pack: Pack, records: Sequence[Record]) -> list[bytes]:
        """See `Shelf.read`."""

        def read() -> list[bytes]:
            with (self._folder / pack.name).open("rb", buffering=0) as raw:
                return [os.pread(raw.fileno(), each.length, each.offset) for each in records]

        return await self._done(read)

    async def write(self, digests: Sequence[bytes], records: Sequence[bytes]) -> str:
        """See `Shelf.write`."""
        return await self._done(lambda: self._write(digests, records))

    async def trash(self, pack: Pack) -> bool:
        """See `Shelf.trash`."""
        return await self._done(lambda: self._move_away(pack))

    async def trashed(self) -> list[Pack]:
        """See `Shelf.trashed`."""

        def listed() -> list[Pack]:
            return [
                Pack(path.name, path.stat().st_size, path.stat().st_mtime)
                for path in sorted(self._trash.glob("*.pack"))
            ]

        return await self._done(listed)

    async def in_trash(self, pack: Pack) -> list[Record]:
        """See `Shelf.in_trash`."""

        def read() -> list[Record]:
            with (self._trash / pack.name).open("rb") as raw:
                return list(scan(raw, 0, pack.size_bytes))

        return await self._done(read)

    async def restore(self, pack: Pack) -> None:
        """See `Shelf.restore`."""

        def move_back() -> None:
            (self._trash / pack.name).rename(self._folder / pack.name)
            flush_folder(self._folder)
            flush_folder(self._trash)
            self._archive.with_index(lambda index: index.refresh())

        await self._done(move_back)

    async def delete(self, pack: Pack) -> None:
        """See `Shelf.delete`."""
        await self._done((self._trash / pack.name).unlink)

    async def has(self, digests: Sequence[bytes]) -> set[bytes]:
        """See `Shelf.has`."""
        places = await self._asked(lambda index: index.find(digests))
        return {digest for digest, place in places.items() if not place.is_damaged}

    async def size(self) -> tuple[int, int]:
        """See `Shelf.size`."""
        if not self._folder.is_dir():
            return 0, 0
        sizes = await self._done(lambda: [path.stat().st_size for path in self._folder.glob("*.pack")])
        return await self._asked(lambda index: index.count()), sum(sizes)

    def _packs(self) -> list[Pack]:
        def known(index: PackIndex) -> None:
            index.refresh()
            index.lay_out()

        self._archive.with_index(known)
        found = []
        for path in sorted(self._folder.glob("*.pack")):
            with suppress(FileNotFoundError):  # its writer gave up before a whole record was in it
                if not is_in_use(path):
                    about = path.stat()
                    found.append(Pack(path.name, about.st_size, about.st_mtime))
        return found

    def _write(self, digests: Sequence[bytes], records: Sequence[bytes]) -> str:
        writer = PackWriter(self._folder)
        try:
            pack, start = writer.append(list(records))
            placed = []
            for digest, record in zip(digests, records, strict=True):
                placed.append(Record(digest, start, len(record)))
                start += len(record)
            self._archive.with_index(lambda index: index.add(pack, placed[0].offset, placed))
        finally:
            writer.seal()
        return pack

    def _move_away(self, pack: Pack) -> bool:
        path, to = self._folder / pack.name, self._trash / pack.name
        if is_in_use(path) or path.stat().st_mtime != pack.written_at:
            return False
        if not self._trash.is_dir():
            self._trash.mkdir(parents=True)
            flush_folder(self._trash.parent)
        os.utime(path, (time.time(), time.time()))  # first, so that nobody finds it in the trash with an old time
        path.rename(to)
        flush_folder(self._trash)
        flush_folder(self._folder)
        self._archive.with_index(lambda index: index.forget(pack.name))
        return True

    async def _asked(self, use: Callable[[PackIndex], T]) -> T:
        return await asyncio.to_thread(self._archive.with_index, use)

    async def _done(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(work)
        except OSError as error:
            raise faults.unwritable(self._folder, error) from error
