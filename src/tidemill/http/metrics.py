"""Counts and times every request under the template of its route, so that no visitor can make series."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tidemill.http.problems import problem_of
from tidemill.http.scopes import state
from tidemill.telemetry.metrics import Metrics

_CLIENT_LEFT = 499


class RequestMetrics:
    """Stands inside the layer that answers errors, so it reads from an error what its status will be."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; anything else is passed on as it is."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, answered_at = 0, 0.0

        async def sending(message: Message) -> None:
            nonlocal status, answered_at
            if message["type"] == "http.response.start":
                status, answered_at = message["status"], time.perf_counter()
            await send(message)

        began = time.perf_counter()
        with self._metrics.in_progress():
            try:
                await self._app(scope, receive, sending)
            except Exception as error:
                status = status or problem_of(error).status
                raise
            finally:
                # How long somebody listens to a stream says nothing of how fast we answer.
                ended_at = answered_at if state(scope).get("is_stream") else time.perf_counter()
                self._metrics.observe_http(
                    method=scope["method"],
                    route=state(scope).get("route") or getattr(scope.get("route"), "path", None),
                    status_code=status or _CLIENT_LEFT,
                    seconds=ended_at - began,
                )
