"""The door of a long-running process: probes are answered from the first moment, all else once something is behind it.

In: the application that serves, when the servers it needs have come. Out: an ASGI application, and `kept`, which lets
it listen while work is done. Called by the command line.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tidemill.api.routes.probes import early_answer
from tidemill.http.answers import send_problem
from tidemill.http.problems import Problem
from tidemill.http.server import serve_application
from tidemill.telemetry.health import Health

_AGAIN_S = "5"


class Doorway:
    """An application that may not be there yet. Alive it is from the beginning; ready when it says so itself."""

    def __init__(self) -> None:
        self._behind: ASGIApp | None = None
        self._health = Health()

    def open(self, application: ASGIApp, health: Health) -> None:
        """From now on `application` answers; `health` is its own."""
        self._behind, self._health = application, health

    def drain(self) -> None:
        """The process takes no new work and will end."""
        self._health.mark_draining()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if self._behind is not None:
            await self._behind(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1013, "reason": "starting"})
        elif scope["type"] == "http":
            early: Response | None = await early_answer(self._health, scope["path"])
            if early is not None:
                await early(scope, receive, send)
                return
            detail = f"The process waits for a server that it needs; try again in {_AGAIN_S} s."
            await send_problem(scope, send, Problem(503, "starting", detail, headers=(("Retry-After", _AGAIN_S),)))


async def kept(
    doorway: Doorway,
    work: Callable[[], Awaitable[None]],
    stop: asyncio.Event,
    *,
    host: str,
    port: int,
    on_ready: Callable[[str], None],
    drain_s: float = 10.0,
    listener: socket.socket | None = None,
) -> None:
    """Listen, then do the work; returns when both have ended. The door closes when `stop` is set or the work is over.

    `on_ready` gets the base URL once connections are accepted. Raises the error of the work, or `Conflict` or `Invalid`
    if the address cannot be listened on: then no work is begun. `listener`: see `serve_application`.
    """
    closing, listening = asyncio.Event(), asyncio.Event()

    def ready(url: str) -> None:
        on_ready(url)
        listening.set()

    async def working() -> None:
        await listening.wait()
        await work()

    async def stopping() -> None:
        await stop.wait()
        closing.set()

    door = asyncio.ensure_future(
        serve_application(
            doorway,
            closing,
            host=host,
            port=port,
            on_ready=ready,
            on_stop=doorway.drain,
            drain_s=drain_s,
            listener=listener,
        )
    )
    tasks = [door, asyncio.ensure_future(working())]
    watching = asyncio.ensure_future(stopping())
    try:
        for each in asyncio.as_completed(tasks):
            await each
            closing.set()
    finally:
        closing.set()
        for task in (*tasks[1:], watching):
            task.cancel()
        await asyncio.gather(*tasks, watching, return_exceptions=True)
