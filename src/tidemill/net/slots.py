"""How many requests may be in flight.

A host name comes in; a slot is held while its request runs. Called by the client: waiting here is outside of every
deadline, while a wait inside aiohttp's connector would count as time to connect.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from weakref import WeakValueDictionary


class Slots:
    """At most `concurrency` requests at once, and `per_host` to one host; 0 is without limit."""

    def __init__(self, concurrency: int, per_host: int) -> None:
        self._all = asyncio.Semaphore(concurrency or 2**31)
        self._per_host = per_host
        # A host's semaphore lives as long as somebody holds it or waits for it.
        self._hosts: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    def of(self, host: str) -> asyncio.Semaphore | _Both:
        """Give what holds a slot for `host` as an asynchronous context manager."""
        if not self._per_host:
            return self._all
        own = self._hosts.get(host)
        if own is None:
            own = self._hosts[host] = asyncio.Semaphore(self._per_host)
        return _Both(own, self._all)


class _Both:
    """A host's slot and a common one; the host's comes first, so that nobody waits for it with a common one in hand."""

    def __init__(self, own: asyncio.Semaphore, common: asyncio.Semaphore) -> None:
        self._own = own
        self._common = common

    async def __aenter__(self) -> None:
        await self._own.acquire()
        try:
            await self._common.acquire()
        except BaseException:
            self._own.release()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._common.release()
        self._own.release()
