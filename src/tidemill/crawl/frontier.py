"""The ledger as Crawlee sees it: a request manager that hands out leased visits when their time has come.

Crawlee asks `is_empty` and `is_finished` all the time, so neither touches the database: `fetch_next_request` waits for
work, as its contract says, and only the task that refills the buffer looks into the ledger.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from crawlee import Request
from crawlee.request_loaders import RequestManager
from crawlee.storage_clients.models import ProcessedRequest

from tidemill.models.visit import Fetched, Visit

_IDLE_S = 0.25
_LATEST_WAKE_S = 1.0
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Frontier(RequestManager):
    """Leased visits, handed out one by one. `refill` leases more of them, up to a number; `exhausted` says whether the
    run has nothing left to fetch. Both may raise: the error ends the crawl and is kept in `error`.
    """

    def __init__(
        self,
        *,
        refill: Callable[[int], Awaitable[list[Visit]]],
        exhausted: Callable[[], Awaitable[bool]],
        in_flight_limit: Callable[[str], int],
        interval_s: Callable[[str], float],
        now: Callable[[], datetime],
        buffer_size: int,
    ) -> None:
        self._refill = refill
        self._exhausted = exhausted
        self._in_flight_limit = in_flight_limit
        self._interval_s = interval_s
        self._now = now
        self._buffer_size = buffer_size
        self._buffer: deque[Visit] = deque()
        self._handed_out: dict[str, Visit] = {}
        self._unwritten = 0
        self._in_flight: Counter[str] = Counter()
        self._last_start: dict[str, datetime] = {}
        self._changed = asyncio.Event()
        self._refilling = asyncio.Lock()
        self._dry_until = 0.0
        self._handled = 0
        self._finished = False
        self.error: BaseException | None = None

    def visit_of(self, request: Request) -> Visit:
        """The visit that a request stands for."""
        return self._handed_out[request.unique_key]

    def fetched(self, visit: Visit) -> None:
        """A visit's request is over; its result is on its way to the ledger."""
        self._in_flight[visit.origin] -= 1
        self._unwritten += 1
        self._handed_out.pop(visit.page_id, None)
        self._wake()

    def written(self, batch: list[Fetched]) -> None:
        """Results are in the ledger: there may be new links, or nothing left."""
        self._unwritten -= len(batch)
        self._dry_until = 0.0
        self._wake()

    def stop(self, error: BaseException | None = None) -> None:
        """Hand out nothing more; what is in flight may end."""
        if error is not None and self.error is None:
            self.error = error
        self._finished = True
        self._wake()

    async def fetch_next_request(self) -> Request | None:
        """The next visit whose time has come. Waits for one; `None` if there will be none."""
        while not self._finished:
            visit = self._take_ready()
            if visit is not None:
                self._in_flight[visit.origin] += 1
                self._handed_out[visit.page_id] = visit
                return Request.from_url(visit.url, unique_key=visit.page_id)
            await self._wait_for_work()
        return None

    async def _wait_for_work(self) -> None:
        """Lease more, or wait until something changes; one task leases while the others wait."""
        loop = asyncio.get_running_loop()
        if len(self._buffer) < self._buffer_size and not self._refilling.locked() and loop.time() >= self._dry_until:
            async with self._refilling:
                await self._lease_more()
            return
        self._changed.clear()
        try:
            await asyncio.wait_for(self._changed.wait(), self._wake_in(loop.time()))
        except TimeoutError:
            return

    async def _lease_more(self) -> None:
        try:
            visits = await self._refill(self._buffer_size - len(self._buffer))
            if visits:
                self._buffer.extend(visits)
                self._wake()
                return
            self._dry_until = asyncio.get_running_loop().time() + _IDLE_S
            idle = not (self._buffer or self._handed_out or self._unwritten)
            if idle and await self._exhausted():
                self.stop()
        except Exception as error:  # noqa: BLE001 - kept, and raised again by whoever runs the crawl
            self.stop(error)

    def _take_ready(self) -> Visit | None:
        """The first buffered visit whose slot has come and whose origin has room.

        The slots came with the lease; the origin's interval is asked again here, because its robots.txt may have been
        unknown then.
        """
        if not self._buffer:
            return None
        now = self._now()
        turns = self._turns()
        for position, visit in enumerate(self._buffer):
            has_room = self._in_flight[visit.origin] < self._in_flight_limit(visit.origin)
            if has_room and max(visit.not_before, turns[visit.origin]) <= now:
                del self._buffer[position]
                self._last_start[visit.origin] = now
                return visit
        return None

    def _turns(self) -> dict[str, datetime]:
        """When each origin of the buffer may be asked next, by its interval as it is known now."""
        turns = {visit.origin: _LONG_AGO for visit in self._buffer}
        for origin in turns.keys() & self._last_start.keys():
            turns[origin] = self._last_start[origin] + timedelta(seconds=self._interval_s(origin))
        return turns

    def _wake_in(self, loop_time: float) -> float:
        """Seconds until the next thing that no event announces: a slot, or the time to look into the ledger again."""
        waits = [_LATEST_WAKE_S]
        if self._buffer:
            now = self._now()
            turns = self._turns()
            starts = (max(visit.not_before, turns[visit.origin]) for visit in self._buffer)
            waits.append((min(starts) - now).total_seconds())
        if len(self._buffer) < self._buffer_size:
            waits.append(self._dry_until - loop_time)
        return max(0.005, min(waits))

    def _wake(self) -> None:
        self._changed.set()

    async def is_empty(self) -> bool:
        """Never, until the run is over: tasks wait in `fetch_next_request`."""
        return self._finished

    async def is_finished(self) -> bool:
        """Whether the run has nothing left to fetch, or was told to stop."""
        return self._finished

    async def mark_request_as_handled(self, request: Request) -> ProcessedRequest | None:
        """The ledger has its own account of what was done."""
        self._handled += 1
        return None

    async def get_handled_count(self) -> int:
        """How many requests this process has handled."""
        return self._handled

    async def get_total_count(self) -> int:
        """Requests handled, in flight and buffered here."""
        return self._handled + len(self._handed_out) + len(self._buffer)

    async def reclaim_request(self, request: Request, *, forefront: bool = False) -> ProcessedRequest | None:
        """Crawlee's own retries are off; the ledger decides what is tried again."""
        return None

    async def add_request(self, request: str | Request, *, forefront: bool = False) -> ProcessedRequest | None:
        """Not the way in: links reach the ledger with the visit that found them."""
        raise NotImplementedError("links are entered in the ledger by the recorder")

    async def drop(self) -> None:
        """The ledger stays."""
