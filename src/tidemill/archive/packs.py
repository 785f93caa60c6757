"""The archive in a folder: bodies appended to `packs/<uuid7>.pack`, and `packs/index.db`, which knows where each lies.

In: the bodies of a batch from the crawl stage. Out: a body by its hash, to the process stage, exports and the doctor.

A put is one hop into a thread: one question which bodies are there, one write, one flush, one transaction of the index.
A file a body cost four times as much: for opening, renaming and folders, not for flushing.
"""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TypeVar

from backports import zstd

from tidemill.archive import faults
from tidemill.archive.extents import Extent
from tidemill.archive.files import BodyFiles
from tidemill.archive.pack_format import Damaged, Record, decode, encode
from tidemill.archive.pack_index import PackIndex, Place, discard, index_path
from tidemill.archive.pack_writer import PACK_BYTES, PackWriter, flush_folder
from tidemill.archive.shelf import FRESH_S
from tidemill.telemetry.logs import get_logger
from tidemill.telemetry.steps import reached

_log = get_logger(__name__)
_REMEDY = "crawl the page again to replace it"
T = TypeVar("T")


class PackArchive:
    """Implements `archive.base.LocalArchive` over a folder. Opens what it needs when it needs it."""

    def __init__(
        self,
        root: Path,
        *,
        compression_level: int,
        pack_bytes: int = PACK_BYTES,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._root = root
        self._now = now
        self.folder = root / "packs"
        self._files = BodyFiles(root)
        self._writer = PackWriter(self.folder, pack_bytes=pack_bytes)
        self._compressor = zstd.ZstdCompressor(compression_level)
        self._index: PackIndex | None = None
        self._opening = Lock()
        self._putting = Lock()

    async def put(self, bodies: Mapping[str, bytes]) -> None:
        """See `Archive.put`."""
        if bodies:
            await asyncio.to_thread(self._put, {bytes.fromhex(each): body for each, body in bodies.items()})

    async def get(self, body_hash: str) -> bytes:
        """See `Archive.get`."""
        return await asyncio.to_thread(self._get, body_hash)

    async def locate(self, body_hashes: Collection[str]) -> Mapping[str, Extent]:
        """See `LocalArchive.locate`."""
        return await asyncio.to_thread(self._locate, [bytes.fromhex(each) for each in body_hashes])

    async def exists(self, body_hash: str) -> bool:
        """See `Archive.exists`."""
        return await asyncio.to_thread(self._exists, body_hash)

    async def close(self) -> None:
        """See `Archive.close`."""
        await asyncio.to_thread(self._close)

    # --- in ----------------------------------------------------------------------------------------------------------

    def _put(self, bodies: Mapping[bytes, bytes]) -> None:
        with self._putting:
            try:
                self._make_folders()
            except OSError as error:
                raise faults.unwritable(self._root, error) from error
            self.with_index(lambda index: self._append(index, bodies))

    def _append(self, index: PackIndex, bodies: Mapping[bytes, bytes]) -> None:
        present = self._present(index, list(bodies))
        new = [each for each in bodies if each not in present and not self._files.has(each.hex())]
        if not new:
            return
        records = [encode(each, bodies[each], self._compressor) for each in new]
        pack, start = self._writer.append(records)
        reached("archive.appended")
        try:
            index.add(pack, start, _placed(new, records, start))
        except BaseException:
            self._writer.seal()  # what is not indexed must lie at the end of a pack, where it will be looked for
            raise

    def _present(self, index: PackIndex, digests: list[bytes]) -> set[bytes]:
        """The bodies that need not be written: not known to be damaged, and in a pack that no sweep may touch."""
        places = index.find(digests)
        if not all(map(self._is_there, places.values())):
            index.refresh()
            places = index.find(digests)
        return {digest for digest, place in places.items() if not place.is_damaged and self._is_young(place)}

    def _is_young(self, place: Place) -> bool:
        """Whether its pack was written so lately that it stays until whoever puts the body has named it."""
        with suppress(FileNotFoundError):
            return self._now() - (self.folder / place.pack).stat().st_mtime < FRESH_S
        return False

    def _is_there(self, place: Place) -> bool:
        try:
            return (self.folder / place.pack).stat().st_size >= place.offset + place.length
        except FileNotFoundError:
            return False

    def _make_folders(self) -> None:
        """Make the folder of packs, and its name durable all the way up."""
        if self.folder.is_dir():
            return
        made = [self.folder, *(each for each in self.folder.parents if not each.exists())]
        self.folder.mkdir(parents=True, exist_ok=True)
        for each in made:
            flush_folder(each.parent)

    # --- out ---------------------------------------------------------------------------------------------------------

    def _get(self, body_hash: str) -> bytes:
        digest = bytes.fromhex(body_hash)
        found = self.with_index(lambda index: self._located(index, digest)) if self.folder.is_dir() else None
        if found is None:
            body = self._files.read(body_hash)
            if body is None:
                raise faults.missing(self._root, body_hash)
            return body
        place, record = found
        try:
            return decode(record, digest)
        except Damaged as error:
            with suppress(sqlite3.Error, OSError):  # a reader without the right to write says so all the same
                self._ready().mark_damaged(digest, place)
            where = f"{body_hash} in {self.folder / place.pack} at {place.offset}"
            raise faults.corrupt(where, str(error), _REMEDY) from error

    def _located(self, index: PackIndex, digest: bytes) -> tuple[Place, bytes] | None:
        """The place and the bytes of a record. If they are not where they were, the packs are looked at again."""
        place = None
        for _ in range(2):
            place = index.find([digest]).get(digest)
            if place is not None and (record := self._bytes(place)) is not None:
                return place, record
            index.refresh()
        return None if place is None else (place, b"")

    def _bytes(self, place: Place) -> bytes | None:
        """What lies there; nothing if the disk cannot read it, which to the reader is damage, too; `None` if the pack
        is gone or does not reach as far. Raises `OSError` for what says nothing about the bytes."""
        try:
            with (self.folder / place.pack).open("rb", buffering=0) as pack:
                record = os.pread(pack.fileno(), place.length, place.offset)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return b""
        return record if len(record) == place.length else None

    def _locate(self, digests: list[bytes]) -> dict[str, Extent]:
        if not self.folder.is_dir():
            return {}
        folder, places = self.folder.absolute(), self.with_index(lambda index: index.find(digests))
        return {
            digest.hex(): Extent(str(folder / place.pack), place.offset, place.length, digest)
            for digest, place in places.items()
            if not place.is_damaged
        }

    def _exists(self, body_hash: str) -> bool:
        digest = bytes.fromhex(body_hash)
        is_packed = self.folder.is_dir() and bool(self.with_index(lambda index: index.find([digest])))
        return is_packed or self._files.has(body_hash)

    # --- the index ---------------------------------------------------------------------------------------------------

    def with_index(self, use: Callable[[PackIndex], T]) -> T:
        """Do something with the index; if it turns out to be damaged, it is made anew, and the thing done again."""
        path = index_path(self.folder)
        try:
            try:
                return use(self._ready())
            except sqlite3.DatabaseError as error:
                if not faults.is_damage(error):
                    raise
                self._discard_index()
                return use(self._ready())
        except sqlite3.Error as error:
            raise faults.unusable_index(path, error) from error
        except OSError as error:
            raise faults.unwritable(self._root, error) from error

    def _ready(self) -> PackIndex:
        """The index, open, and knowing all that the packs held when it was opened."""
        with self._opening:
            if self._index is not None and not self._index.is_there():
                self._index.close()
                self._index = None
            if self._index is None:
                self._index = self._open_index()
            return self._index

    def _open_index(self) -> PackIndex:
        is_new = not index_path(self.folder).exists()
        if is_new:
            discard(self.folder)  # what SQLite keeps beside a file that was deleted would spoil the new one
        index = PackIndex(self.folder)
        try:
            read = index.refresh()
        except BaseException:
            index.close()
            raise
        if is_new and read:
            _log.warning("the index of the archive was made anew", action="archive.indexed", size_bytes=read)
        return index

    def _discard_index(self) -> None:
        with self._opening:
            if self._index is not None:
                self._index.close()
                self._index = None
            if not discard(self.folder):
                raise faults.held_index(index_path(self.folder))

    def _close(self) -> None:
        with self._putting, self._opening:
            self._writer.seal()
            if self._index is not None:
                self._index.close()
            self._index = None


def _placed(digests: list[bytes], records: list[bytes], start: int) -> list[Record]:
    """Where each record lies in a pack in which the first is at `start`."""
    placed: list[Record] = []
    for digest, record in zip(digests, records, strict=True):
        placed.append(Record(digest, start, len(record)))
        start += len(record)
    return placed
