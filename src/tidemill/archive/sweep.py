"""Tidying up an archive: bodies that nothing names go, packs of which little is left or that are small are rewritten.

In: the packs (`shelf`), and who knows which bodies are named. Out: what was done, or would be. Called by `manage`.

The order keeps everything that is named readable after a kill at any point: live records are copied into a new pack,
which is durable and known before the old one leaves; what leaves goes to the trash, stays there for the grace time, and
is looked at again before it is deleted: a pack that turns out to hold something named that lies nowhere else comes
back. `shelf.py` says why a put at the same time is safe.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field

from tidemill.archive.pack_format import HEADER, Damaged, Record, decode
from tidemill.archive.pack_writer import PACK_BYTES
from tidemill.archive.shelf import Pack, Shelf
from tidemill.telemetry.logs import get_logger

_LEAST_LIVE = 0.5
_SMALL = 8
_OVERHEAD_BYTES = 64
"""What a pack, and each record in it, costs at most beside the records; so that a pack of tiny ones can be full."""
_log = get_logger(__name__)

Named = Callable[[Sequence[str]], Awaitable[set[str]]]
"""Which of these bodies (by their hashes) something names."""


@dataclass(frozen=True, slots=True)
class Rules:
    """`grace_s`: younger packs are left alone, and so long the trash keeps what came into it. `pack_bytes`: how large a
    rewritten pack becomes; smaller ones than an eighth of it are merged. `thorough`: no body that nothing names stays,
    if a large pack must be rewritten for it."""

    grace_s: float
    dry_run: bool = False
    thorough: bool = False
    pack_bytes: int = PACK_BYTES
    now: Callable[[], float] = time.time


@dataclass(slots=True)
class Swept:
    """What a sweep did, or would do. `bytes_trashed` is what left, `bytes_rewritten` what was copied of it."""

    packs: int = 0
    young: int = 0
    bodies_removed: int = 0
    packs_trashed: int = 0
    packs_merged: int = 0
    packs_written: int = 0
    bytes_trashed: int = 0
    bytes_rewritten: int = 0
    packs_damaged: int = 0
    packs_restored: int = 0
    packs_deleted: int = 0
    bytes_deleted: int = 0
    finished: bool = True

    def as_json(self) -> dict[str, int | bool]:
        """As one object."""
        return asdict(self)


@dataclass(slots=True)
class _Group:
    """Packs whose live records become one pack."""

    packs: list[tuple[Pack, list[Record], int]] = field(default_factory=list)
    size_bytes: int = len(HEADER)


async def sweep(shelf: Shelf, named: Named, rules: Rules, stop: asyncio.Event) -> Swept:
    """Tidy up once. `stop` ends it between two packs. Raises what the archive raises; what was done stays done."""
    swept = Swept()
    packs = await shelf.packs()
    await _empty_trash(shelf, named, rules, swept)
    swept.packs = len(packs)
    group = _Group()
    for pack in packs:
        if stop.is_set():
            swept.finished = False
            return swept
        if rules.now() - pack.written_at < rules.grace_s:
            swept.young += 1
            continue
        records = await shelf.counting(pack)
        live = await _live(named, records)
        dead = len(records) - len(live)
        if not live:
            await _trash(shelf, pack, dead, rules, swept)
            continue
        live_bytes = _size_of(live)
        if not (rules.thorough and dead) and not _is_worth_rewriting(pack, live_bytes, rules):
            continue
        if group.packs and group.size_bytes + live_bytes > rules.pack_bytes:
            await _rewrite(shelf, group, rules, swept)
            group = _Group()
        group.packs.append((pack, live, dead))
        group.size_bytes += live_bytes
    await _rewrite(shelf, group, rules, swept)
    return swept


def _is_worth_rewriting(pack: Pack, live_bytes: int, rules: Rules) -> bool:
    return live_bytes < _LEAST_LIVE * pack.size_bytes or pack.size_bytes < rules.pack_bytes / _SMALL


def _size_of(records: Sequence[Record]) -> int:
    """How large a pack of these would be."""
    return _OVERHEAD_BYTES + sum(each.length + _OVERHEAD_BYTES for each in records)


async def _live(named: Named, records: Sequence[Record]) -> list[Record]:
    kept = await named([each.digest.hex() for each in records])
    return [each for each in records if each.digest.hex() in kept]


async def _rewrite(shelf: Shelf, group: _Group, rules: Rules, swept: Swept) -> None:
    """Copy what is live of the packs of a group into one, verified, and let them go."""
    if len(group.packs) == 1:
        ((pack, live, dead),) = group.packs
        if not dead and _size_of(live) >= _LEAST_LIVE * pack.size_bytes:
            return  # a small pack alone would only become another small pack
    digests: list[bytes] = []
    copies: list[bytes] = []
    done: list[tuple[Pack, int]] = []
    for pack, live, dead in group.packs:
        raw = await shelf.read(pack, live)
        if not await asyncio.to_thread(_are_sound, live, raw):
            _log.warning("a damaged pack is left as it is", action="archive.damaged", pack=pack.name)
            swept.packs_damaged += 1
            continue
        digests += [each.digest for each in live]
        copies += raw
        done.append((pack, dead))
    if not done:
        return
    swept.packs_merged += len(done)
    swept.packs_written += 1
    swept.bytes_rewritten += sum(map(len, copies))
    if not rules.dry_run:
        await shelf.write(digests, copies)
    for pack, dead in done:
        await _trash(shelf, pack, dead, rules, swept)


def _are_sound(records: Sequence[Record], raw: Sequence[bytes]) -> bool:
    try:
        for each, record in zip(records, raw, strict=True):
            decode(record, each.digest)
    except Damaged:
        return False
    return True


async def _trash(shelf: Shelf, pack: Pack, dead: int, rules: Rules, swept: Swept) -> None:
    if not rules.dry_run and not await shelf.trash(pack):
        return
    swept.packs_trashed += 1
    swept.bytes_trashed += pack.size_bytes
    swept.bodies_removed += dead


async def _empty_trash(shelf: Shelf, named: Named, rules: Rules, swept: Swept) -> None:
    """Delete what lay there for the grace time; bring back what turned out to be named and to lie nowhere else."""
    for pack in await shelf.trashed():
        live = [each.digest for each in await _live(named, await shelf.in_trash(pack))]
        if set(live) - await shelf.has(live):
            _log.warning("a pack comes back from the trash", action="archive.restored", pack=pack.name)
            swept.packs_restored += 1
            if not rules.dry_run:
                await shelf.restore(pack)
        elif rules.now() - pack.written_at >= rules.grace_s:
            swept.packs_deleted += 1
            swept.bytes_deleted += pack.size_bytes
            if not rules.dry_run:
                await shelf.delete(pack)
