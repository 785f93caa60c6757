"""Crawling one run, from the first lease to nothing left: the stage as a whole.

In: a run that is `running`, and the worker in whose name it leases. Out: the state in which it leaves the run. Several
crawlers may work on one run; the ledger keeps them apart.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from pydantic import SecretStr

from tidemill.archive.base import Archive
from tidemill.crawl.browser.options import find_browser
from tidemill.crawl.crawlee import BasicCrawlingContext
from tidemill.crawl.discovery import Discovery
from tidemill.crawl.engine import basic_crawler
from tidemill.crawl.fetcher import Fetcher, Ways
from tidemill.crawl.frontier import Frontier
from tidemill.crawl.local.folder import Folder
from tidemill.crawl.politeness import Politeness, politeness
from tidemill.crawl.reader import Catch, Reader
from tidemill.crawl.recorder import Recorder
from tidemill.crawl.rendering import Rendering
from tidemill.crawl.requesting import client_of_run, profile_of, user_agent
from tidemill.crawl.robots import Robots
from tidemill.crawl.scope import Scope
from tidemill.errors import OwnTrouble, TidemillError
from tidemill.models.outcome import Outcome
from tidemill.models.run import Run, RunState
from tidemill.models.source import Source, SourceSpec
from tidemill.models.visit import Fetched, Visit
from tidemill.net import Client
from tidemill.net.profile import Profile
from tidemill.settings import BrowserSettings, CrawlSettings, NetSettings
from tidemill.store import leases, runs
from tidemill.store.engine import Store
from tidemill.store.hosts import Settled
from tidemill.telemetry.logs import get_logger
from tidemill.telemetry.metrics import Metrics
from tidemill.telemetry.steps import reached

_HORIZON_S = 10.0
_REQUESTS_A_VISIT = 3
_VISITS_A_TURN = 32
_MOST_CONNECTIONS = 1000
_BROWSER_STARTS_S = 60.0
_log = get_logger(__name__)


async def nobody(_: Sequence[str]) -> None:
    """Nobody is told of captures."""


async def never() -> bool:
    """Nothing holds a crawl back."""
    return False


@dataclass(frozen=True, slots=True)
class Tools:
    """What a crawl works with. `captured` is called when new captures wait to be processed, `announce` is awaited with
    what they are. While `held_back` says so no more pages are leased: the processors are too far behind.

    `media_types` are those that give documents. `own_signals` takes the process's signal handlers back: Crawlee puts
    its own in their place when it starts, and takes them away when it ends.
    """

    store: Store
    archive: Archive
    client: Client
    settings: CrawlSettings
    net: NetSettings
    browser: BrowserSettings
    metrics: Metrics
    media_types: frozenset[str]
    captured: Callable[[], None]
    own_signals: Callable[[], None] = lambda: None
    announce: Callable[[Sequence[str]], Awaitable[None]] = nobody
    held_back: Callable[[], Awaitable[bool]] = never
    secrets: Mapping[str, SecretStr] = field(default_factory=dict)


async def crawl(
    tools: Tools, run: Run, source: Source, worker_id: str, stop: asyncio.Event, *, relink: bool = False
) -> RunState:
    """Fetch what the run has to fetch, until nothing is left or `stop` is set; what is in flight then still ends.

    `relink` asks for pages whole, since their links mean something else than when they were fetched last.
    Returns `crawled` or `completed` if nothing is left to fetch, else `running`. Raises what made going on impossible
    (`Permanent` with the reason `disk_full`, for one); everything written before is safe.
    """
    profile = profile_of(source.spec, tools.settings, tools.secrets)
    async with (
        client_of_run(profile, tools.client, lambda: _own_client(tools, profile)) as client,
        opened_ways(tools, source.spec, client, profile) as ways,
    ):
        return await _Crawl(replace(tools, client=client), ways, run, source, worker_id, relink).run(stop)


def _own_client(tools: Tools, profile: Profile | None) -> Client:
    agent = user_agent(tools.settings.user_agent, tools.settings.contact_url)
    return Client(tools.net, user_agent=agent, concurrency=_MOST_CONNECTIONS, profile=profile)


@asynccontextmanager
async def opened_ways(tools: Tools, spec: SourceSpec, client: Client, profile: Profile | None) -> AsyncIterator[Ways]:
    """Where the answers of a source come from. Raises `Invalid` (`no_browser`) if it needs a browser that is not here,
    and `Permanent` (`bad_warc`, `no_such_file`) for an archive that cannot be read."""
    if spec.kind == "files":
        max_bytes = tools.net.max_body_bytes
        yield Ways(client, local=Folder(spec.start, base_url=spec.base_url, max_body_bytes=max_bytes))
    elif spec.kind == "warc":
        from tidemill.crawl.local.replay import Replay

        replay = Replay(spec.start, max_body_bytes=tools.net.max_body_bytes)
        await replay.prepare()
        yield Ways(client, local=replay)
    elif spec.fetch == "http":
        yield Ways(client)
    else:
        find_browser(tools.browser)
        agent = user_agent(tools.settings.user_agent, tools.settings.contact_url)
        rendering = Rendering(tools.browser, tools.net, user_agent=agent, screenshot=spec.screenshot, profile=profile)
        async with rendering as browser:
            yield Ways(client, browser=browser, only_browser=spec.fetch == "browser")


class _Crawl:
    """The parts of one crawl and how they are joined."""

    def __init__(self, tools: Tools, ways: Ways, run: Run, source: Source, worker_id: str, relink: bool) -> None:
        settings = tools.settings
        options, spec = run.options, source.spec
        self._tools = tools
        self._run = run
        self._worker_id = worker_id
        self._max_pages = options.max_pages or spec.max_pages or settings.max_pages
        self._max_bytes = spec.max_bytes or settings.max_run_bytes
        self._horizon_s = min(_HORIZON_S, settings.lease_s / 4)
        self._allow_private = True if options.allow_private else None
        robots = Robots(tools.store, tools.client, settings, allow_private=self._allow_private)
        self._politeness: Politeness = politeness(settings, robots, spec, options)
        self._discovery = Discovery(_scope(tools, run, spec), trap_budget=spec.trap_budget or settings.trap_budget)
        relink = relink or options.full
        self._fetcher = self._made_fetcher(ways, robots, spec, relink=relink)
        self._frontier = Frontier(
            refill=self._lease,
            exhausted=self._exhausted,
            in_flight_limit=self._politeness.in_flight,
            interval_s=self._politeness.interval_s,
            now=tools.store.now,
            buffer_size=settings.batch_size,
            give_back=self._give_back,
            horizon_s=self._horizon_s,
        )
        self._recorder = Recorder(
            tools.store,
            tools.archive,
            entry=runs.entry_of(run.id, source, options, relink=relink),
            batch_size=settings.batch_size,
            policy=self._politeness.policy(self._frontier.pace_per_s),
            written=self._written,
            announce=tools.announce,
            settled=self._settled,
            is_busy=self._frontier.is_busy,
            lost=self._discovery.forget,
            metrics=tools.metrics,
        )
        self._patience_s = _REQUESTS_A_VISIT * (tools.net.total_timeout_s + tools.net.connect_timeout_s)
        if ways.browser is not None:  # a page may wait for a free place in the browser
            turns = math.ceil(self._politeness.concurrency / tools.browser.pages)
            self._patience_s += tools.browser.timeout_s * turns + _BROWSER_STARTS_S
        self._state = RunState.RUNNING

    def _made_fetcher(self, ways: Ways, robots: Robots, spec: SourceSpec, *, relink: bool) -> Fetcher:
        tools, product = self._tools, self._politeness.product
        return Fetcher(
            ways=ways,
            reader=Reader(
                spec,
                self._discovery,
                product=product,
                media_types=tools.media_types,
                max_body_bytes=tools.net.max_body_bytes,
                relink=relink,
            ),
            discovery=self._discovery,
            robots=robots,
            store=tools.store,
            settings=tools.settings,
            product=product,
            sitemaps=spec.sitemaps and spec.kind == "website",
            allow_private=self._allow_private,
            rng=random.Random(),  # noqa: S311 - jitter
            relink=relink,
        )

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
        """Fetch the visit of a request, and some more that are ready: Crawlee's part costs as much as a small page."""
        visit: Visit | None = self._frontier.visit_of(context.request)
        turns = 0
        while visit is not None:
            await self._fetch(visit)
            turns += 1
            visit = self._frontier.next_ready() if turns < _VISITS_A_TURN else None
        self._frontier.pause()

    async def _fetch(self, visit: Visit) -> None:
        try:
            async with asyncio.timeout(self._patience_s):
                catch = await self._fetcher.fetch(visit)
        except OwnTrouble as trouble:  # the visit stays leased, and is given back when the crawl has ended
            self._frontier.stop(trouble.error)
            return
        except TimeoutError:
            self._discovery.forget()  # it may have met URLs that now nobody enters in the ledger
            catch = Catch(Fetched(visit, Outcome.FAILED, "timeout"))
        except asyncio.CancelledError:  # clients make up their own; Crawlee would take this visit for ended
            _raise_if_cancelled()
            catch = self._failed(visit)
        except Exception:  # noqa: BLE001 - logged, and accounted for as the page's outcome
            catch = self._failed(visit)
        finally:
            self._frontier.fetched(visit)
        reached("crawl.fetched")
        try:
            await self._recorder.put(catch)
        except TidemillError as error:  # told once, by who runs the crawl, and not by Crawlee for each page in flight
            self._frontier.stop(error)

    def _failed(self, visit: Visit) -> Catch:
        _log.exception("a visit failed in a way nobody foresaw", url=visit.url)
        self._discovery.forget()
        return Catch(Fetched(visit, Outcome.FAILED, "internal_error"))

    async def _lease(self, limit: int) -> list[Visit]:
        self._tools.own_signals()
        if await self._tools.held_back():
            return []
        leased = await leases.lease(
            self._tools.store,
            self._run.id,
            self._worker_id,
            limit=limit,
            max_pages=self._max_pages,
            horizon_s=self._horizon_s,
            interval_s=self._politeness.base_interval_s,
            max_bytes=self._max_bytes,
            trial_s=self._tools.settings.lease_s,
        )
        reached("crawl.leased")
        return leased

    async def _give_back(self, visits: list[Visit]) -> None:
        await leases.release_visits(self._tools.store, visits)

    async def _settled(self, settled: Settled) -> None:
        """Heed how hosts stand: visits that wait here for one that is slow now, or left alone, are given back."""
        for origin in self._politeness.heed(settled, self._tools.store.now()):
            await self._give_back(self._frontier.withdraw(origin))

    async def _exhausted(self) -> bool:
        self._state = await runs.finish(self._tools.store, self._run.id, self._max_pages, self._max_bytes)
        if self._state is not RunState.RUNNING:
            reached("crawl.finished")
        return self._state is not RunState.RUNNING

    def _written(self, batch: list[Fetched]) -> None:
        self._frontier.written(batch)
        if any(fetched.capture is not None and fetched.outcome is None for fetched in batch):
            self._tools.captured()


def _scope(tools: Tools, run: Run, spec: SourceSpec) -> Scope:
    depths = (run.options.max_depth, spec.max_depth, tools.settings.max_depth)
    max_depth = next((depth for depth in depths if depth is not None), None)
    return Scope(spec, max_depth=max_depth, today=tools.store.now().date())


def _raise_if_cancelled() -> None:
    """Crawlee's `run` returns normally when it is cancelled; the cancellation must go on."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
