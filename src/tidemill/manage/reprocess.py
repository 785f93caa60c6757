"""Processing again what the archive holds: new rules and better extractors reach the documents without any request.

Comes in: which pages (of a source, fetched since); goes out: a summary of what changed, or of what would. Pages are
taken in the order of their identifiers and stored in batches, and a `jobs` row keeps how far it came: whoever asks for
the same again goes on there. A batch whose commit was not noted yet is done twice, which changes nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from tidemill import __version__
from tidemill.archive.base import Archive
from tidemill.errors import Conflict, NotFound, TidemillError
from tidemill.manage.effects import Summary, foretold
from tidemill.manage.presence import at_work
from tidemill.models.capture import Capture
from tidemill.models.document import Json, Processed
from tidemill.models.failure import Failure
from tidemill.models.source import ProcessRules, Source
from tidemill.process.compute import Computer, gathered, is_lost
from tidemill.process.llm.open import open_model
from tidemill.process.pool import WorkerPool
from tidemill.settings import ProcessSettings
from tidemill.store import jobs, named, sources, versions, workers
from tidemill.store.engine import Store
from tidemill.store.jobs import Job
from tidemill.store.processed import store_reprocessed
from tidemill.store.versions import Shown
from tidemill.store.workers import Worker
from tidemill.telemetry.logs import get_logger

KIND = "reprocess"
_AHEAD = 2
_READ_AT_ONCE = 1000
_log = get_logger(__name__)

Tell = Callable[[int, int], None]
"""Told the pages done and the pages there are."""
Result = tuple[Capture, Processed | Failure]


@dataclass(frozen=True, slots=True)
class Tools:
    """What it works with. `lease_s` is how long a worker may be silent before others take it for dead."""

    store: Store
    archive: Archive
    settings: ProcessSettings
    lease_s: float


@dataclass(frozen=True, slots=True)
class Request:
    """Which pages: of a source, or all; those last fetched at `since` or later. `since_given` is how that was said."""

    source: str | None = None
    since: datetime | None = None
    since_given: str | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """How far it came. `resumed`: what was done before is part of the summary; `finished`: nothing is left to do."""

    summary: Summary
    total: int
    finished: bool
    resumed: bool = False


async def preview(tools: Tools, request: Request, stop: asyncio.Event, tell: Tell = lambda _done, _of: None) -> Done:
    """What `reprocess` would do; nothing is stored. Raises `NotFound` for an unknown source.

    A language model is not asked: only answers it gave before are used.
    """
    shown = await _shown(tools.store, request)
    summary, total = Summary(), await versions.count_shown(tools.store, shown)
    async with _computing(tools, pays=False) as compute, aclosing(_walk(tools, shown, "", compute, stop)) as batches:
        async for batch in batches:
            before = await versions.standing(tools.store, [capture.page_id for capture, _ in batch])
            for capture, result in batch:
                was = before.get(capture.page_id, {})
                if isinstance(result, Failure):
                    summary.add_failure(capture, result)
                else:
                    summary.add_page(capture, result, was, foretold(capture, result, was))
            tell(summary.pages, total)
    return Done(summary, total, finished=not stop.is_set() or summary.pages >= total)


async def reprocess(
    tools: Tools,
    request: Request,
    stop: asyncio.Event,
    tell: Tell = lambda _done, _of: None,
    *,
    restart: bool = False,
) -> Done:
    """Process the pages again and store what comes out, from where the last one that was asked for the same stopped.

    With `restart`, or if rules or Tidemill have changed meanwhile, from the beginning. Raises `Conflict`
    (`job_running`) while another is at work, `NotFound` for an unknown source.
    """
    await _shown(tools.store, request)  # an unknown source is no job
    await workers.reclaim(tools.store, tools.lease_s)
    async with at_work(tools.store, KIND, tools.lease_s) as worker:
        job, progress = await _begun(tools, request, worker, restart=restart)
        try:
            return await _go_on(tools, job, progress, stop, tell)
        except BaseException as error:
            if not isinstance(error, Conflict):
                with suppress(TidemillError):  # the error that counts is the first
                    await jobs.leave(tools.store, job, f"{type(error).__name__}: {error}"[:500])
            raise


@dataclass(slots=True)
class _Progress:
    """How far a job is. `cursor` is the last page that is done."""

    source_id: str | None
    since: datetime | None
    rules: str
    cursor: str
    summary: Summary

    def as_json(self) -> dict[str, Any]:
        since = self.since.isoformat() if self.since else None
        plain = {"source_id": self.source_id, "since": since, "rules": self.rules, "cursor": self.cursor}
        return {**plain, "summary": self.summary.as_json()}

    @classmethod
    def of_json(cls, kept: Mapping[str, Any]) -> _Progress:
        since = datetime.fromisoformat(kept["since"]) if kept["since"] else None
        return cls(kept["source_id"], since, kept["rules"], kept["cursor"], Summary(**kept["summary"]))


async def _begun(tools: Tools, request: Request, worker: Worker, *, restart: bool) -> tuple[Job, _Progress]:
    """The job to do, and how far it is. One that was begun under other rules begins anew."""
    asked: dict[str, Json] = {"source": request.source, "since": request.since_given}
    shown = await _shown(tools.store, request)
    rules = await _rules_digest(tools.store, shown.source_id)
    job = await jobs.take_up(tools.store, KIND, asked, worker.id, restart=restart)
    if job.progress and job.progress["rules"] == rules:
        return job, _Progress.of_json(job.progress)
    progress = _Progress(shown.source_id, shown.since, rules, "", Summary())
    if job.progress:
        _log.warning("the rules have changed since it was begun: begun anew", action="reprocess.restart", job_id=job.id)
    await jobs.save(tools.store, job, progress.as_json())
    return job, progress


async def _go_on(tools: Tools, job: Job, progress: _Progress, stop: asyncio.Event, tell: Tell) -> Done:
    shown, summary, resumed = Shown(progress.source_id, progress.since), progress.summary, bool(progress.cursor)
    total = max(await versions.count_shown(tools.store, shown), summary.pages)
    async with (
        _computing(tools, pays=True) as compute,
        aclosing(_walk(tools, shown, progress.cursor, compute, stop)) as batches,
    ):
        async for batch in batches:
            await _store(tools.store, batch, summary)
            progress.cursor = batch[-1][0].page_id
            await jobs.save(tools.store, job, progress.as_json())
            tell(summary.pages, total)
    finished = not await versions.shown_captures(tools.store, shown, progress.cursor, 1)
    if finished:
        await jobs.finish(tools.store, job, progress.as_json())
    else:
        await jobs.leave(tools.store, job)
    return Done(summary, total, finished=finished, resumed=resumed)


async def _store(store: Store, batch: Sequence[Result], summary: Summary) -> None:
    """One transaction; what it did is seen by looking before and after, so that the summary tells what is."""
    page_ids = [capture.page_id for capture, _ in batch]
    done = [(capture, result) for capture, result in batch if isinstance(result, Processed)]
    before = await versions.standing(store, page_ids)
    if done:
        await store_reprocessed(store, done)
    after = await versions.standing(store, page_ids)
    await named.fetch_whole(store, [capture.body_hash for capture, result in batch if is_lost(result)])
    for capture, result in batch:
        if isinstance(result, Failure):
            summary.add_failure(capture, result)
        else:
            summary.add_page(capture, result, before.get(capture.page_id, {}), after.get(capture.page_id, {}))


async def _walk(
    tools: Tools,
    shown: Shown,
    cursor: str,
    compute: Callable[[Capture], Awaitable[Processed | Failure]],
    stop: asyncio.Event,
) -> AsyncGenerator[list[Result]]:
    """What becomes of the pages behind the cursor, in batches and in order, computed while others are being stored."""
    ahead: deque[asyncio.Task[list[Result]]] = deque()
    try:
        async with aclosing(_batches(tools, shown, cursor)) as batches:
            async for batch in batches:
                ahead.append(asyncio.create_task(_computed(batch, compute)))
                if len(ahead) >= _AHEAD:
                    yield await ahead.popleft()
                if stop.is_set():
                    break
        while ahead:
            yield await ahead.popleft()
    finally:
        for task in ahead:
            task.cancel()
        await asyncio.gather(*ahead, return_exceptions=True)


async def _batches(tools: Tools, shown: Shown, cursor: str) -> AsyncGenerator[list[Capture]]:
    size = tools.settings.batch_size
    while found := await versions.shown_captures(tools.store, shown, cursor, max(_READ_AT_ONCE, size)):
        for start in range(0, len(found), size):
            yield found[start : start + size]
        cursor = found[-1].page_id


async def _computed(
    batch: Sequence[Capture], compute: Callable[[Capture], Awaitable[Processed | Failure]]
) -> list[Result]:
    return list(zip(batch, await gathered(compute(capture) for capture in batch), strict=True))


@asynccontextmanager
async def _computing(tools: Tools, *, pays: bool) -> AsyncIterator[Callable[[Capture], Awaitable[Processed | Failure]]]:
    """Computes captures in the pool, each by the rules that its source has now."""
    rules: dict[str, ProcessRules] = {}
    async with (
        WorkerPool(tools.settings) as pool,
        open_model(tools.settings.llm, tools.store, pays=pays) as model,
    ):
        computer = Computer(tools.archive, pool, model)

        async def compute(capture: Capture) -> Processed | Failure:
            if capture.source_id not in rules:
                try:
                    rules[capture.source_id] = (await sources.by_id(tools.store, capture.source_id)).spec.process
                except NotFound as error:  # purged meanwhile
                    return Failure(reason=error.reason, error_type=type(error).__name__, message=str(error))
            return await computer.compute(capture, rules[capture.source_id])

        yield compute


async def _shown(store: Store, request: Request) -> Shown:
    source_id = (await sources.get(store, request.source)).id if request.source is not None else None
    return Shown(source_id, request.since)


async def _rules_digest(store: Store, source_id: str | None) -> str:
    """Changes when the pages would come out differently: with the sources' rules, and with Tidemill itself."""
    standing: list[Source] = [each for each in await sources.listed(store) if source_id in (None, each.id)]
    said = sorted(f"{each.id}@{each.version}" for each in standing)
    return sha256("\n".join([__version__, *said]).encode()).hexdigest()
