"""The connections of a process to PostgreSQL: tried before they are used if they lay idle, counted, waits timed.

In: an engine. Out: what its pool does, for metrics. Called by `postgres`.
"""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import AsyncAdaptedQueuePool, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import ConnectionPoolEntry

from tidemill.models.pool import PoolState

_IDLE_S = 0.5
_SINCE = "tidemill.since"


class TimedPool(AsyncAdaptedQueuePool):
    """A pool that knows how long was waited for its connections."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._taken = 0
        self._waited_s = 0.0

    def _do_get(self) -> ConnectionPoolEntry:
        begun = time.perf_counter()
        try:
            return super()._do_get()
        finally:
            self._taken += 1
            self._waited_s += time.perf_counter() - begun

    def state(self) -> PoolState:
        """What it holds now, and what it did until now."""
        return PoolState(
            size=self.size(),
            idle=self.checkedin(),
            checked_out=self.checkedout(),
            overflow=max(0, self.overflow()),
            taken=self._taken,
            waited_s=self._waited_s,
        )


def try_idle_ones(engine: AsyncEngine) -> None:
    """Have connections that lay idle for half a second tried before they are used, and all replaced if one is dead.

    To try each of them each time (`pool_pre_ping`) takes three ways to the server and back, as long as a small
    transaction; what was used a moment ago is still there unless the driver has seen it go.
    """
    event.listen(engine.sync_engine, "checkin", _note)
    event.listen(engine.sync_engine, "checkout", _try)


def _note(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info[_SINCE] = time.monotonic()


def _try(connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
    if connection.driver_connection.is_closed():
        raise InvalidatePoolError
    since = record.info.get(_SINCE)
    if since is None or time.monotonic() - since < _IDLE_S:
        return
    try:
        connection.ping()
    except Exception as error:
        raise InvalidatePoolError from error
