"""The long-running processes: what `tidemill crawl`, `process`, `serve` and `up` are made of.

Each role registers a worker, beats its heart while it holds leases, and on `stop` ends what it has begun and gives the
rest back.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, BinaryIO

from tidemill.app import App
from tidemill.errors import NoSpace, TidemillError, Transient
from tidemill.manage import importing
from tidemill.manage.importing import Tally
from tidemill.models.run import Run, RunState
from tidemill.store import events, leases, runs, sources, workers
from tidemill.store.workers import Worker
from tidemill.telemetry.logs import bind, get_logger

if TYPE_CHECKING:
    from tidemill.process.pool import WorkerPool
    from tidemill.process.worker import Processor

_POLL_S = 0.2
_PARALLEL_RUNS = 4
_LOOK_S = 1.0
_SWEEP_S = 0.25
_AFTER_FAILURE_S = 2.5
_LONGEST_AFTER_FAILURE_S = 300.0
_PATIENCE_S = 10.0
_AWAY_S = 1.0
_DATABASE_AWAY = frozenset({"database_unavailable", "database_connections"})
_IN_THE_WAY = frozenset({"database_locked", "database_timeout"})
_OUTAGES = (Transient, NoSpace)
"""What a role waits out: servers that are gone, disks that are full."""

_log = get_logger(__name__)


async def run_to_end(
    app: App,
    run_id: str,
    stop: asyncio.Event,
    *,
    crawl_only: bool = False,
    own_signals: Callable[[], None] = lambda: None,
) -> Run:
    """Crawl a run until everything crawled is processed and searchable, all in this process group.

    When `stop` is set, what is in flight ends and the run is left `interrupted`. Raises what made going on impossible;
    the run can then be taken up again.
    """
    await workers.reclaim(app.store, app.settings.crawl.lease_s)
    async with _registered(app, "crawler") as worker, contextlib.AsyncExitStack() as stack:
        if crawl_only:
            try:
                await _crawl_one(app, run_id, worker, stop, captured=lambda: None, own_signals=own_signals)
            except BaseException as error:
                await _give_back(app, run_id, worker, error)
                raise
            return await runs.get(app.store, run_id)
        pool, processor = _processing(app, worker)
        stack.push_async_callback(pool.close)
        await pool.start()  # the workers import theirs while this process imports what a crawl needs
        done = asyncio.Event()

        async def crawling() -> None:
            try:
                await _crawl_one(app, run_id, worker, stop, captured=processor.notify, own_signals=own_signals)
                await _processed(app, run_id, stop)
            except BaseException as error:
                await _give_back(app, run_id, worker, error)
                raise
            finally:
                done.set()

        async def processing() -> None:
            async with pool:
                await processor.run(done)

        await stack.enter_async_context(_background(app.indexer.run, done))
        await _together(crawling(), processing())
        await _searchable(app, stop)
        return await runs.get(app.store, run_id)


async def import_lines(app: App, source_name: str, file: BinaryIO, tally: Tally, stop: asyncio.Event) -> Run:
    """Take in the lines of a file, process them and wait until they are searchable.

    When `stop` is set, what was taken in is still there to be processed; the same command takes in the rest.
    """
    await workers.reclaim(app.store, app.settings.queue.lease_s)
    run = await importing.begin(app.store, source_name)
    source = await sources.by_id(app.store, run.source_id)
    async with _registered(app, "importer") as worker, contextlib.AsyncExitStack() as stack:
        pool, processor = _processing(app, worker)
        done = asyncio.Event()

        async def taking_in() -> None:
            try:
                await runs.begin(app.store, run.id, worker.id)
                batches = importing.read_lines(file, tally)
                while batch := await asyncio.to_thread(next, batches, None):
                    await app.queue.announce(await importing.take_in(app.store, app.archive, source, run, batch))
                    processor.notify()
                    if stop.is_set():
                        break
                await runs.finish(app.store, run.id, app.settings.crawl.max_pages)
                await _processed(app, run.id, stop)
            finally:
                done.set()

        async def processing() -> None:
            async with pool:
                await processor.run(done)

        await stack.enter_async_context(_background(app.indexer.run, done))
        await _together(taking_in(), processing())
        await _searchable(app, stop)
        return await runs.get(app.store, run.id)


async def process_backlog(app: App, stop: asyncio.Event, pool: WorkerPool | None = None) -> None:
    """Work off every capture that waits, until all of it is searchable. `pool` may have been started before."""
    await workers.reclaim(app.store, app.settings.queue.lease_s)
    async with _registered(app, "processor") as worker, _background(app.indexer.keep_pace, asyncio.Event()):
        pool, processor = _processing(app, worker, pool)
        async with pool:
            await processor.run(stop, until_idle=True)
    await _searchable(app, stop)


async def crawler(
    app: App,
    stop: asyncio.Event,
    *,
    captured: Callable[[], None] = lambda: None,
    own_signals: Callable[[], None] = lambda: None,
) -> None:
    """Take up every run that waits for a crawler, a few at a time, until `stop` is set. Waits for its servers."""
    await _lasting(app, "crawler", stop, lambda: _crawling(app, stop, captured, own_signals))


async def _crawling(
    app: App, stop: asyncio.Event, captured: Callable[[], None], own_signals: Callable[[], None]
) -> None:
    await workers.reclaim(app.store, app.settings.crawl.lease_s)
    async with _registered(app, "crawler", stop) as worker:
        loop = asyncio.get_running_loop()
        active: dict[str, asyncio.Task[bool]] = {}
        failed: dict[str, tuple[int, float]] = {}  # how often in a row, and when to try again
        try:
            while not stop.is_set():
                for run_id in await runs.waiting(app.store):
                    is_due = failed.get(run_id, (0, 0.0))[1] <= loop.time()
                    if len(active) < _PARALLEL_RUNS and run_id not in active and is_due:
                        work = _crawl_one(app, run_id, worker, stop, captured=captured, own_signals=own_signals)
                        active[run_id] = asyncio.create_task(_logged(app, run_id, worker, work))
                for run_id in [run_id for run_id, task in active.items() if task.done()]:
                    went_well = active.pop(run_id).result()
                    times = 0 if went_well else failed.get(run_id, (0, 0.0))[0] + 1
                    failed.pop(run_id, None)
                    if times:
                        failed[run_id] = (times, loop.time() + _pause_s(times))
                await _sleep(stop, 5 * _POLL_S)
            await asyncio.gather(*active.values())
        finally:
            for task in active.values():
                task.cancel()
            await asyncio.gather(*active.values(), return_exceptions=True)


async def processor(app: App, stop: asyncio.Event, news: asyncio.Event, *, exports: bool = True) -> None:
    """Process captures until `stop` is set; `news` is set when a crawler of this process has made some. Waits for its
    servers. With `exports` it makes those, too, that need no search engine."""
    exporting = [exporter(app, stop, queries=False)] if exports else []
    processing = _lasting(app, "processor", stop, lambda: _processor(app, stop, news))
    await _together(processing, *exporting, on_failure=stop.set)


async def exporter(app: App, stop: asyncio.Event, *, queries: bool) -> None:
    """Make the files of exports until `stop` is set; with `queries` also those of searches."""
    from tidemill.manage.exporter import Exporter, folder_of, open_shelf  # a crawl has no use for it

    settings = app.settings
    search = app.searching.search if queries else None
    shelf, lease_s = open_shelf(settings, app.archive), settings.queue.lease_s
    made = Exporter(app.store, shelf, folder_of(settings), settings.exports, lease_s=lease_s, search=search)
    await made.run(stop)


async def _processor(app: App, stop: asyncio.Event, news: asyncio.Event) -> None:
    async with _registered(app, "processor", stop) as worker:
        pool, working = _processing(app, worker)

        async def telling() -> None:
            while True:
                await news.wait()
                news.clear()
                working.notify()

        async with pool:
            teller = asyncio.create_task(telling())
            try:
                await working.run(stop)
            finally:
                teller.cancel()


async def indexer(app: App, stop: asyncio.Event) -> None:
    """Keep the search index up to date until `stop` is set, and the one that answers in its place; make exports."""
    works = [each.run(stop) for each in (app.indexer, app.fallback_indexer) if each is not None]
    await _together(*works, exporter(app, stop, queries=True), on_failure=stop.set)


async def serving(app: App, stop: asyncio.Event, serve: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """The API, and what it needs to answer from: an index that is kept up to date (by whoever may write it)."""
    await _together(indexer(app, stop), serve(stop), on_failure=stop.set)


async def drained(app: App, work: Awaitable[None], stop: asyncio.Event) -> None:
    """Do the work of a role; once `stop` is set it has `roles.grace_s` to end, then is cut off and gives back what it
    holds."""
    task = asyncio.ensure_future(work)
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            app.health.mark_draining()
            await asyncio.wait({task}, timeout=app.settings.roles.grace_s)
        if not task.done():
            _log.warning("cut off", action="role.cut_off", grace_s=app.settings.roles.grace_s)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return
        await task
    finally:
        stopping.cancel()
        task.cancel()
        await asyncio.gather(task, stopping, return_exceptions=True)


async def up(
    app: App,
    stop: asyncio.Event,
    serve: Callable[[asyncio.Event], Awaitable[None]],
    *,
    own_signals: Callable[[], None] = lambda: None,
) -> None:
    """Every role in this process group, until `stop` is set. If one cannot go on, all stop and its error is raised."""
    news = asyncio.Event()
    await _together(
        crawler(app, stop, captured=news.set, own_signals=own_signals),
        processor(app, stop, news, exports=False),
        indexer(app, stop),
        serve(stop),
        on_failure=stop.set,
    )


async def _crawl_one(
    app: App,
    run_id: str,
    worker: Worker,
    stop: asyncio.Event,
    *,
    captured: Callable[[], None],
    own_signals: Callable[[], None] = lambda: None,
) -> None:
    """Fetch what a run has to fetch; leave it `interrupted` if that cannot be done to the end."""
    from tidemill.crawl.crawler import Tools, crawl, never  # a processor alone has no use for it
    from tidemill.process.extract.registry import handled_media_types

    await runs.begin(app.store, run_id, worker.id)
    if await runs.state(app.store, run_id) is not RunState.RUNNING:
        return
    run = await runs.get(app.store, run_id)
    source = await sources.by_id(app.store, run.source_id)
    tools = Tools(
        store=app.store,
        archive=app.archive,
        client=app.client,
        settings=app.settings.crawl,
        net=app.settings.net,
        browser=app.settings.browser,
        secrets=app.settings.secrets,
        media_types=handled_media_types(),
        metrics=app.metrics,
        captured=captured,
        own_signals=own_signals,
        announce=app.queue.announce,
        held_back=never if run.options.crawl_only else app.pressure.holds,
    )
    with bind(run_id=run_id):
        _log.info("crawling", action="run.begin", source=source.name)
        relink = await runs.rules_changed(app.store, run)
        state = await crawl(tools, run, source, worker.id, stop, relink=relink)
        _log.info("nothing left to fetch" if state is not RunState.RUNNING else "stopped", action="run.end")
    if stop.is_set():
        await runs.interrupt(app.store, run_id)


async def _give_back(app: App, run_id: str, worker: Worker, error: BaseException) -> None:
    """Leave a run that failed to whoever takes it up: this worker lives on, and nobody else would take its leases."""
    why = None if isinstance(error, asyncio.CancelledError) else f"{type(error).__name__}: {error}"[:500]
    await leases.release(app.store, run_id, worker.id)
    await runs.interrupt(app.store, run_id, why)


async def _processed(app: App, run_id: str, stop: asyncio.Event) -> None:
    """Wait until nothing of a crawled run is open any more, whoever processes it."""
    while not stop.is_set() and await runs.state(app.store, run_id) is RunState.CRAWLED:
        await _sleep(stop, _POLL_S / 4)


async def _searchable(app: App, stop: asyncio.Event) -> None:
    """Wait until everything stored is searchable, or `stop` is set: whoever holds the index may be asleep."""
    reaching = asyncio.ensure_future(app.indexer.catch_up(await events.head(app.store)))
    stopping = asyncio.ensure_future(stop.wait())
    try:
        while not (reaching.done() or stopping.done()):
            await asyncio.wait({reaching, stopping}, timeout=_PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
            if not (reaching.done() or stopping.done() or app.engine.writable):
                lag = await app.indexer.lag()
                _log.warning("waiting for the process that writes the search index", action="index.wait", lag=lag)
        if reaching.done():
            await reaching
    finally:
        reaching.cancel()
        stopping.cancel()
        await asyncio.gather(reaching, stopping, return_exceptions=True)


def _processing(app: App, worker: Worker, pool: WorkerPool | None = None) -> tuple[WorkerPool, Processor]:
    """What processes, and the pool it computes in, to be entered. Imported here: a crawl alone has no use for it."""
    from tidemill.process.pool import WorkerPool
    from tidemill.process.worker import Bench, Processor

    pool = pool or WorkerPool(app.settings.process)
    bench = Bench(
        store=app.store,
        archive=app.archive,
        queue=app.queue,
        settings=app.settings.process,
        metrics=app.metrics,
        stored=app.indexer.notify,
    )
    return pool, Processor(bench, pool, worker.id)


@asynccontextmanager
async def _registered(app: App, role: str, stop: asyncio.Event | None = None) -> AsyncIterator[Worker]:
    """This process among the workers, its heart beating and its eye on the others, until the block ends.

    With `stop` the database is waited for at the end, until that is set: a worker that lives on may keep nothing.
    """
    await _reach_queue(app)
    worker = await workers.register(app.store, role)
    tasks = [
        asyncio.create_task(_sweep(app), name=f"{role} sweep"),
        asyncio.create_task(_beat(app, worker), name=f"{role} heartbeat"),
        asyncio.create_task(_reclaim(app, worker), name=f"{role} reclaim"),
    ]
    try:
        yield worker
    finally:
        for task in tasks:
            task.cancel()
        try:
            await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            await _leave(app, worker, stop)


async def _leave(app: App, worker: Worker, stop: asyncio.Event | None) -> None:
    while True:
        try:
            return await workers.leave(app.store, worker)
        except _OUTAGES as error:
            if stop is None or stop.is_set():
                raise
            await _away(app, worker.role, error, stop)


async def _lasting(app: App, role: str, stop: asyncio.Event, play: Callable[[], Awaitable[None]]) -> None:
    """Play a role until `stop` is set; after an outage begin it anew, as a worker that holds nothing."""
    while not stop.is_set():
        try:
            await play()
        except _OUTAGES as error:
            await _away(app, role, error, stop)
        else:
            return


async def _away(app: App, role: str, error: TidemillError, stop: asyncio.Event) -> None:
    """Say for what the role waits, and wait a moment; do away with what may be in its way."""
    _log.warning("waiting for a server", action="role.wait", role=role, reason=error.reason, error=str(error))
    if error.reason in _IN_THE_WAY:
        with contextlib.suppress(Transient):
            ended = await app.store.end_stuck()
            if ended:
                _log.warning("ended sessions whose clients are gone", action="database.stuck", sessions=ended)
    await _sleep(stop, _AWAY_S)


async def _reach_queue(app: App) -> None:
    """Refuse a broker that would lose what waits; one that is not there yet is waited for by those who use it."""
    try:
        await app.queue.check()
    except Transient as error:
        _log.warning("waiting for the queue", action="queue.wait", reason=error.reason, error=str(error))


async def _sweep(app: App) -> None:
    """Have announced what nobody has announced, or what a broker has lost."""
    while True:
        try:
            swept = await app.queue.sweep()
        except TidemillError as error:
            swept = 0
            _log.warning("sweeping failed", action="queue.sweep", reason=error.reason, error=str(error))
        await asyncio.sleep(0 if swept else _SWEEP_S)


async def _reclaim(app: App, worker: Worker) -> None:
    """Take back what other processes held when they died, as long as this one is at work."""
    lease_s = min(app.settings.crawl.lease_s, app.settings.queue.lease_s)
    while True:
        await asyncio.sleep(_LOOK_S)
        try:
            await workers.reclaim(app.store, lease_s, worker)
        except TidemillError as error:
            _log.warning("reclaiming failed", action="worker.reclaim", reason=error.reason, error=str(error))


async def _beat(app: App, worker: Worker) -> None:
    while True:
        await asyncio.sleep(min(app.settings.crawl.lease_s, app.settings.queue.lease_s) / 4)
        try:
            if not await workers.beat(app.store, worker):
                _log.warning("declared dead, leases lost", action="worker.lost", worker_id=worker.id)
        except TidemillError as error:
            _log.warning("heartbeat failed", action="worker.heartbeat", reason=error.reason, error=str(error))


@asynccontextmanager
async def _background(role: Callable[[asyncio.Event], Awaitable[None]], stop: asyncio.Event) -> AsyncIterator[None]:
    """`role` runs beside the block and is told to stop when the block ends."""
    task = asyncio.ensure_future(role(stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def _together(*work: Awaitable[None], on_failure: Callable[[], None] = lambda: None) -> None:
    """Run all of it; when one fails, call `on_failure`, cancel the others and raise its error."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        failed = next((task for task in done if not task.cancelled() and task.exception() is not None), None)
        if failed is not None:
            on_failure()
            raise failed.exception() or RuntimeError("unreachable")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _logged(app: App, run_id: str, worker: Worker, work: Awaitable[None]) -> bool:
    """One failing run does not end the role: it is left interrupted, with its error, and said in the log.

    False if it failed. Raises if nothing can be given back just now: then only by leaving can this worker do so.
    """
    try:
        await work
    except BaseException as error:
        await _give_back(app, run_id, worker, error)
        if not isinstance(error, Exception) or getattr(error, "reason", None) in _DATABASE_AWAY:
            raise
        reason = error.reason if isinstance(error, TidemillError) else "internal_error"
        unforeseen = not isinstance(error, TidemillError)
        _log.error(
            "run interrupted", action="run.failed", run_id=run_id, reason=reason, error=str(error), exc_info=unforeseen
        )
        return False
    return True


def _pause_s(failures: int) -> float:
    """How long a run that failed so often in a row is left alone: it may lack a secret, a browser or a disk."""
    return min(_LONGEST_AFTER_FAILURE_S, _AFTER_FAILURE_S * 2.0 ** min(failures, 16))


async def _sleep(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
