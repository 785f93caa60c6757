"""The packs on S3, for one who tidies up. Implements `archive.shelf.Shelf`; called by `sweep` and `inspect`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from tidemill.archive.bucket import Missing
from tidemill.archive.object_catalogue import PACKS
from tidemill.archive.object_format import compose, is_pack, new_name
from tidemill.archive.objects import ObjectArchive
from tidemill.archive.pack_format import Record
from tidemill.archive.shelf import Pack

_TRASH = "trash"
_GAP_BYTES = 1 << 20
_AT_ONCE = 8


class ObjectShelf:
    """The packs of an archive on S3."""

    def __init__(self, archive: ObjectArchive) -> None:
        self._archive, self._bucket, self._catalogue = archive, archive.bucket, archive.catalogue

    async def packs(self) -> list[Pack]:
        """See `Shelf.packs`."""
        await self._catalogue.refresh()
        known = await self._catalogue.use(lambda index: index.packs())
        return [Pack(each.name, each.size_bytes, each.written) for each in known]

    async def counting(self, pack: Pack) -> list[Record]:
        """See `Shelf.counting`."""
        return await self._catalogue.use(lambda index: index.counting(pack.name))

    async def read(self, pack: Pack, records: Sequence[Record]) -> list[bytes]:
        """See `Shelf.read`: neighbours, and what lies close together, in one request."""
        spans = _spans(records)
        gate = asyncio.Semaphore(_AT_ONCE)

        async def span(start: int, end: int) -> bytes:
            async with gate:
                return await self._bucket.get(f"{PACKS}/{pack.name}", start, end - start)

        read = dict(zip(spans, await asyncio.gather(*(span(*each) for each in spans)), strict=True))
        found = []
        for each in records:
            start = max(first for first, end in spans if first <= each.offset)
            whole = next(raw for (first, _), raw in read.items() if first == start)
            found.append(whole[each.offset - start : each.offset - start + each.length])
        return found

    async def write(self, digests: Sequence[bytes], records: Sequence[bytes]) -> str:
        """See `Shelf.write`."""
        content, placed = await asyncio.to_thread(compose, digests, records)
        name = new_name(len(digests))
        await self._archive.write(name, content, placed)
        return name

    async def trash(self, pack: Pack) -> bool:
        """See `Shelf.trash`: a copy made by the server, then the deletion."""
        with suppress(Missing):
            await self._bucket.move(f"{PACKS}/{pack.name}", f"{_TRASH}/{pack.name}")
        await self._catalogue.forget(pack.name)
        return True

    async def trashed(self) -> list[Pack]:
        """See `Shelf.trashed`."""
        return [
            Pack(each.name, each.size_bytes, each.written_at.timestamp())
            async for page in self._bucket.listed(_TRASH)
            for each in page
            if is_pack(each.name)
        ]

    async def in_trash(self, pack: Pack) -> list[Record]:
        """See `Shelf.in_trash`."""
        return await self._catalogue.records_of(pack.name, pack.size_bytes, _TRASH)

    async def restore(self, pack: Pack) -> None:
        """See `Shelf.restore`."""
        await self._bucket.move(f"{_TRASH}/{pack.name}", f"{PACKS}/{pack.name}")
        await self._catalogue.refresh()

    async def delete(self, pack: Pack) -> None:
        """See `Shelf.delete`."""
        await self._bucket.delete(f"{_TRASH}/{pack.name}")

    async def has(self, digests: Sequence[bytes]) -> set[bytes]:
        """See `Shelf.has`."""
        found = await self._catalogue.find(digests)
        return {digest for digest, copies in found.items() if any(not each.is_damaged for each in copies)}

    async def size(self) -> tuple[int, int]:
        """See `Shelf.size`."""
        _, size_bytes, bodies = await self._catalogue.use(lambda index: index.totals())
        return bodies, size_bytes


def _spans(records: Sequence[Record]) -> list[tuple[int, int]]:
    """The ranges to ask for: a gap that is cheaper to read than to ask anew over is read."""
    spans: list[tuple[int, int]] = []
    for each in sorted(records, key=lambda record: record.offset):
        end = each.offset + each.length
        if spans and each.offset - spans[-1][1] <= _GAP_BYTES:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((each.offset, end))
    return spans
