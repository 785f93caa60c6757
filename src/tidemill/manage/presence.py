"""Being at work: a process that does a long job is listed among the workers, so that others see that it lives.

In: the store and the job's kind. Out: a worker, for as long as a block runs. Called by the verbs that take long.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tidemill.errors import TidemillError
from tidemill.store import workers
from tidemill.store.engine import Store
from tidemill.store.workers import Worker
from tidemill.telemetry.logs import get_logger

_log = get_logger(__name__)


@asynccontextmanager
async def at_work(store: Store, kind: str, lease_s: float) -> AsyncIterator[Worker]:
    """This process among the workers, its heart beating, until the block ends. The dead are taken off the list."""
    await workers.reclaim(store, lease_s)
    worker = await workers.register(store, kind)
    try:
        async with beating(store, worker, lease_s):
            yield worker
    finally:
        await workers.leave(store, worker)


@asynccontextmanager
async def beating(store: Store, worker: Worker, lease_s: float) -> AsyncIterator[None]:
    """The heart of a worker beats, four times in a lease, until the block ends."""

    async def beat() -> None:
        while True:
            await asyncio.sleep(lease_s / 4)
            try:
                if not await workers.beat(store, worker):
                    _log.warning("declared dead, leases lost", action="worker.lost", worker_id=worker.id)
            except TidemillError as error:
                _log.warning("heartbeat failed", action="worker.heartbeat", reason=error.reason, error=str(error))
            except Exception:  # noqa: BLE001 - a heart that stops for one bad answer costs all leases, and nobody sees it
                _log.exception("heartbeat failed in a way nobody foresaw", action="worker.heartbeat")

    heart = asyncio.create_task(beat(), name=f"{worker.role} heartbeat")
    try:
        yield
    finally:
        heart.cancel()
        await asyncio.gather(heart, return_exceptions=True)
