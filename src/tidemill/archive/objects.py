"""The archive on S3: each batch is one object with its own index, `packs/<uuid7>.<records>.pack`.

In: the bodies of a batch from the crawl stage. Out: a body by its hash, to the process stage, exports and the doctor.

A put is one request, a get is one ranged request. An object appears whole or not at all and carries its index, so no
kill can leave bodies without a place. A body that is there already is not written again if its pack is young: packs
that are old may be swept at any moment (see `sweep.py`), and are not relied on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path

from backports import zstd

from tidemill.archive.bucket import Bucket, Missing
from tidemill.archive.bucket_faults import corrupt, missing
from tidemill.archive.object_catalogue import PACKS, Catalogue
from tidemill.archive.object_format import compose, new_name
from tidemill.archive.object_index import Copy, StoredPack
from tidemill.archive.pack_format import Damaged, Record, decode, encode
from tidemill.archive.shelf import FRESH_S
from tidemill.settings import ArchiveSettings
from tidemill.telemetry.steps import reached

_SWEPT_AGAIN = 3


class ObjectArchive:
    """Implements `archive.base.Archive` over a bucket. `cache_dir` holds what is known of the packs."""

    def __init__(
        self, settings: ArchiveSettings, url: str, cache_dir: Path, *, now: Callable[[], float] = time.time
    ) -> None:
        self.bucket = Bucket(settings, url)
        place = sha256(f"{self.bucket.endpoint} {self.bucket!r}".encode()).hexdigest()[:16]
        self.catalogue = Catalogue(self.bucket, cache_dir / place)
        self._level = settings.compression_level
        self._now = now

    async def put(self, bodies: Mapping[str, bytes]) -> None:
        """See `Archive.put`. Raises `Transient` (`archive_unavailable`) when the server cannot be reached."""
        wanted = {bytes.fromhex(each): body for each, body in bodies.items()}
        if not wanted:
            return
        known = await self.catalogue.find(list(wanted))
        new = {digest: body for digest, body in wanted.items() if not self._is_safe(known.get(digest, []))}
        if new:
            name, content, records = await asyncio.to_thread(self._packed, new)
            await self.write(name, content, records)

    async def write(self, name: str, content: bytes, records: list[Record]) -> None:
        """Make a pack durable, and only then known."""
        await self.bucket.put(f"{PACKS}/{name}", content)
        reached("archive.uploaded")
        await self.catalogue.add(StoredPack(name, len(content), time.time()), records)

    async def get(self, body_hash: str) -> bytes:
        """See `Archive.get`."""
        digest = bytes.fromhex(body_hash)
        damage: tuple[Copy, str] | None = None
        for _ in range(_SWEPT_AGAIN):
            copies = await self.catalogue.find_anywhere(digest)
            is_gone = False
            for copy in copies:
                try:
                    return decode(await self.bucket.get(f"{PACKS}/{copy.pack}", copy.offset, copy.length), digest)
                except Missing:
                    is_gone = True
                    await self.catalogue.forget(copy.pack)
                except Damaged as error:
                    damage = (copy, str(error))
                    await self.catalogue.use(lambda index, pack=copy.pack: index.mark_damaged(digest, pack))  # type: ignore[misc]
            if not is_gone:
                break
        if damage is not None:
            raise corrupt(f"{body_hash} in {self.bucket!r}{PACKS}/{damage[0].pack} at {damage[0].offset}", damage[1])
        raise missing(f"{self.bucket!r}", self.bucket.endpoint, body_hash)

    async def exists(self, body_hash: str) -> bool:
        """See `Archive.exists`."""
        return bool(await self.catalogue.find_anywhere(bytes.fromhex(body_hash)))

    async def close(self) -> None:
        """See `Archive.close`."""
        await self.bucket.close()
        await self.catalogue.close()

    def _packed(self, bodies: Mapping[bytes, bytes]) -> tuple[str, bytes, list[Record]]:
        compressor = zstd.ZstdCompressor(self._level)
        digests = list(bodies)
        content, records = compose(digests, [encode(each, bodies[each], compressor) for each in digests])
        return new_name(len(digests)), content, records

    def _is_safe(self, copies: list[Copy]) -> bool:
        """Whether a body need not be written: a sound copy lies in a pack that no sweep may touch for long."""
        return any(not each.is_damaged and self._now() - each.written < FRESH_S for each in copies)
