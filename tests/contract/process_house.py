"""The process stage as it runs (queue, pool, store) over captures that no crawl had to fetch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256

from tests.contract.store_house import SITE, House

from tidemill.errors import Permanent
from tidemill.models.run import Run
from tidemill.models.visit import Fetched, Visit
from tidemill.process.pool import WorkerPool
from tidemill.process.worker import Bench, Processor
from tidemill.queue.base import Claim
from tidemill.queue.database import DatabaseQueue
from tidemill.settings import ProcessSettings
from tidemill.store import runs
from tidemill.telemetry.metrics import Metrics

Body = tuple[str, bytes]
"""Media type and bytes."""


class Shelf:
    """An archive in memory."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}

    async def get(self, body_hash: str) -> bytes:
        if body_hash not in self.bodies:
            raise Permanent(f"no body {body_hash}", reason="archive_missing")
        return self.bodies[body_hash]

    async def put(self, bodies: Mapping[str, bytes]) -> None:
        self.bodies.update(bodies)

    async def exists(self, body_hash: str) -> bool:
        return body_hash in self.bodies

    async def close(self) -> None:
        """Nothing is open."""


class WatchedQueue(DatabaseQueue):
    """Remembers what was claimed together."""

    claims: list[Claim]

    async def claim(self, worker_id: str, limit: int) -> Claim:
        claim = await super().claim(worker_id, limit)
        self.claims = [*getattr(self, "claims", []), claim]
        return claim


async def capture_all(house: House, shelf: Shelf, pages: Mapping[str, Body]) -> Run:
    """A run that has captured these pages."""
    await shelf.put({sha256(body).hexdigest(): body for _, body in pages.values()})

    def fetched(visit: Visit) -> Fetched:
        media_type, body = pages[visit.url.removeprefix(SITE)]
        done = house.captured(visit)
        assert done.capture is not None
        form = {"media_type": media_type, "content_type": media_type, "size_bytes": len(body)}
        return replace(done, capture=replace(done.capture, body_hash=sha256(body).hexdigest(), **form))

    run = await house.begin(*pages)
    while visits := await house.lease(run):
        await house.record(*map(fetched, visits))
    await runs.finish(house.store, run.id, 10**6)
    return run


@asynccontextmanager
async def time_flies(house: House) -> AsyncIterator[None]:
    """What is put back for some seconds is soon due."""

    async def fly() -> None:
        while True:
            await asyncio.sleep(0.1)
            house.store.turn_on(1)

    task = asyncio.create_task(fly())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def process(house: House, shelf: Shelf, settings: ProcessSettings) -> list[Claim]:
    """Work off everything that waits. Returns what was claimed together."""
    queue = WatchedQueue(house.store)
    bench = Bench(house.store, shelf, queue, settings, Metrics(), stored=lambda: None)
    async with time_flies(house), WorkerPool(settings) as pool:
        await Processor(bench, pool, house.worker.id).run(asyncio.Event(), until_idle=True)
    return queue.claims
