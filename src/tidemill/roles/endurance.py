"""How work lasts, ends and fails together: over outages, until somebody says stop, one for all and all for one.

In: the work of roles and the event that says stop. Called by the roles and by the commands that play them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from tidemill.app import App
from tidemill.errors import NoSpace, TidemillError, Transient
from tidemill.telemetry.logs import get_logger

_AWAY_S = 1.0
OUTAGES = (Transient, NoSpace)
"""What a role waits out: servers that are gone, disks that are full."""

_IN_THE_WAY = frozenset({"database_locked", "database_timeout"})
"""What may be owed to locks that nobody will let go of."""

_log = get_logger(__name__)


async def lasting(app: App, role: str, stop: asyncio.Event, play: Callable[[], Awaitable[None]]) -> None:
    """Play a role until `stop` is set; after an outage begin it anew, as a worker that holds nothing."""
    while not stop.is_set():
        try:
            await play()
        except OUTAGES as error:
            await away(app, role, error, stop)
        except asyncio.CancelledError:
            if _is_asked_to_end():
                raise
            _log.warning("a client ended what nobody had asked to end", action="role.wait", role=role, exc_info=True)
            await pause(stop, _AWAY_S)
        else:
            return


async def drained(app: App, work: Awaitable[None], stop: asyncio.Event) -> None:
    """Do the work of a role; once `stop` is set it has `roles.grace_s` to end, then is cut off and gives back what it
    holds."""
    task = asyncio.ensure_future(work)
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            app.health.mark_draining()
            await asyncio.wait({task}, timeout=app.settings.roles.grace_s)
        if not task.done():
            _log.warning("cut off", action="role.cut_off", grace_s=app.settings.roles.grace_s)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return
        await task
    finally:
        stopping.cancel()
        task.cancel()
        await asyncio.gather(task, stopping, return_exceptions=True)


async def together(*work: Awaitable[None], on_failure: Callable[[], None] = lambda: None) -> None:
    """Run all of it; when one fails, call `on_failure`, cancel the others and raise its error."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        failed = next((task for task in done if not task.cancelled() and task.exception() is not None), None)
        if failed is not None:
            on_failure()
            raise failed.exception() or RuntimeError("unreachable")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def beside(role: Callable[[asyncio.Event], Awaitable[None]], stop: asyncio.Event) -> AsyncIterator[None]:
    """`role` runs beside the block and is told to stop when the block ends."""
    task = asyncio.ensure_future(role(stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def away(app: App, role: str, error: TidemillError, stop: asyncio.Event) -> None:
    """Say for what the role waits, do away with what may be in its way, and wait a moment or until `stop` is set."""
    _log.warning("waiting for a server", action="role.wait", role=role, reason=error.reason, error=str(error))
    if error.reason in _IN_THE_WAY:
        with contextlib.suppress(*OUTAGES):
            ended = await app.store.end_stuck()
            if ended:
                _log.warning("ended sessions whose clients are gone", action="database.stuck", sessions=ended)
    await pause(stop, _AWAY_S)


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """That long, or until `stop` is set."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


def _is_asked_to_end() -> bool:
    """Whether a cancellation is somebody's wish: clients of servers make up their own when a connection is lost."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0
