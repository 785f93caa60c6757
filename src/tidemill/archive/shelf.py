"""What tidying up an archive needs of it, beside the port: its packs one by one.

Implemented over a folder (`pack_shelf`) and over S3 (`object_shelf`); called by `sweep` and `inspect`.

Why a sweep harms no put: a put relies on a copy that is there only if its pack was written less than `FRESH_S` ago, and
writes the body anew otherwise; a sweep touches only packs that were written last before its grace time, which is at
least `LEAST_GRACE_S`. Between the two lies the time that a crawler has to commit the capture that names the body, and
it loses its leases long before. Neither asks the other, so it holds for any number of machines; their clocks may differ
by the hours between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tidemill.archive.pack_format import Record

FRESH_S = 6 * 3600.0
LEAST_GRACE_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack. `written_at` is in seconds since 1970: its last append or, in the trash, when it was moved there."""

    name: str
    size_bytes: int
    written_at: float


class Shelf(Protocol):
    """The packs of an archive, for one who tidies up. All raise what the archive raises."""

    async def packs(self) -> list[Pack]:
        """All packs that no living process appends to, the oldest first, exactly as they are now."""

    async def counting(self, pack: Pack) -> list[Record]:
        """The records of a pack that count: of copies of one body only the newest does."""

    async def read(self, pack: Pack, records: Sequence[Record]) -> list[bytes]:
        """Their bytes; fewer than asked for where something is cut off."""

    async def write(self, digests: Sequence[bytes], records: Sequence[bytes]) -> str:
        """A new pack, newer than all: durable and known when this returns."""

    async def trash(self, pack: Pack) -> bool:
        """Move a pack to the trash; false if it came to life again meanwhile, and was left."""

    async def trashed(self) -> list[Pack]:
        """What lies in the trash."""

    async def in_trash(self, pack: Pack) -> list[Record]:
        """The records of a pack in the trash."""

    async def restore(self, pack: Pack) -> None:
        """Bring a pack back from the trash."""

    async def delete(self, pack: Pack) -> None:
        """Delete a pack in the trash for good."""

    async def has(self, digests: Sequence[bytes]) -> set[bytes]:
        """Those of the bodies that have a sound copy outside of the trash."""

    async def size(self) -> tuple[int, int]:
        """Different bodies, and the bytes of all packs."""
