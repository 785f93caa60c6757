"""Which bodies lie in which packs on S3: the cache in the data folder, kept up to date by listing the bucket.

In: digests. Out: copies of bodies. Called by the archive on S3 and by what tidies it up. Names of packs sort by time,
so that a listing from a little before the newest known one gives what others have written since, mostly in one request.
"""

from __future__ import annotations

import asyncio
import io
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import TypeVar
from uuid import UUID

from tidemill.archive import faults
from tidemill.archive.bucket import Bucket, Listed, Missing
from tidemill.archive.object_format import index_bytes, is_pack, parse_index
from tidemill.archive.object_index import Copy, ObjectIndex, StoredPack
from tidemill.archive.pack_format import Damaged, Record, scan
from tidemill.archive.pack_index import discard, index_path
from tidemill.telemetry.logs import get_logger

PACKS = "packs"
_OVERLAP_MS = 3_600_000
"""Names are given before the upload, by machines whose clocks differ: so far back a listing begins."""
_WHOLE_LIST_S = 60.0
_AT_ONCE = 16
_log = get_logger(__name__)
T = TypeVar("T")


class Catalogue:
    """The packs of one archive on S3. Opens its file when it needs it; safe to share among tasks."""

    def __init__(self, bucket: Bucket, folder: Path) -> None:
        self._bucket, self._folder = bucket, folder
        self._index: ObjectIndex | None = None
        self._opening = Lock()
        self._listing = asyncio.Lock()
        self._listed_whole_at = float("-inf")
        self._generation = 0

    async def find(self, digests: Sequence[bytes]) -> dict[bytes, list[Copy]]:
        """The copies that are known, the newest first, without asking the server."""
        return await self.use(lambda index: index.find(digests))

    async def find_anywhere(self, digest: bytes) -> list[Copy]:
        """The sound copies of a body, looked for on the server if none is known."""
        for look in (self._known, self._learn_new, self._learn_all):
            await look()
            copies = (await self.find([digest])).get(digest, [])
            if copies:
                return copies
        return []

    async def add(self, pack: StoredPack, records: Sequence[Record]) -> None:
        """A pack that this process has written."""
        await self.use(lambda index: index.add([(pack, records)]))

    async def forget(self, *packs: str) -> None:
        """Packs that are gone."""
        await self.use(lambda index: index.forget(packs))

    async def refresh(self) -> None:
        """Know exactly what the server has now."""
        async with self._listing:
            await self._take_in("", forget=True)
            self._listed_whole_at = time.monotonic()

    async def records_of(self, name: str, size_bytes: int, folder: str = PACKS) -> list[Record]:
        """The records of a pack, from its index, or from all of it if that is damaged. Raises `Missing`."""
        key, length = f"{folder}/{name}", index_bytes(name)
        try:
            return parse_index(await self._bucket.get(key, max(0, size_bytes - length), length), size_bytes)
        except Damaged as error:
            _log.warning("a pack is read whole", action="archive.scan", key=key, error=str(error))
            whole = await self._bucket.get_all(key)
            return await asyncio.to_thread(lambda: list(scan(io.BytesIO(whole), 0, len(whole))))

    async def use(self, ask: Callable[[ObjectIndex], T]) -> T:
        """Ask the file something, in a thread; it is made anew if it turns out to be damaged."""
        return await asyncio.to_thread(self._use, ask)

    async def close(self) -> None:
        """Let go of the file."""
        await asyncio.to_thread(self._close)

    async def _known(self) -> None:
        """Nothing is asked of the server."""

    async def _learn_new(self) -> None:
        seen = self._generation
        async with self._listing:
            if seen == self._generation:  # nobody else has just done so
                newest = await self.use(lambda index: index.newest())
                await self._take_in(_before(newest) if newest else "")
                self._generation += 1

    async def _learn_all(self) -> None:
        if time.monotonic() - self._listed_whole_at >= _WHOLE_LIST_S:
            await self.refresh()

    async def _take_in(self, after: str, *, forget: bool = False) -> None:
        known = {pack.name for pack in await self.use(lambda index: index.packs())}
        found: set[str] = set()
        async for page in self._bucket.listed(PACKS, after):
            packs = [each for each in page if is_pack(each.name)]
            found.update(each.name for each in packs)
            await self._learn([each for each in packs if each.name not in known])
        if forget and known - found:
            await self.forget(*(known - found))

    async def _learn(self, packs: Sequence[Listed]) -> None:
        for start in range(0, len(packs), _AT_ONCE):
            some = packs[start : start + _AT_ONCE]
            read = await asyncio.gather(*(self._described(each) for each in some))
            rows = [each for each in read if each is not None]
            await self.use(lambda index, rows=rows: index.add(rows))  # type: ignore[misc]

    async def _described(self, listed: Listed) -> tuple[StoredPack, list[Record]] | None:
        try:
            records = await self.records_of(listed.name, listed.size_bytes)
        except Missing:  # swept since it was listed
            return None
        return StoredPack(listed.name, listed.size_bytes, listed.written_at.timestamp()), records

    def _use(self, ask: Callable[[ObjectIndex], T]) -> T:
        path = index_path(self._folder)
        try:
            try:
                return ask(self._ready())
            except sqlite3.DatabaseError as error:
                if not faults.is_damage(error):
                    raise
                self._discard()
                return ask(self._ready())
        except sqlite3.Error as error:
            raise faults.unusable_index(path, error) from error
        except OSError as error:
            raise faults.unwritable(self._folder, error) from error

    def _ready(self) -> ObjectIndex:
        with self._opening:
            if self._index is None:
                self._index = ObjectIndex(self._folder)
            return self._index

    def _discard(self) -> None:
        with self._opening:
            if self._index is not None:
                self._index.close()
                self._index = None
            if not discard(self._folder):
                raise faults.held_index(index_path(self._folder))

    def _close(self) -> None:
        with self._opening:
            if self._index is not None:
                self._index.close()
            self._index = None


def _before(name: str) -> str:
    """The beginning of the names (UUIDv7) that were given an hour before this one."""
    millis = max(0, (UUID(name[:36]).int >> 80) - _OVERLAP_MS)
    plain = f"{millis:012x}"
    return f"{plain[:8]}-{plain[8:]}"
