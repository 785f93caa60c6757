"""The ledger as Crawlee sees it: a request manager that hands out leased visits when their time has come.

Crawlee asks `is_empty` and `is_finished` all the time, so neither touches the database: `fetch_next_request` waits for
work, as its contract says, and only the task that refills the buffer looks into the ledger.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from tidemill.crawl.crawlee import ProcessedRequest, Request, RequestManager
from tidemill.models.visit import Fetched, Visit

_PACE_OF = 16
_IDLE_S = 0.25
_LATEST_WAKE_S = 1.0
_SOON = timedelta(seconds=_LATEST_WAKE_S)
_MOST_BUFFERS = 8
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_BLANK = Request.from_url("http://blank.invalid/", unique_key="blank")
_fresh_user_data: Callable[[], object] = type(_BLANK.user_data)


class Frontier(RequestManager):
    """Leased visits, handed out one by one. `refill` leases more of them, up to a number; `exhausted` says whether the
    run has nothing left to fetch; `give_back` returns visits to the ledger whose hosts turned out to be so slow that
    their turn would come later than `horizon_s` from now. All may raise: the error ends the crawl and is kept in
    `error`.
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
        give_back: Callable[[list[Visit]], Awaitable[None]] | None = None,
        horizon_s: float = 10.0,
    ) -> None:
        self._refill = refill
        self._exhausted = exhausted
        self._in_flight_limit = in_flight_limit
        self._interval_s = interval_s
        self._now = now
        self._buffer_size = buffer_size
        self._give_back = give_back
        self._horizon_s = horizon_s
        self._waiting: dict[str, deque[Visit]] = {}
        self._buffered = 0
        self._handed_out: dict[str, Visit] = {}
        self._unwritten = 0
        self._in_flight: Counter[str] = Counter()
        self._last_start: dict[str, datetime] = {}
        self._starts: dict[str, deque[datetime]] = {}
        self._waiters: set[asyncio.Future[None]] = set()
        self._refilling = asyncio.Lock()
        self._dry_until = 0.0
        self._handled = 0
        self._finished = False
        self.error: BaseException | None = None

    def visit_of(self, request: Request) -> Visit:
        """The visit that a request stands for."""
        return self._handed_out[request.unique_key]

    def fetched(self, visit: Visit) -> None:
        """A visit's request is over; its result is on its way to the ledger.

        The place goes to whoever says this: it asks for the next visit (`next_ready`), or says that it does not
        (`pause`). The tasks that wait are woken only if there is another place, or each page would wake them all.
        """
        self._in_flight[visit.origin] -= 1
        if not self._in_flight[visit.origin]:
            del self._in_flight[visit.origin]
        self._unwritten += 1
        if self._handed_out.get(visit.page_id) is visit:  # and not a later lease of the same page
            del self._handed_out[visit.page_id]
        places = self._in_flight_limit(visit.origin) - self._in_flight[visit.origin]
        if places > 1 and visit.origin in self._waiting:
            self._wake()

    def pause(self) -> None:
        """Who was handing in results asks for no more: what there is may go to another task."""
        self._wake()

    def written(self, batch: list[Fetched]) -> None:
        """Results are in the ledger: there may be new links, or nothing left."""
        self._unwritten -= len(batch)
        self._dry_until = 0.0
        self._wake()

    def pace_per_s(self, origin: str) -> float | None:
        """How many requests a second an origin got lately; `None` before there were enough of them."""
        starts = self._starts.get(origin)
        if starts is None or len(starts) < _PACE_OF:
            return None
        span_s = (starts[-1] - starts[0]).total_seconds()
        return (_PACE_OF - 1) / span_s if span_s > 0 else None

    def is_busy(self) -> bool:
        """Whether there is enough here to go on for a while without new links."""
        return self._buffered > 0

    def withdraw(self, origin: str) -> list[Visit]:
        """Take out the visits of an origin that wait here, to be given back to the ledger."""
        withdrawn = list(self._waiting.pop(origin, ()))
        self._buffered -= len(withdrawn)
        return withdrawn

    def stop(self, error: BaseException | None = None) -> None:
        """Hand out nothing more; what is in flight may end."""
        if error is not None and self.error is None:
            self.error = error
        self._finished = True
        self._wake()

    async def fetch_next_request(self) -> Request | None:
        """The next visit whose time has come. Waits for one; `None` if there will be none."""
        while not self._finished:
            visit = self.next_ready()
            if visit is not None:
                return _request(visit)
            await self._wait_for_work()
        return None

    def next_ready(self) -> Visit | None:
        """The next visit whose time has come, if there is one just now."""
        visit = None if self._finished else self._take_ready()
        if visit is not None:
            self._in_flight[visit.origin] += 1
            self._handed_out[visit.page_id] = visit
        return visit

    async def _wait_for_work(self) -> None:
        """Lease more, or wait until something changes; one task leases while the others wait."""
        loop = asyncio.get_running_loop()
        if not self._refilling.locked() and loop.time() >= self._dry_until and self._is_low():
            async with self._refilling:
                await self._lease_more()
            return
        # A future and a timer: `wait_for` would make a task for each wait, and there is one for most pages.
        waiter = loop.create_future()
        timer = loop.call_later(self._wake_in(loop.time()), _let_go, waiter)
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            timer.cancel()
            self._waiters.discard(waiter)

    async def _lease_more(self) -> None:
        try:
            late = self._take_late()
            if late and self._give_back is not None:
                await self._give_back(late)
            visits = await self._refill(self._room())
            if visits:
                self._add(visits)
                self._wake()
                return
            self._dry_until = asyncio.get_running_loop().time() + _IDLE_S
            idle = not (self._buffered or self._handed_out or self._unwritten)
            if idle and await self._exhausted():
                self.stop()
        except Exception as error:  # noqa: BLE001 - kept, and raised again by whoever runs the crawl
            self.stop(error)

    def _add(self, visits: list[Visit]) -> None:
        for visit in visits:
            queue = self._waiting.setdefault(visit.origin, deque())
            is_earlier = bool(queue) and visit.not_before < queue[-1].not_before
            queue.append(visit)
            if is_earlier:  # slots of one host hardly ever come out of order
                self._waiting[visit.origin] = deque(sorted(queue, key=lambda each: each.not_before))
        self._buffered += len(visits)

    def _take_ready(self) -> Visit | None:
        """The first waiting visit of the first origin that has its turn and room; origins take turns.

        The slots came with the lease; the origin's interval is asked again here, because its robots.txt may have been
        unknown then, and the host may have been slowed down since.
        """
        now = self._now()
        for origin, queue in self._waiting.items():
            if self._in_flight[origin] >= self._in_flight_limit(origin):
                continue
            visit = queue[0]
            if visit.not_before > now or self._turn(origin) > now:
                continue
            del self._waiting[origin]
            queue.popleft()
            if queue:
                self._waiting[origin] = queue  # behind the others
            self._buffered -= 1
            if self._buffered == self._buffer_size // 2:
                self._wake()  # somebody may lease more while the others fetch
            self._last_start[origin] = now
            self._starts.setdefault(origin, deque(maxlen=_PACE_OF)).append(now)
            return visit
        return None

    def _turn(self, origin: str) -> datetime:
        """When an origin may be asked next, by its interval as it is known now."""
        last = self._last_start.get(origin)
        interval = self._interval_s(origin)
        return _LONG_AGO if last is None or interval <= 0 else last + timedelta(seconds=interval)

    def _room(self) -> int:
        """How many visits to lease. Those that have to wait longer take no room, or slow hosts would keep others out;
        the buffer as a whole is bounded all the same.
        """
        soon = self._now() + _SOON
        ready = sum(self._due_by(soon, origin, queue) for origin, queue in self._waiting.items())
        return min(self._buffer_size - ready, _MOST_BUFFERS * self._buffer_size - self._buffered)

    def _is_low(self) -> bool:
        """Whether it is time to lease: a lease costs as much as some pages, however few visits it brings."""
        return self._room() >= max(1, self._buffer_size // 2)

    def _due_by(self, when: datetime, origin: str, queue: deque[Visit]) -> int:
        """How many visits of an origin can go out until then, if nothing holds them up."""
        first = max(queue[0].not_before, self._turn(origin))
        if first > when:
            return 0
        interval = self._interval_s(origin)
        if interval <= 0:
            return len(queue)
        return min(len(queue), 1 + int((when - max(first, self._now())).total_seconds() / interval))

    def _take_late(self) -> list[Visit]:
        """The visits that would wait twice as long as a lease looks ahead; at least one of each origin stays."""
        if self._give_back is None:
            return []
        when = self._now() + timedelta(seconds=2 * self._horizon_s)
        late: list[Visit] = []
        for origin, queue in self._waiting.items():
            stay = max(1, self._due_by(when, origin, queue))
            while len(queue) > stay:
                late.append(queue.pop())
        self._buffered -= len(late)
        return late

    def _wake_in(self, loop_time: float) -> float:
        """Seconds until the next thing that no event announces: a slot, or the time to look into the ledger again."""
        waits = [_LATEST_WAKE_S]
        now = self._now()
        for origin, queue in self._waiting.items():
            if self._in_flight[origin] < self._in_flight_limit(origin):  # otherwise `pause` announces it
                waits.append((max(queue[0].not_before, self._turn(origin)) - now).total_seconds())
        if not self._refilling.locked() and self._is_low():
            waits.append(self._dry_until - loop_time)
        return max(0.005, min(waits))

    def _wake(self) -> None:
        for waiter in self._waiters:
            _let_go(waiter)
        self._waiters.clear()

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
        return self._handled + len(self._handed_out) + self._buffered

    async def reclaim_request(self, request: Request, *, forefront: bool = False) -> ProcessedRequest | None:
        """Crawlee's own retries are off; the ledger decides what is tried again."""
        return None

    async def add_request(self, request: str | Request, *, forefront: bool = False) -> ProcessedRequest | None:
        """Not the way in: links reach the ledger with the visit that found them."""
        raise NotImplementedError("links are entered in the ledger by the recorder")

    async def drop(self) -> None:
        """The ledger stays."""


def _let_go(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _request(visit: Visit) -> Request:
    """What Crawlee is to see of a visit: a copy of a blank request, since a new one is validated at twice the cost.

    URLs are validated on their way into the ledger, and may be of schemes that Crawlee does not know (`file`).
    """
    return _BLANK.model_copy(update={"url": visit.url, "unique_key": visit.page_id, "user_data": _fresh_user_data()})
