"""Crawling one run, from the first lease to nothing left: the stage as a whole.

In: a run that is `running`, and the worker in whose name it leases. Out: the state in which it leaves the run. Several
crawlers may work on one run; the ledger keeps them apart.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

from crawlee.crawlers import BasicCrawlingContext

from tidemill.archive.base import Archive
from tidemill.crawl.engine import basic_crawler
from tidemill.crawl.fetcher import Catch, Fetcher
from tidemill.crawl.frontier import Frontier
from tidemill.crawl.politeness import Politeness, politeness
from tidemill.crawl.recorder import Recorder
from tidemill.crawl.robots import Robots
from tidemill.crawl.scope import Scope
from tidemill.models.outcome import Outcome
from tidemill.models.run import Run, RunState
from tidemill.models.source import Source
from tidemill.models.visit import Fetched, Visit
from tidemill.net import Client
from tidemill.settings import CrawlSettings, NetSettings
from tidemill.store import leases, runs
from tidemill.store.engine import Store
from tidemill.telemetry.logs import get_logger
from tidemill.telemetry.metrics import Metrics

_HORIZON_S = 10.0
_REQUESTS_A_VISIT = 3
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Tools:
    """What a crawl works with. `captured` is called when new captures wait to be processed.

    `own_signals` takes the process's signal handlers back: Crawlee puts its own in their place when it starts, and
    takes them away when it ends.
    """

    store: Store
    archive: Archive
    client: Client
    settings: CrawlSettings
    net: NetSettings
    metrics: Metrics
    captured: Callable[[], None]
    own_signals: Callable[[], None] = lambda: None


async def crawl(
    tools: Tools, run: Run, source: Source, worker_id: str, stop: asyncio.Event, *, relink: bool = False
) -> RunState:
    """Fetch what the run has to fetch, until nothing is left or `stop` is set; what is in flight then still ends.

    `relink` asks for pages whole, since their links mean something else than when they were fetched last.
    Returns `crawled` or `completed` if nothing is left to fetch, else `running`. Raises what made going on impossible
    (`Permanent` with the reason `disk_full`, for one); everything written before is safe.
    """
    return await _Crawl(tools, run, source, worker_id, relink).run(stop)


class _Crawl:
    """The parts of one crawl and how they are joined."""

    def __init__(self, tools: Tools, run: Run, source: Source, worker_id: str, relink: bool) -> None:
        settings = tools.settings
        options, spec = run.options, source.spec
        self._tools = tools
        self._run = run
        self._worker_id = worker_id
        self._max_pages = options.max_pages or spec.max_pages or settings.max_pages
        depths = (options.max_depth, spec.max_depth, settings.max_depth)
        allow_private = True if options.allow_private else None
        robots = Robots(tools.store, tools.client, settings, allow_private=allow_private)
        self._politeness: Politeness = politeness(settings, robots, spec, options)
        self._fetcher = Fetcher(
            client=tools.client,
            robots=robots,
            scope=Scope(
                spec,
                max_depth=next((depth for depth in depths if depth is not None), None),
                today=tools.store.now().date(),
            ),
            store=tools.store,
            settings=settings,
            net=tools.net,
            sitemaps=spec.sitemaps,
            allow_private=allow_private,
            rng=random.Random(),  # noqa: S311 - jitter
            relink=relink,
        )
        self._frontier = Frontier(
            refill=self._lease,
            exhausted=self._exhausted,
            in_flight_limit=self._politeness.in_flight,
            interval_s=self._politeness.interval_s,
            now=tools.store.now,
            buffer_size=settings.batch_size,
        )
        self._recorder = Recorder(
            tools.store,
            tools.archive,
            entry=runs.entry_of(run.id, source, options),
            batch_size=settings.batch_size,
            written=self._written,
            lost=self._fetcher.forget_seen,
            metrics=tools.metrics,
        )
        self._patience_s = _REQUESTS_A_VISIT * (tools.net.total_timeout_s + tools.net.connect_timeout_s)
        self._state = RunState.RUNNING

    async def run(self, stop: asyncio.Event) -> RunState:
        await leases.release(self._tools.store, self._run.id, self._worker_id)  # what an earlier attempt left leased
        crawler = basic_crawler(self._frontier, self._handle, concurrency=self._politeness.concurrency)
        writing = asyncio.create_task(self._write(), name="recorder")
        stopping = asyncio.create_task(self._stop_on(stop), name="crawl stop")
        try:
            await crawler.run(purge_request_queue=False)
            _raise_if_cancelled()
        finally:
            self._tools.own_signals()
            stopping.cancel()
            await self._recorder.close()
            await asyncio.gather(writing, stopping, return_exceptions=True)
        error = self._recorder.error or self._frontier.error
        if error is not None:
            raise error
        await leases.release(self._tools.store, self._run.id, self._worker_id)
        if self._state is RunState.RUNNING:
            await self._exhausted()
        return self._state

    async def _write(self) -> None:
        try:
            await self._recorder.run()
        except BaseException as error:
            self._frontier.stop(error)
            raise

    async def _stop_on(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._frontier.stop()

    async def _handle(self, context: BasicCrawlingContext) -> None:
        visit = self._frontier.visit_of(context.request)
        try:
            async with asyncio.timeout(self._patience_s):
                catch = await self._fetcher.fetch(visit)
        except TimeoutError:
            catch = Catch(Fetched(visit, Outcome.FAILED, "timeout"))
        except Exception:  # noqa: BLE001 - logged, and accounted for as the page's outcome
            _log.exception("a visit failed in a way nobody foresaw", url=visit.url)
            catch = Catch(Fetched(visit, Outcome.FAILED, "internal_error"))
        finally:
            self._frontier.fetched(visit)
        await self._recorder.put(catch)

    async def _lease(self, limit: int) -> list[Visit]:
        self._tools.own_signals()
        return await leases.lease(
            self._tools.store,
            self._run.id,
            self._worker_id,
            limit=limit,
            max_pages=self._max_pages,
            horizon_s=min(_HORIZON_S, self._tools.settings.lease_s / 4),
            interval_s=self._politeness.interval_s,
        )

    async def _exhausted(self) -> bool:
        self._state = await runs.finish(self._tools.store, self._run.id, self._max_pages)
        return self._state is not RunState.RUNNING

    def _written(self, batch: list[Fetched]) -> None:
        self._frontier.written(batch)
        if any(fetched.capture is not None and fetched.outcome is None for fetched in batch):
            self._tools.captured()


def _raise_if_cancelled() -> None:
    """Crawlee's `run` returns normally when it is cancelled; the cancellation must go on."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
