"""The queue over a broker: messages name captures, the rows decide. See `docs/howto/queues.md`.

In: what a `Dispatcher` carries. Out: claims under a token of the rows. A message whose row is not ours to take is
acknowledged and forgotten; so a duplicate does nothing, and what a broker loses comes back by `sweep`.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from tidemill.errors import Transient
from tidemill.models.ids import new_id
from tidemill.queue.base import Backlog, Claim
from tidemill.queue.database import backlog_of
from tidemill.queue.dispatcher import Dispatcher, Message
from tidemill.store import announcing
from tidemill.store import captures as rows
from tidemill.store.engine import Store
from tidemill.telemetry.logs import get_logger
from tidemill.telemetry.steps import reached

_AT_ONCE = 1000
_GRACE_S = 0.5
_PATIENCE_S = 3.0
_MOST_EMPTY = 20
_FULL = "queue_full"
_log = get_logger(__name__)


class DispatchedQueue:
    """Implements `queue.base.Queue` over a broker and the `captures` table.

    `grace_s`: how long the sweeper leaves a new capture to whoever made it. `patience_s`: how long an announced one
    may wait before the sweeper asks whether the broker has lost something. `failed` is told the reason when the broker
    does not do something.
    """

    def __init__(
        self,
        store: Store,
        dispatcher: Dispatcher,
        *,
        grace_s: float = _GRACE_S,
        patience_s: float = _PATIENCE_S,
        failed: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._grace_s = grace_s
        self._patience_s = patience_s
        self._failed = failed
        self._held: dict[str, list[Message]] = {}
        self._alone: deque[Message] = deque()
        self._is_down = False
        self._is_full = False
        self._full_until = 0.0
        self._looked_at = 0.0

    async def announce(self, capture_ids: Sequence[str]) -> None:
        """See `Queue.announce`. While the broker is known to be gone it is left to the sweeper, which waits for it."""
        if capture_ids and not self._is_down and not self._rests():
            await self._publish(await announcing.chosen(self._store, capture_ids))

    async def claim(self, worker_id: str, limit: int) -> Claim:
        """See `Queue.claim`."""
        for _ in range(_MOST_EMPTY):  # a broker may hold many messages of rows that are long done
            messages = await self._next(limit)
            if not messages:
                break
            reached("queue.taken")
            try:
                token, claimed, later = await rows.claim_ids(self._store, worker_id, [m.capture_id for m in messages])
            except BaseException:
                self._alone.extend(messages)
                raise
            ours = {capture.id for capture in claimed}
            held = [message for message in messages if message.capture_id in ours]
            kept = [message for message in messages if message.capture_id in later]
            self._alone.extend(kept)
            await self._forget([message for message in messages if message.capture_id not in ours | later])
            if claimed:
                self._held[token] = held
                return Claim(token=token, captures=tuple(claimed))
        return Claim(token=new_id(), captures=())

    async def wait(self, timeout_s: float) -> None:
        """See `Queue.wait`. While the broker is gone, time alone passes."""
        begun = time.monotonic()
        if not self._alone and not await self._reached(self._dispatcher.wait(timeout_s)):
            await asyncio.sleep(max(0.0, timeout_s - (time.monotonic() - begun)))

    async def acknowledge(self, claim: Claim) -> None:
        """See `Queue.acknowledge`."""
        await self._forget(self._held.pop(claim.token, []))

    async def release(self, claim: Claim) -> None:
        """Give back the rows, and tell of them anew. Rows that cannot be reached come back with their worker, and are
        announced then; their messages are let go of all the same, for a broker sends only so many ahead."""
        try:
            freed = await rows.release(self._store, claim.token, [capture.id for capture in claim.captures])
            await self.announce(freed)
        finally:
            await self._forget(self._held.pop(claim.token, []))

    async def sweep(self) -> int:
        """See `Queue.sweep`. At most a thousand captures in one go."""
        if not await self._reached(self._tend()) or self._rests():
            return 0
        found: announcing.Announced = []
        if await announcing.is_any_silent(self._store, self._grace_s):
            found = await announcing.unannounced(self._store, _AT_ONCE, self._grace_s)
        elif self._store.now().timestamp() - self._looked_at >= self._patience_s:
            found = await self._overdue()
        return len(found) if await self._publish(found) else 0

    async def backlog(self) -> Backlog:
        """See `Queue.backlog`."""
        return await backlog_of(self._store)

    async def check(self) -> None:
        """See `Queue.check`."""
        await self._dispatcher.check()

    async def close(self) -> None:
        """See `Queue.close`."""
        await self._dispatcher.close()

    async def _next(self, limit: int) -> list[Message]:
        """What was put aside to be claimed alone, one by one; else the broker's next messages."""
        if self._alone:
            return [self._alone.popleft()]
        taken: list[Message] = []

        async def taking() -> None:
            taken.extend(await self._dispatcher.take(limit))

        await self._reached(taking())
        return taken

    async def _overdue(self) -> announcing.Announced:
        """What the broker has lost: more captures wait than it holds messages."""
        self._looked_at = self._store.now().timestamp()
        found: announcing.Announced = []

        async def looking() -> None:
            depth = await self._dispatcher.depth()
            found.extend(await announcing.overdue(self._store, depth, _AT_ONCE, self._patience_s))

        await self._reached(looking())
        if found:
            _log.info("the broker may have lost captures; they are announced again", action="queue.sweep", n=len(found))
        return found

    async def _tend(self) -> None:
        """Forget what nobody acknowledged. The row knows more: if it still waits it is announced again, and if its
        attempts are used up it becomes a dead letter when it is claimed."""
        abandoned = await self._dispatcher.abandoned()
        if abandoned:
            await announcing.unmark(self._store, [message.capture_id for message in abandoned])
            await self._dispatcher.acknowledge(abandoned)
            _log.warning("messages were abandoned", action="queue.abandoned", n=len(abandoned))

    async def _publish(self, marked: announcing.Announced) -> bool:
        """Whether the broker has these now. Who dies in between leaves marked rows that the broker never had; `sweep`
        finds them by their number."""
        if not marked:
            return True
        reached("queue.marked")
        is_published = False
        try:
            is_published = await self._reached(self._dispatcher.publish(marked))
        finally:
            if not is_published:
                await announcing.unmark(self._store, [capture_id for capture_id, _ in marked])
        if is_published and self._is_full:
            self._is_full = False
            _log.warning("the broker has room again", action="queue.room")
        return is_published

    async def _forget(self, messages: Sequence[Message]) -> None:
        """A message that cannot be acknowledged comes again, finds its row done, and is forgotten then."""
        if messages:
            await self._reached(self._dispatcher.acknowledge(messages))

    async def _reached(self, work: Awaitable[None]) -> bool:
        """Whether the broker did it. That it is gone, and that it is back, is said once."""
        try:
            await work
        except Transient as error:
            self._failed(error.reason)
            if error.reason == _FULL:
                self._fill(error)
                return False
            if not self._is_down:
                _log.warning("the broker is gone", action="queue.down", reason=error.reason, error=str(error))
            self._is_down = True
            return False
        if self._is_down:
            _log.warning("the broker is back", action="queue.up")
        self._is_down = False
        return True

    def _rests(self) -> bool:
        """Whether the broker was full a moment ago. It is there, and what it holds is still taken and acknowledged."""
        return self._is_full and time.monotonic() < self._full_until

    def _fill(self, error: Transient) -> None:
        if not self._is_full:
            _log.warning("the broker is full", action="queue.full", reason=error.reason, error=str(error))
        self._is_full = True
        self._full_until = time.monotonic() + (error.retry_after_s or _GRACE_S)
