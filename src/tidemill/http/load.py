"""Bounds what is asked at once, and how long each may take: who comes too many is told at once to come back.

A server that takes everything on answers nothing in time, and holds all of it in memory. Probes pass always.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tidemill.http.problems import Problem, ProblemError

_AGAIN_S, _LATE_AGAIN_S = 1, 5


class Load:
    """At most `most` requests are at work, each has `timeout_s` until its answer begins; `is_free` paths pass."""

    def __init__(self, app: ASGIApp, most: int, timeout_s: float, is_free: Callable[[str], bool]) -> None:
        self._app = app
        self._most = most
        self._timeout_s = timeout_s
        self._is_free = is_free
        self._at_work = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; anything else is passed on as it is. Raises a 503 (`overloaded`, `too_late`)."""
        if scope["type"] != "http" or self._is_free(scope["path"]):
            await self._app(scope, receive, send)
            return
        if self._at_work >= self._most:
            raise _later("overloaded", f"More than {self._most} requests are at work (api.max_in_flight)", _AGAIN_S)
        self._at_work += 1
        try:
            await self._in_time(scope, receive, send)
        finally:
            self._at_work -= 1

    async def _in_time(self, scope: Scope, receive: Receive, send: Send) -> None:
        limit = asyncio.timeout(self._timeout_s)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                limit.reschedule(None)  # what has begun may end
            await send(message)

        try:
            async with limit:
                await self._app(scope, receive, sending)
        except TimeoutError:
            if not limit.expired():
                raise
            why = f"The answer took longer than {self._timeout_s:g} s (api.timeout_s)"
            raise _later("too_late", why, _LATE_AGAIN_S) from None


def _later(reason: str, why: str, seconds: int) -> ProblemError:
    detail = f"{why}; try again in {seconds} s."
    return ProblemError(Problem(503, reason, detail, headers=(("Retry-After", str(seconds)),)))
