"""One hook that reads gauges from the store, asked before every scrape and run as often as the store can bear.

In: scrapes, at any rate. Out: whether the gauges are fresh. A hook that takes long goes on behind the scrape, which
shows what the last one found, and rests for twenty times as long: counting millions of rows may take a twentieth of
one connection and no more. Called by `metrics`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

Refresh = Callable[[], Awaitable[None]]
_SHARE = 20
_FREE_S = 0.05
_LONGEST_S = 900.0


class Refreshing:
    """`name` stands for the hook in metrics and logs. `clock` gives monotonic seconds."""

    def __init__(self, name: str, hook: Refresh, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self._hook = hook
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._rests_until = 0.0

    async def ask(self, timeout_s: float) -> None:
        """Have the gauges read unless they were of late; waits no longer than that. Raises what the hook raises."""
        if self._task is None:
            if self._clock() < self._rests_until:
                return
            self._task = asyncio.create_task(self._read(), name=f"refresh {self.name}")
        task = self._task
        done, _ = await asyncio.wait({task}, timeout=timeout_s)
        if not done:
            raise TimeoutError(f"not read within {timeout_s:g} s; it goes on")
        if self._task is task:
            self._task = None
        task.result()

    async def close(self) -> None:
        """End what is still being read."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _read(self) -> None:
        began = self._clock()
        try:
            await self._hook()
        finally:
            took_s = self._clock() - began
            self._rests_until = self._clock() + (0.0 if took_s < _FREE_S else min(_SHARE * took_s, _LONGEST_S))
