"""This process among the workers: its heart beats, and it looks after what others have left, as long as it is at work.

In: an open `App` and a role's name. Out: the worker in whose name leases are held. Called by every role that holds any.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tidemill.app import App
from tidemill.errors import TidemillError, Transient
from tidemill.manage.presence import beating
from tidemill.roles.endurance import OUTAGES, away
from tidemill.store import workers
from tidemill.store.workers import Worker
from tidemill.telemetry.logs import get_logger

_LOOK_S = 1.0
_SWEEP_S = 0.25
_log = get_logger(__name__)


@asynccontextmanager
async def registered(app: App, role: str, stop: asyncio.Event | None = None) -> AsyncIterator[Worker]:
    """This process among the workers, its heart beating and its eye on the others, until the block ends.

    With `stop` the database is waited for at the end, until that is set: a worker that lives on may keep nothing.
    """
    await _reach_queue(app)
    worker = await workers.register(app.store, role)
    lease_s = app.settings.lease_s
    try:
        async with beating(app.store, worker, lease_s), _looking_after(app, worker, lease_s):
            yield worker
    finally:
        await _leave(app, worker, stop)


@asynccontextmanager
async def _looking_after(app: App, worker: Worker, lease_s: float) -> AsyncIterator[None]:
    tasks = [
        asyncio.create_task(_sweep(app), name=f"{worker.role} sweep"),
        asyncio.create_task(_reclaim(app, worker, lease_s), name=f"{worker.role} reclaim"),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _leave(app: App, worker: Worker, stop: asyncio.Event | None) -> None:
    while True:
        try:
            return await workers.leave(app.store, worker)
        except OUTAGES as error:
            if stop is None or stop.is_set():
                raise
            await away(app, worker.role, error, stop)


async def _reach_queue(app: App) -> None:
    """Refuse a broker that would lose what waits; one that is not there yet is waited for by those who use it."""
    try:
        await app.queue.check()
    except Transient as error:
        _log.warning("waiting for the queue", action="queue.wait", reason=error.reason, error=str(error))


async def _sweep(app: App) -> None:
    """Have announced what nobody has announced, or what a broker has lost."""
    while True:
        try:
            swept = await app.queue.sweep()
        except TidemillError as error:
            swept = 0
            _log.warning("sweeping failed", action="queue.sweep", reason=error.reason, error=str(error))
        except Exception:  # noqa: BLE001 - the next look may do; a task that ends is missed by nobody
            swept = 0
            _log.exception("sweeping failed in a way nobody foresaw", action="queue.sweep")
        await asyncio.sleep(0 if swept else _SWEEP_S)


async def _reclaim(app: App, worker: Worker, lease_s: float) -> None:
    """Take back what other processes held when they died, at once and then as long as this one is at work."""
    while True:
        try:
            await workers.reclaim(app.store, lease_s, worker)
        except TidemillError as error:
            _log.warning("reclaiming failed", action="worker.reclaim", reason=error.reason, error=str(error))
        except Exception:  # noqa: BLE001 - as above
            _log.exception("reclaiming failed in a way nobody foresaw", action="worker.reclaim")
        await asyncio.sleep(_LOOK_S)
