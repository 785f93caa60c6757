"""The default queue: the database itself. A commit announces, a claim is a transaction, storing acknowledges."""

from __future__ import annotations

from collections.abc import Sequence

from tidemill.queue.base import Backlog, Claim
from tidemill.store import captures
from tidemill.store.engine import Store


class DatabaseQueue:
    """Implements `queue.base.Queue` over the `captures` table."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def announce(self, capture_ids: Sequence[str]) -> None:
        """Nothing to do: the rows are the queue."""

    async def claim(self, worker_id: str, limit: int) -> Claim:
        """See `Queue.claim`."""
        token, claimed = await captures.claim(self._store, worker_id, limit)
        return Claim(token=token, captures=tuple(claimed))

    async def acknowledge(self, claim: Claim) -> None:
        """Nothing to do: the transaction that stored the results has moved the rows."""

    async def release(self, claim: Claim) -> None:
        """See `Queue.release`."""
        await captures.release(self._store, claim.token, [capture.id for capture in claim.captures])

    async def backlog(self) -> Backlog:
        """See `Queue.backlog`."""
        count, oldest = await captures.backlog(self._store)
        return Backlog(captures=count, oldest_fetched_at=oldest)
