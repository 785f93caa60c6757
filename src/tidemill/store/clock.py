"""The time of a database server, told by this machine's steady clock.

In: the server's answers to what time it is. Out: that time at any moment since. Leases and waits of several machines
hang on it, so it must not depend on what their own clocks say. Called by `postgres`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_BELIEVED_S = 20.0
_NOW = text("SELECT EXTRACT(EPOCH FROM clock_timestamp())::float8")


def steady_s() -> float:
    """Seconds of a clock that nobody sets; where there is one, it goes on while the machine sleeps."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot is None else time.clock_gettime(boot)


@dataclass(slots=True)
class ServerClock:
    """What is between the server's clock and ours. It is asked again every 20 s."""

    _offset_s: float | None = None
    _asked_at_s: float = 0.0

    def now(self) -> datetime:
        """The server's time. To be asked only after the first transaction."""
        if self._offset_s is None:
            raise RuntimeError("nobody has asked the server for its time yet: open a transaction first")
        return datetime.fromtimestamp(steady_s() + self._offset_s, UTC)

    @property
    def is_stale(self) -> bool:
        """Whether the server is to be asked again."""
        return self._offset_s is None or steady_s() - self._asked_at_s > _BELIEVED_S

    async def ask(self, connection: AsyncConnection) -> None:
        """Learn the time from the server; half of the way there and back counts as having passed since."""
        await connection.execute(_NOW)  # the first statement of a connection takes longer than the way
        sent_s = steady_s()
        said_s = float((await connection.execute(_NOW)).scalar_one())
        came_s = steady_s()
        self._offset_s, self._asked_at_s = said_s - (sent_s + came_s) / 2, came_s
