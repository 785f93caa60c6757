"""A queue whose work is counted: captures announced, claimed, acknowledged, given back, announced again, and failures.

In: any `Queue` and the metrics of the process. Out: the same queue. Wrapped around it by `open`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tidemill.errors import TidemillError
from tidemill.queue.base import Backlog, Claim, Queue
from tidemill.telemetry.metrics import Metrics


class MeteredQueue:
    """Implements `queue.base.Queue` around another one."""

    def __init__(self, queue: Queue, metrics: Metrics) -> None:
        self._queue = queue
        self._metrics = metrics

    async def announce(self, capture_ids: Sequence[str]) -> None:
        """See `Queue.announce`."""
        async with self._watched("announce"):
            await self._queue.announce(capture_ids)
        self._metrics.count_queue("announced", len(capture_ids))

    async def claim(self, worker_id: str, limit: int) -> Claim:
        """See `Queue.claim`."""
        async with self._watched("claim"):
            claim = await self._queue.claim(worker_id, limit)
        for priority, number in Counter(capture.priority for capture in claim.captures).items():
            self._metrics.count_claimed(priority, number)
        return claim

    async def wait(self, timeout_s: float) -> None:
        """See `Queue.wait`."""
        async with self._watched("wait"):
            await self._queue.wait(timeout_s)

    async def acknowledge(self, claim: Claim) -> None:
        """See `Queue.acknowledge`."""
        async with self._watched("acknowledge"):
            await self._queue.acknowledge(claim)
        self._metrics.count_queue("acknowledged", len(claim.captures))

    async def release(self, claim: Claim) -> None:
        """See `Queue.release`."""
        async with self._watched("release"):
            await self._queue.release(claim)
        self._metrics.count_queue("released", len(claim.captures))

    async def sweep(self) -> int:
        """See `Queue.sweep`."""
        async with self._watched("sweep"):
            swept = await self._queue.sweep()
        self._metrics.count_queue("announced_again", swept)
        return swept

    async def backlog(self) -> Backlog:
        """See `Queue.backlog`."""
        return await self._queue.backlog()

    async def check(self) -> None:
        """See `Queue.check`."""
        async with self._watched("check"):
            await self._queue.check()

    async def close(self) -> None:
        """See `Queue.close`."""
        await self._queue.close()

    @asynccontextmanager
    async def _watched(self, operation: str) -> AsyncIterator[None]:
        try:
            yield
        except TidemillError as error:
            self._metrics.count_queue_error(operation, error.reason)
            raise
