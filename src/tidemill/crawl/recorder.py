"""The writing end of a crawl: results are gathered, archived and entered in the ledger, a batch at a time.

Bytes first: the bodies of a batch are durable in the archive before the transaction that tells of them begins.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

from tidemill.archive.base import Archive
from tidemill.crawl.reader import Catch
from tidemill.errors import Transient
from tidemill.models.host import HostPolicy
from tidemill.models.outcome import Outcome
from tidemill.models.visit import Fetched
from tidemill.store import ledger
from tidemill.store.admission import Entry
from tidemill.store.engine import Store
from tidemill.store.hosts import Settled
from tidemill.telemetry.logs import get_logger
from tidemill.telemetry.metrics import Metrics
from tidemill.telemetry.steps import reached

_LINGER_S = 0.02
_PATIENCE_S = 0.5
_MOST_BYTES = 16 * 1024 * 1024
_OUTAGE_S = 5.0
_log = get_logger(__name__)


class Recorder:
    """Takes what visits brought home and writes it. `written` is called after each batch with its results; `announce`
    is awaited with its captures that wait to be processed.

    `is_busy` says whether the crawl has enough to fetch for now. `settled` is awaited with how the hosts of a batch
    stand now, if one is not as usual. `lost` is called if a lease was taken back before its result could be written:
    the links of that visit were not entered.
    """

    def __init__(
        self,
        store: Store,
        archive: Archive,
        *,
        entry: Entry,
        batch_size: int,
        policy: HostPolicy,
        written: Callable[[list[Fetched]], None],
        announce: Callable[[Sequence[str]], Awaitable[None]],
        settled: Callable[[Settled], Awaitable[None]],
        is_busy: Callable[[], bool],
        lost: Callable[[], None],
        metrics: Metrics,
    ) -> None:
        self._store = store
        self._archive = archive
        self._entry = entry
        self._batch_size = batch_size
        self._policy = policy
        self._written = written
        self._announce = announce
        self._settled = settled
        self._is_busy = is_busy
        self._lost = lost
        self._metrics = metrics
        self._queue: asyncio.Queue[Catch | None] = asyncio.Queue(maxsize=batch_size)
        self._closing = asyncio.Event()
        self.error: BaseException | None = None

    async def put(self, catch: Catch) -> None:
        """Hand over one result; waits while the disk is behind. Raises what stopped the writing, if it has stopped."""
        if self.error is None:
            await self._queue.put(catch)
        if self.error is not None:
            self._discard()
            raise self.error

    async def run(self) -> None:
        """Write until `close` is called and everything handed over is written."""
        try:
            while (batch := await self._gather()) is not None:
                await self._write(batch)
        except BaseException as error:
            self.error = error
            self._discard()
            raise

    async def close(self) -> None:
        """No more results will come."""
        self._closing.set()
        if self.error is None:
            await self._queue.put(None)

    def _discard(self) -> None:
        """Nobody may wait for room in a queue that nobody empties: each who gets some makes some for the next."""
        while not self._queue.empty():
            self._queue.get_nowait()

    async def _gather(self) -> list[Catch] | None:
        """The next batch: a full one if the crawl has enough to do meanwhile, else what comes within a moment.

        A transaction costs as much as ten pages, whatever it holds; but a crawl that waits for links must get them.
        """
        first = await self._queue.get()
        if first is None:
            return None
        batch = [first]
        size_bytes = first.size_bytes
        loop = asyncio.get_running_loop()
        begun = loop.time()
        while len(batch) < self._batch_size and size_bytes < _MOST_BYTES:
            if self._queue.empty():
                waited_s = loop.time() - begun
                if waited_s >= (_PATIENCE_S if self._is_busy() else _LINGER_S):
                    break
                await asyncio.sleep(_LINGER_S / 2)
                continue
            catch = self._queue.get_nowait()
            if catch is None:
                self._queue.put_nowait(None)
                break
            batch.append(catch)
            size_bytes += catch.size_bytes
        return batch

    async def _write(self, batch: list[Catch]) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        bodies = {
            catch.fetched.capture.body_hash: catch.body
            for catch in batch
            if catch.fetched.capture is not None and catch.body is not None
            if catch.fetched.outcome is not Outcome.UNCHANGED
        }
        for catch in batch:
            bodies.update(catch.aside)
        if bodies:
            await self._archived(bodies)
            reached("crawl.archived")
            self._metrics.observe_archived(len(bodies), loop.time() - started)
        fetched = [catch.fetched for catch in batch]
        recorded = await ledger.record(self._store, self._entry, fetched, self._policy)
        reached("crawl.recorded")
        if recorded.written < len(fetched):
            self._lost()
        if recorded.hosts.states:
            await self._settled(recorded.hosts)
        self._metrics.observe_batch("crawl", loop.time() - started)
        self._metrics.observe_fetches(each for each in fetched if each.requests)
        self._count(recorded.hosts.batch)
        waiting = [each.capture.id for each in fetched if each.capture is not None and each.outcome is None]
        if waiting:
            await self._announce(waiting)
            reached("crawl.announced")
        self._written(fetched)

    async def _archived(self, bodies: Mapping[str, bytes]) -> None:
        """Make bodies durable; while the archive cannot be reached, wait, and with that the whole crawl does.

        Its leases stay alive meanwhile. Who is asked to stop does not wait: what is not written stays leased, and the
        next crawl of the run fetches it again.
        """
        while True:
            try:
                await self._archive.put(bodies)
            except Transient as error:
                if self._closing.is_set():
                    raise
                _log.warning("the crawl waits for the archive", action="crawl.archive_waits", error=str(error))
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._closing.wait(), _OUTAGE_S)
            else:
                return

    def _count(self, written: Sequence[Fetched]) -> None:
        outcomes = Counter(each.outcome.value for each in written if each.outcome is not None)
        for outcome, number in outcomes.items():
            self._metrics.count_visit(outcome, number)
        for each in written:
            if each.outcome is None and each.retry_at is not None:
                self._metrics.count_retry(each.reason or "transient")
