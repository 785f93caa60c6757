"""The process stage as a long-running loop: claim captures, read their bytes, compute in the pool, store, acknowledge.

Two lanes take turns, so that the pool computes one batch while another is being stored. Whatever is wrong with one
capture costs only that capture: it is tried again alone, then becomes a dead letter. What became of one is found out in
`compute`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass

from tidemill.archive.base import Archive
from tidemill.errors import NotFound, Transient
from tidemill.models.capture import Capture
from tidemill.models.document import Processed
from tidemill.models.failure import Failure
from tidemill.models.source import ProcessRules
from tidemill.process.compute import Computer, gathered, is_lost
from tidemill.process.llm.open import open_model
from tidemill.process.pool import WorkerPool
from tidemill.queue.base import Claim, Queue
from tidemill.settings import ProcessSettings
from tidemill.store import named, sources
from tidemill.store.engine import Store
from tidemill.store.processed import store_batch
from tidemill.telemetry.logs import get_logger
from tidemill.telemetry.metrics import Metrics
from tidemill.telemetry.steps import reached

_LANES = 2
_POLL_S = 0.5
_LAST_POLL_S = 0.1
_OUTAGE_S = 5.0
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Bench:
    """What a processor works with. `stored` is called after each commit."""

    store: Store
    archive: Archive
    queue: Queue
    settings: ProcessSettings
    metrics: Metrics
    stored: Callable[[], None]


class Processor:
    """Works off captures in the name of one worker."""

    def __init__(self, bench: Bench, pool: WorkerPool, worker_id: str) -> None:
        self._bench = bench
        self._pool = pool
        self._computer = Computer(bench.archive, pool)
        self._worker_id = worker_id
        self._news = asyncio.Event()
        self._claiming = asyncio.Lock()

    def notify(self) -> None:
        """There may be new captures."""
        self._news.set()

    async def run(self, stop: asyncio.Event, *, until_idle: bool = False) -> None:
        """Process until `stop` is set, or with `until_idle` until nothing waits any more. Finishes what it has begun.

        Raises what makes going on impossible (a full disk); claimed captures are given back then.
        """
        async with open_model(self._bench.settings.llm, self._bench.store) as model:
            self._computer = Computer(self._bench.archive, self._pool, model)
            await self._run_lanes(stop, until_idle)

    async def _run_lanes(self, stop: asyncio.Event, until_idle: bool) -> None:
        lanes = [asyncio.create_task(self._lane(stop, until_idle), name=f"processor lane {n}") for n in range(_LANES)]
        try:
            await asyncio.gather(*lanes)
        finally:
            for lane in lanes:
                lane.cancel()
            await asyncio.gather(*lanes, return_exceptions=True)

    async def _lane(self, stop: asyncio.Event, until_idle: bool) -> None:
        while not stop.is_set():
            async with self._claiming:
                claim = await self._bench.queue.claim(self._worker_id, self._bench.settings.batch_size)
                if not claim.captures:
                    if until_idle and (await self._bench.queue.backlog()).captures == 0:
                        return
                    await self._wait(stop, _LAST_POLL_S if until_idle else _POLL_S)
                    continue
            try:
                await self._work(claim)
                if until_idle:
                    self.notify()  # this may have been the last that waited: whoever waits for that looks again
            except Transient as error:
                if until_idle or error.reason != "archive_unavailable":
                    raise
                _log.warning("processing waits", action="process.waits", reason=error.reason, error=str(error))
                await self._pause(stop)

    async def _pause(self, stop: asyncio.Event) -> None:
        """What a capture needs cannot be reached; the claim was given back, and costs nobody an attempt."""
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _OUTAGE_S)

    async def _wait(self, stop: asyncio.Event, poll_s: float) -> None:
        """Until there is news, or it is time to look again (captures put back with a delay announce nothing)."""
        queue = self._bench.queue
        waits = [asyncio.create_task(each) for each in (self._news.wait(), stop.wait(), queue.wait(poll_s))]
        await asyncio.wait(waits, timeout=poll_s, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        self._news.clear()

    async def _work(self, claim: Claim) -> None:
        bench = self._bench
        reached("process.claimed")
        try:
            rules = await self._rules({capture.source_id for capture in claim.captures})
            standing = [capture for capture in claim.captures if capture.source_id in rules]
            results = await gathered(self._one(capture, rules[capture.source_id]) for capture in standing)
            reached("process.computed")
            started = time.perf_counter()
            batch = list(zip(standing, results, strict=True))
            counted = await store_batch(bench.store, claim.token, batch, max_attempts=bench.settings.max_attempts)
            reached("process.committed")
            await named.fetch_whole(bench.store, [c.body_hash for c, result in batch if is_lost(result)])
            await bench.queue.acknowledge(claim)
            reached("process.acknowledged")
        except BaseException:
            await bench.queue.release(claim)
            raise
        bench.metrics.observe_batch("process", time.perf_counter() - started)
        for outcome, number in counted.items():
            bench.metrics.count_visit(outcome, number)
        bench.stored()

    async def _rules(self, source_ids: Collection[str]) -> dict[str, ProcessRules]:
        """By what rules to process; a source that was purged meanwhile has taken its captures with it."""
        found = {}
        for source_id in source_ids:
            with suppress(NotFound):
                found[source_id] = (await sources.by_id(self._bench.store, source_id)).spec.process
        return found

    async def _one(self, capture: Capture, rules: ProcessRules) -> Processed | Failure:
        started = time.perf_counter()
        if capture.attempts >= self._bench.settings.max_attempts:
            result: Processed | Failure = _survived_by_none(capture)
        else:
            result = await self._computer.compute(capture, rules)
        if isinstance(result, Failure):
            _log.warning(
                "capture failed",
                action="process.failed",
                capture_id=capture.id,
                url=capture.url,
                attempt=capture.attempts + 1,
                reason=result.reason,
                error=result.message,
            )
        done = "failed" if isinstance(result, Failure) else "done"
        self._bench.metrics.observe_capture(done, time.perf_counter() - started, capture.priority)
        return result


def _survived_by_none(capture: Capture) -> Failure:
    """Attempts that were used up without a failure being reported ended the whole processor each time."""
    message = f"the processor that held it ended {capture.attempts} times before it could say what had happened"
    return Failure(reason="processor_died", error_type="ProcessorDied", message=message)
