"""Tidying up and examining the archive, for every door: sweep, verify, stats.

In: the open parts. Out: what was done or found. Only one process at a time sweeps, wherever it runs: a row of `jobs`
says who, and a dead one's is free at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from tidemill.archive import inspect
from tidemill.archive import sweep as sweeping
from tidemill.archive.base import Archive
from tidemill.archive.inspect import Totals, Verified
from tidemill.archive.open import shelf_of
from tidemill.archive.shelf import LEAST_GRACE_S
from tidemill.archive.sweep import Rules, Swept
from tidemill.errors import Conflict, Invalid
from tidemill.manage.presence import at_work
from tidemill.store import jobs, sources
from tidemill.store import named as store_named
from tidemill.store.engine import Store

KIND = "archive-sweep"


@dataclass(frozen=True, slots=True)
class Tools:
    """What it works with. `lease_s` is how long a worker may be silent before others take it for dead."""

    store: Store
    archive: Archive
    lease_s: float


@dataclass(frozen=True, slots=True)
class Tidied:
    """What a sweep did, or would do: captures that were too old, by source, and what became of the packs."""

    swept: Swept
    expired: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """As one object."""
        return {"captures_expired": self.expired, **self.swept.as_json()}


def rules_of(grace_s: float, *, dry_run: bool, thorough: bool = False) -> Rules:
    """The rules of a sweep. Raises `Invalid` (`bad_grace`) for a grace time in which a crawler could be overtaken."""
    if grace_s < LEAST_GRACE_S:
        raise Invalid(
            f"a grace time of {grace_s / 3600:g} h is too short: a crawler may rely on what is there for some hours"
            f" before it says so in the database; give at least {LEAST_GRACE_S / 3600:g}h",
            reason="bad_grace",
        )
    return Rules(grace_s=grace_s, dry_run=dry_run, thorough=thorough)


async def sweep(tools: Tools, rules: Rules, stop: asyncio.Event) -> Tidied:
    """Let captures go that are too old, then what no capture names. Raises `Conflict` (`job_running`) while another
    sweep is at work, and (`archive_foreign`) if the database cannot be the one that the archive belongs to."""
    await _refuse_strangers(tools)
    if rules.dry_run:
        return await _sweep(tools, rules, stop)
    async with at_work(tools.store, KIND, tools.lease_s) as worker:
        job = await jobs.take_up(tools.store, KIND, {"grace_s": rules.grace_s}, worker.id, restart=True)
        try:
            done = await _sweep(tools, rules, stop)
        except BaseException as error:
            await jobs.leave(tools.store, job, f"{type(error).__name__}: {error}"[:500])
            raise
        await jobs.finish(tools.store, job, done.as_json())
        return done


async def verify(tools: Tools, stop: asyncio.Event) -> Verified:
    """Read and hash every body that a capture names. The pages of those that are lost will be fetched whole again."""
    found = await inspect.verify(tools.archive, store_named.all_named(tools.store), stop)
    await store_named.fetch_whole(tools.store, [*found.missing, *found.corrupt])
    return found


async def stats(tools: Tools) -> Totals:
    """How much lies in the archive."""
    return await inspect.totals(shelf_of(tools.archive))


async def _sweep(tools: Tools, rules: Rules, stop: asyncio.Event) -> Tidied:
    expired = await _expired(tools, dry_run=rules.dry_run)
    pictures = await store_named.pictures(tools.store)

    async def named(hashes: Sequence[str]) -> set[str]:
        return await store_named.named(tools.store, hashes) | pictures.intersection(hashes)

    return Tidied(await sweeping.sweep(shelf_of(tools.archive), named, rules, stop), expired)


async def _expired(tools: Tools, *, dry_run: bool) -> dict[str, int]:
    gone: dict[str, int] = {}
    for source in await sources.listed(tools.store):
        days = source.spec.retention.captures_days
        if days is not None:
            before = tools.store.now() - timedelta(days=days)
            let_go = store_named.count_old if dry_run else store_named.expire
            gone[source.name] = await let_go(tools.store, source.id, before)
    return gone


async def _refuse_strangers(tools: Tools) -> None:
    """A sweep with the wrong database would find nothing named."""
    if await store_named.is_untouched(tools.store) and (await shelf_of(tools.archive).packs()):
        raise Conflict(
            f"the database {tools.store.name} is empty and the archive is not, so they do not belong together, and a"
            " sweep would remove everything; check database.url, archive.url and --data-dir",
            reason="archive_foreign",
        )
