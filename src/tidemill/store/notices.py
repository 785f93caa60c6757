"""Processes that share a PostgreSQL tell each other that captures wait (LISTEN and NOTIFY).

In: `tell`, after a commit. Out: `hear` returns. Called by `queue.database`. A notice is a hint and nothing else: who
hears none looks again in a moment. SQLite has no such thing; its processes look.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.errors import TidemillError
from tidemill.store.engine import SERVERS, Store

_CHANNEL = "tidemill_captures"
# No disk is waited for: if the server dies now, there is nobody left who listens.
_TELL = text(f"SELECT set_config('synchronous_commit', 'off', true), pg_notify('{_CHANNEL}', '')")
_AGAIN_S = 5.0


class Notices:
    """Of one process. The first `hear` takes a connection of the pool for good."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._is_server = store.url.partition(":")[0].partition("+")[0] in SERVERS
        self._heard = asyncio.Event()
        self._link: AsyncConnection | None = None
        self._driver: Any = None
        self._try_at = 0.0

    async def tell(self) -> None:
        """There are new captures. A database that is gone is told of by whoever writes to it next."""
        if self._is_server:
            with contextlib.suppress(TidemillError):
                async with self._store.write() as connection:
                    await connection.execute(_TELL)

    async def hear(self, timeout_s: float) -> None:
        """Until somebody told something since the last time, or the time is over."""
        if self._is_server:
            await self._listen()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._heard.wait(), timeout_s)
        self._heard.clear()

    async def close(self) -> None:
        """Give the connection back; that of a server that is gone is forgotten."""
        link, self._link = self._link, None
        if link is not None:
            with contextlib.suppress(SQLAlchemyError, OSError):
                await link.invalidate()
                await link.close()

    async def _listen(self) -> None:
        """Begin to listen, if we do not or the connection has died; not more often than every five seconds."""
        if self._link is not None and not self._driver.is_closed():
            return
        loop_time = asyncio.get_running_loop().time()
        if loop_time < self._try_at:
            return
        self._try_at = loop_time + _AGAIN_S
        await self.close()
        try:
            self._link = await self._store.writer.connect()
            self._driver = (await self._link.get_raw_connection()).driver_connection
            await self._driver.add_listener(_CHANNEL, self._told)
        except Exception as error:
            if self._store.database.explain(error, writing=False) is None:
                raise
            await self.close()  # who claims next finds out the same, and says it
        else:
            self._heard.set()  # of what was told before, nothing was heard

    def _told(self, *_: object) -> None:
        self._heard.set()
