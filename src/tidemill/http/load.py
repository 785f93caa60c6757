"""Bounds what is asked at once, and how long each may take: who comes too many is told at once to come back.

A server that takes everything on answers nothing in time, and holds all of it in memory. Probes pass always.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tidemill.http.problems import Problem, ProblemError
from tidemill.http.scopes import state
from tidemill.telemetry.logs import get_logger

_AGAIN_S, _LATE_AGAIN_S = 1, 5
_SAY_EVERY_S = 5.0
_log = get_logger(__name__)


class Load:
    """At most `most` requests are at work, each has `timeout_s` until its answer begins; `is_free` paths pass."""

    def __init__(self, app: ASGIApp, most: int, timeout_s: float, is_free: Callable[[str], bool]) -> None:
        self._app = app
        self._most = most
        self._timeout_s = timeout_s
        self._is_free = is_free
        self._at_work = 0
        self._refused = 0
        self._say_at = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; anything else is passed on as it is. Raises a 503 (`overloaded`, `too_late`)."""
        if scope["type"] != "http" or self._is_free(scope["path"]):
            await self._app(scope, receive, send)
            return
        if self._at_work >= self._most:
            self._say()
            raise _later("overloaded", f"More than {self._most} requests are at work (api.max_in_flight)", _AGAIN_S)
        self._at_work += 1
        try:
            await self._in_time(scope, receive, self._releasing(scope, send))
        finally:
            self._release(scope)

    def _releasing(self, scope: Scope, send: Send) -> Send:
        """A stream that has begun is bounded elsewhere (`streams.most`): it goes on for hours, and does no work."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and state(scope).get("is_stream"):
                self._release(scope)
            await send(message)

        return sending

    def _release(self, scope: Scope) -> None:
        if not state(scope).get("is_released"):
            state(scope)["is_released"] = True
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
            _log.warning("an answer took too long", action="http.too_late", path=scope["path"], after_s=self._timeout_s)
            why = f"The answer took longer than {self._timeout_s:g} s (api.timeout_s)"
            raise _later("too_late", why, _LATE_AGAIN_S) from None

    def _say(self) -> None:
        """That there is too much to do, every few seconds: it may be thousands of requests."""
        self._refused += 1
        if time.monotonic() >= self._say_at:
            _log.warning(
                "too many requests at once", action="http.overloaded", refused=self._refused, at_work=self._at_work
            )
            self._refused, self._say_at = 0, time.monotonic() + _SAY_EVERY_S


def _later(reason: str, why: str, seconds: int) -> ProblemError:
    detail = f"{why}; try again in {seconds} s."
    return ProblemError(Problem(503, reason, detail, headers=(("Retry-After", str(seconds)),)))
