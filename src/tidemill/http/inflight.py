"""Knows the requests being answered: a server that has to end can wait for them, and at last cut them off."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Receive, Scope, Send


class InFlight:
    """The very outermost layer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._tasks: set[asyncio.Task[object]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - servers run each request in a task
        self._tasks.add(task)
        try:
            await self._app(scope, receive, send)
        finally:
            self._tasks.discard(task)

    def cut_off(self) -> int:
        """Cancel what is left; says how many requests that were."""
        for task in self._tasks:
            task.cancel()
        return len(self._tasks)
