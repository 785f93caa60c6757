"""The role that makes documents of captures.

In: captures that wait. Out: stored documents. Called by the commands `processor` and `up`, and by the jobs that process
what they bring in.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tidemill.app import App
from tidemill.roles.endurance import lasting, together
from tidemill.roles.exporting import exporter
from tidemill.roles.membership import registered
from tidemill.store.workers import Worker

if TYPE_CHECKING:
    from tidemill.process.pool import WorkerPool
    from tidemill.process.worker import Processor


async def processor(app: App, stop: asyncio.Event, news: asyncio.Event, *, exports: bool = True) -> None:
    """Process captures until `stop` is set; `news` is set when a crawler of this process has made some. Waits for its
    servers. With `exports` it makes those, too, that need no search engine."""
    exporting = [exporter(app, stop, queries=False)] if exports else []
    processing = lasting(app, "processor", stop, lambda: _processor(app, stop, news))
    await together(processing, *exporting, on_failure=stop.set)


async def _processor(app: App, stop: asyncio.Event, news: asyncio.Event) -> None:
    async with registered(app, "processor", stop) as worker:
        pool, working = bench(app, worker)
        async with pool, _told(news, working.notify):
            await working.run(stop)


def bench(app: App, worker: Worker, pool: WorkerPool | None = None) -> tuple[WorkerPool, Processor]:
    """What processes, and the pool it computes in, to be entered. Imported here: a crawl alone has no use for it."""
    from tidemill.process.pool import WorkerPool
    from tidemill.process.worker import Bench, Processor

    pool = pool or WorkerPool(app.settings.process)
    tools = Bench(
        store=app.store,
        archive=app.archive,
        queue=app.queue,
        settings=app.settings.process,
        metrics=app.metrics,
        stored=app.indexer.notify,
    )
    return pool, Processor(tools, pool, worker.id)


@asynccontextmanager
async def _told(news: asyncio.Event, tell: Callable[[], None]) -> AsyncIterator[None]:
    """`tell` is called each time there is news, until the block ends."""

    async def telling() -> None:
        while True:
            await news.wait()
            news.clear()
            tell()

    teller = asyncio.create_task(telling())
    try:
        yield
    finally:
        teller.cancel()
