"""Looking at an archive: is every body that something names there and whole, and how much lies in it?

In: the archive and the names. Out: what is missing or damaged, and totals. Called by `manage`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from tidemill.archive.base import Archive
from tidemill.archive.shelf import Shelf
from tidemill.errors import Permanent

_AT_ONCE = 16


@dataclass(slots=True)
class Verified:
    """What was looked at. `missing` and `corrupt` hold hashes with what was said of them."""

    bodies: int = 0
    bytes: int = 0
    missing: dict[str, str] = field(default_factory=dict)
    corrupt: dict[str, str] = field(default_factory=dict)
    finished: bool = True

    @property
    def is_sound(self) -> bool:
        """Whether nothing is missing or damaged."""
        return not self.missing and not self.corrupt


@dataclass(frozen=True, slots=True)
class Totals:
    """How much lies in an archive."""

    bodies: int
    packs: int
    size_bytes: int
    smallest_bytes: int
    largest_bytes: int
    trashed_packs: int
    trashed_bytes: int


async def verify(archive: Archive, named: AsyncIterator[Sequence[str]], stop: asyncio.Event) -> Verified:
    """Read every named body and hash it. Raises what makes going on impossible (`archive_unavailable`)."""
    found = Verified()
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(body_hash: str) -> None:
        async with gate:
            if stop.is_set():
                found.finished = False
                return
            try:
                found.bytes += len(await archive.get(body_hash))
            except Permanent as error:
                if error.reason == "archive_missing":
                    found.missing[body_hash] = str(error)
                elif error.reason == "archive_corrupt":
                    found.corrupt[body_hash] = str(error)
                else:
                    raise
            found.bodies += 1

    async for hashes in named:
        async with asyncio.TaskGroup() as tasks:
            for each in hashes:
                tasks.create_task(one(each))
        if stop.is_set():
            break
    return found


async def totals(shelf: Shelf) -> Totals:
    """Count what is there; packs that a process appends to count in the bytes and not in the packs."""
    packs, trashed = await shelf.packs(), await shelf.trashed()
    bodies, size_bytes = await shelf.size()
    sizes = [each.size_bytes for each in packs]
    return Totals(
        bodies=bodies,
        packs=len(packs),
        size_bytes=size_bytes,
        smallest_bytes=min(sizes, default=0),
        largest_bytes=max(sizes, default=0),
        trashed_packs=len(trashed),
        trashed_bytes=sum(each.size_bytes for each in trashed),
    )
