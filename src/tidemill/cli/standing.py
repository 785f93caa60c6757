"""What the commands of long-running processes share: servers are waited for, probes served, SIGTERM drains.

Called by `cli.roles` and `cli.serve`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from tidemill.cli.session import Interrupts, interrupts, note, opened
from tidemill.errors import Transient
from tidemill.telemetry.logs import get_logger

if TYPE_CHECKING:
    from tidemill.app import App
    from tidemill.settings import Settings

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 5.0
_PROBES_END_S = 1.0
_log = get_logger(__name__)

Role = Callable[["App", asyncio.Event, Interrupts], Awaitable[None]]


@asynccontextmanager
async def opened_patiently(settings: Settings, stop: asyncio.Event) -> AsyncIterator[App | None]:
    """The open house, however long its servers take to come; `None` if `stop` is set before."""
    pause_s = _FIRST_PAUSE_S
    async with AsyncExitStack() as stack:
        while not stop.is_set():
            try:
                app = await stack.enter_async_context(opened(settings))
            except Transient as error:
                told = {"reason": error.reason, "error": str(error), "again_in_s": pause_s}
                _log.warning("waiting for a server", action="role.wait", **told)
                await _rest(stop, pause_s)
                pause_s = min(_LONGEST_PAUSE_S, 2 * pause_s)
            else:
                yield app
                return
        yield None


async def stand(settings: Settings, name: str, role: Role) -> None:
    """Play a role until the first signal, and drain; its probes are served from the beginning to the end."""
    from tidemill.api.doorway import Doorway, kept
    from tidemill.api.probing import create_probes
    from tidemill.roles.endurance import drained

    signals, doorway = interrupts(), Doorway()

    async def working() -> None:
        async with opened_patiently(settings, signals.stop) as app:
            if app is not None:
                app.health.mark_started()
                doorway.open(create_probes(app), app.health)
                await drained(app, role(app, signals.stop, signals), signals.stop)

    await kept(
        doorway,
        working,
        asyncio.Event(),  # probes are answered while the role drains
        host=settings.roles.probe_host,
        port=settings.roles.probe_port,
        on_ready=lambda url: note(f"{name}: probes and metrics on {url}"),
        drain_s=_PROBES_END_S,
    )


async def _rest(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
