"""The role that fetches: it takes up the runs that wait for a crawler, a few at a time.

In: queued and interrupted runs. Out: their ledgers, filled, and captures. Called by the commands `crawler` and `up`;
one run alone by `crawl`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tidemill.app import App
from tidemill.errors import TidemillError
from tidemill.models.run import RunState
from tidemill.roles.endurance import lasting, pause
from tidemill.roles.membership import registered
from tidemill.store import leases, runs, sources, workers
from tidemill.store.workers import Worker
from tidemill.telemetry.logs import bind, get_logger

_LOOK_S = 1.0
_PARALLEL_RUNS = 4
_AFTER_FAILURE_S = 2.5
_LONGEST_AFTER_FAILURE_S = 300.0
_DATABASE_AWAY = frozenset({"database_unavailable", "database_connections"})

_log = get_logger(__name__)


def nobody() -> None:
    """Who is told when nobody waits to be told."""


async def crawler(
    app: App,
    stop: asyncio.Event,
    *,
    captured: Callable[[], None] = nobody,
    own_signals: Callable[[], None] = nobody,
) -> None:
    """Take up every run that waits for a crawler, a few at a time, until `stop` is set. Waits for its servers."""

    async def play() -> None:
        await workers.reclaim(app.store, app.settings.lease_s)
        async with registered(app, "crawler", stop) as worker:
            await _Crews(app, worker, stop, captured, own_signals).work()

    await lasting(app, "crawler", stop, play)


@dataclass(slots=True)
class _Crews:
    """The runs that this process crawls at the moment, and those that it leaves alone for a while: they failed."""

    app: App
    worker: Worker
    stop: asyncio.Event
    captured: Callable[[], None]
    own_signals: Callable[[], None]
    active: dict[str, asyncio.Task[bool]] = field(default_factory=dict)
    failed: dict[str, tuple[int, float]] = field(default_factory=dict)
    """How often in a row, and when to try again."""

    async def work(self) -> None:
        """Until `stop` is set and what was begun has ended."""
        try:
            while not self.stop.is_set():
                await self._begin()
                self._end()
                await pause(self.stop, _LOOK_S)
            await asyncio.gather(*self.active.values())
        finally:
            for task in self.active.values():
                task.cancel()
            await asyncio.gather(*self.active.values(), return_exceptions=True)

    async def _begin(self) -> None:
        now = asyncio.get_running_loop().time()
        for run_id in await runs.waiting(self.app.store):
            is_due = self.failed.get(run_id, (0, 0.0))[1] <= now
            if len(self.active) < _PARALLEL_RUNS and run_id not in self.active and is_due:
                work = crawl_one(
                    self.app, run_id, self.worker, self.stop, captured=self.captured, own_signals=self.own_signals
                )
                self.active[run_id] = asyncio.create_task(went_well(self.app, run_id, self.worker, work))

    def _end(self) -> None:
        for run_id in [run_id for run_id, task in self.active.items() if task.done()]:
            if self.active.pop(run_id).result():
                self.failed.pop(run_id, None)
                continue
            times = self.failed.get(run_id, (0, 0.0))[0] + 1
            self.failed[run_id] = (times, asyncio.get_running_loop().time() + _pause_s(times))


async def crawl_one(
    app: App,
    run_id: str,
    worker: Worker,
    stop: asyncio.Event,
    *,
    captured: Callable[[], None] = nobody,
    own_signals: Callable[[], None] = nobody,
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
    if state is RunState.RUNNING:  # stopped, if not by `stop` then by Crawlee: this worker lives on, and would keep it
        await runs.interrupt(app.store, run_id)


async def went_well(app: App, run_id: str, worker: Worker, work: Awaitable[None]) -> bool:
    """One failing run does not end the role: it is left interrupted, with its error, and said in the log.

    False if it failed. Raises if nothing can be given back just now: then only by leaving can this worker do so.
    """
    try:
        await work
    except BaseException as error:
        await give_back(app, run_id, worker, error)
        if not isinstance(error, Exception) or getattr(error, "reason", None) in _DATABASE_AWAY:
            raise
        reason = error.reason if isinstance(error, TidemillError) else "internal_error"
        unforeseen = not isinstance(error, TidemillError)
        _log.error(
            "run interrupted", action="run.failed", run_id=run_id, reason=reason, error=str(error), exc_info=unforeseen
        )
        return False
    return True


async def give_back(app: App, run_id: str, worker: Worker, error: BaseException) -> None:
    """Leave a run that failed to whoever takes it up: this worker lives on, and nobody else would take its leases."""
    why = None if isinstance(error, asyncio.CancelledError) else f"{type(error).__name__}: {error}"[:500]
    await leases.release(app.store, run_id, worker.id)
    await runs.interrupt(app.store, run_id, why)


def _pause_s(failures: int) -> float:
    """How long a run that failed so often in a row is left alone: it may lack a secret, a browser or a disk."""
    return min(_LONGEST_AFTER_FAILURE_S, _AFTER_FAILURE_S * 2.0 ** min(failures, 16))
