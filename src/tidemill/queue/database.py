"""The default queue: the database itself. A commit announces, a claim is a transaction, storing acknowledges."""

from __future__ import annotations

from collections.abc import Sequence

from tidemill.models.priority import Turns
from tidemill.queue.base import Backlog, Claim, Waiting
from tidemill.store import captures as rows
from tidemill.store.engine import Store
from tidemill.store.notices import Notices


class DatabaseQueue:
    """Implements `queue.base.Queue` over the `captures` table."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._turns = Turns()
        self._notices = Notices(store)

    async def announce(self, capture_ids: Sequence[str]) -> None:
        """The rows are the queue; who waits for them on another machine is told that there are new ones."""
        if capture_ids:
            await self._notices.tell()

    async def claim(self, worker_id: str, limit: int) -> Claim:
        """See `Queue.claim`."""
        token, claimed = await rows.claim(self._store, worker_id, limit, self._turns)
        return Claim(token=token, captures=tuple(claimed))

    async def wait(self, timeout_s: float) -> None:
        """See `Queue.wait`. Of what other processes put into a file, nobody tells: there time alone passes."""
        await self._notices.hear(timeout_s)

    async def acknowledge(self, claim: Claim) -> None:
        """Nothing to do: the transaction that stored the results has moved the rows."""

    async def release(self, claim: Claim) -> None:
        """See `Queue.release`."""
        await rows.release(self._store, claim.token, [capture.id for capture in claim.captures])

    async def sweep(self) -> int:
        """Nothing to do: what waits is in the queue."""
        return 0

    async def backlog(self) -> Backlog:
        """See `Queue.backlog`."""
        return await backlog_of(self._store)

    async def check(self) -> None:
        """The database has a check of its own."""

    async def close(self) -> None:
        """Stop listening. The store is closed by who opened it."""
        await self._notices.close()


async def backlog_of(store: Store) -> Backlog:
    """How far the processors are behind, as the rows tell: the same for every queue."""
    found = {priority: Waiting(number, oldest) for priority, (number, oldest) in (await rows.backlog(store)).items()}
    return Backlog(
        captures=sum(each.captures for each in found.values()),
        oldest_fetched_at=min((each.oldest_fetched_at for each in found.values()), default=None),
        by_priority=found,
    )
