"""Jobs that end: one run, one file, or whatever waits, until all of it is searchable.

In: an open `App` and what is to be done. Out: the run as it stands then. Called by the commands `crawl`, `import` and
`process`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, BinaryIO

from tidemill.app import App
from tidemill.manage import importing
from tidemill.manage.importing import Tally
from tidemill.models.run import Run, RunState
from tidemill.roles.crawling import crawl_one, give_back, nobody
from tidemill.roles.endurance import beside, pause, together
from tidemill.roles.indexing import searchable
from tidemill.roles.membership import registered
from tidemill.roles.processing import bench
from tidemill.store import runs, sources, workers
from tidemill.store.workers import Worker

if TYPE_CHECKING:
    from tidemill.process.pool import WorkerPool

_POLL_S = 0.05
_Bring = Callable[[Callable[[], None]], Awaitable[None]]
"""Brings captures in, and calls what it is given when there are some."""


async def run_to_end(
    app: App,
    run_id: str,
    stop: asyncio.Event,
    *,
    crawl_only: bool = False,
    own_signals: Callable[[], None] = nobody,
) -> Run:
    """Crawl a run until everything crawled is processed and searchable, all in this process group.

    When `stop` is set, what is in flight ends and the run is left `interrupted`. Raises what made going on impossible;
    the run can then be taken up again.
    """
    await workers.reclaim(app.store, app.settings.lease_s)
    async with registered(app, "crawler") as worker:

        async def crawling(captured: Callable[[], None]) -> None:
            await crawl_one(app, run_id, worker, stop, captured=captured, own_signals=own_signals)

        if crawl_only:
            await _or_given_back(app, run_id, worker, crawling(nobody))
        else:
            await _processed_beside(app, run_id, worker, stop, crawling)
        return await runs.get(app.store, run_id)


async def import_lines(app: App, source_name: str, file: BinaryIO, tally: Tally, stop: asyncio.Event) -> Run:
    """Take in the lines of a file, process them and wait until they are searchable.

    When `stop` is set, what was taken in is still there to be processed; the same command takes in the rest.
    """
    await workers.reclaim(app.store, app.settings.lease_s)
    async with registered(app, "importer") as worker:
        most_pages = app.settings.crawl.max_pages
        run = await importing.begin(app.store, source_name, worker.id, most_pages)
        source = await sources.by_id(app.store, run.source_id)

        async def taking_in(captured: Callable[[], None]) -> None:
            batches = importing.read_lines(file, tally)
            while not stop.is_set() and (batch := await asyncio.to_thread(next, batches, None)):
                await app.queue.announce(await importing.take_in(app.store, app.archive, source, run, batch))
                captured()
            await runs.finish(app.store, run.id, most_pages)

        await _processed_beside(app, run.id, worker, stop, taking_in)
        return await runs.get(app.store, run.id)


async def process_backlog(app: App, stop: asyncio.Event, pool: WorkerPool | None = None) -> None:
    """Work off every capture that waits, until all of it is searchable. `pool` may have been started before."""
    await workers.reclaim(app.store, app.settings.lease_s)
    async with registered(app, "processor") as worker, beside(app.indexer.keep_pace, asyncio.Event()):
        pool, processor = bench(app, worker, pool)
        async with pool:
            await processor.run(stop, until_idle=True)
    await searchable(app, stop)


async def _processed_beside(app: App, run_id: str, worker: Worker, stop: asyncio.Event, bring: _Bring) -> None:
    """Process what is brought in while it is brought in, until nothing of the run is open and all is searchable."""
    async with AsyncExitStack() as stack:
        pool, processor = bench(app, worker)
        stack.push_async_callback(pool.close)
        await pool.start()  # the workers import theirs while this process imports what bringing in needs
        done = asyncio.Event()

        async def bringing() -> None:
            await bring(processor.notify)
            await _processed(app, run_id, stop)

        async def to_its_end() -> None:
            try:
                await _or_given_back(app, run_id, worker, bringing())
            finally:
                done.set()

        async def processing() -> None:
            async with pool:
                await processor.run(done)

        await stack.enter_async_context(beside(app.indexer.run, done))
        await together(to_its_end(), processing())
        await searchable(app, stop)


async def _or_given_back(app: App, run_id: str, worker: Worker, work: Awaitable[None]) -> None:
    try:
        await work
    except BaseException as error:
        await give_back(app, run_id, worker, error)
        raise


async def _processed(app: App, run_id: str, stop: asyncio.Event) -> None:
    """Wait until nothing of a crawled run is open any more, whoever processes it."""
    while not stop.is_set() and await runs.state(app.store, run_id) is RunState.CRAWLED:
        await pause(stop, _POLL_S)
