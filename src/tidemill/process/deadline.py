"""A time by which something must have happened, put off again and again without a timer of the loop for each time.

Comes in: seconds from now; goes out: one call if they pass. Called by `handle`, twice for each task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

_GRACE_S = 0.1  # for a frame that lies in the pipe while this process was kept from reading it


class Deadline:
    """Calls `missed` when the time that was set last is over. What was set before does not count any more."""

    def __init__(self, loop: asyncio.AbstractEventLoop, missed: Callable[[], None]) -> None:
        self._loop, self._missed = loop, missed
        self._due_s: float | None = None
        self._in_grace = False
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float) -> None:
        """From now on so many seconds are left."""
        self._due_s, self._in_grace = self._loop.time() + seconds, False
        if self._timer is None:
            self._timer = self._loop.call_at(self._due_s, self._look)

    def cancel(self) -> None:
        """Nothing is due any more."""
        self._due_s, self._in_grace = None, False

    def _look(self) -> None:
        """The time that was set once has come; the one that counts now may be later."""
        self._timer = None
        if self._due_s is None:
            return
        if self._loop.time() >= self._due_s:
            if self._in_grace:
                self._due_s = None
                self._missed()
                return
            self._due_s, self._in_grace = self._loop.time() + _GRACE_S, True
        self._timer = self._loop.call_at(self._due_s, self._look)
