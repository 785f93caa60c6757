"""Runs: beginning one, taking one up again, ending it, and what it adds up to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, func, insert, literal, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.errors import Conflict, NotFound
from tidemill.models.account import Caller
from tidemill.models.audit import Note
from tidemill.models.event import RUN_FINISHED, RUN_STARTED
from tidemill.models.ids import new_id
from tidemill.models.outcome import Outcome, VisitState
from tidemill.models.run import FINISHED_RUNS, Run, RunOptions, RunState
from tidemill.models.source import Source
from tidemill.models.visit import Found
from tidemill.store import admission, audit, events, locks, ownership
from tidemill.store.admission import Entry
from tidemill.store.again import tried_again
from tidemill.store.engine import Store
from tidemill.store.sources import document_count
from tidemill.store.tables import IS_OPEN, runs, sources, visits

_UNFINISHED = (RunState.QUEUED, RunState.RUNNING, RunState.INTERRUPTED, RunState.CRAWLED)


@tried_again
async def create(
    store: Store, source: Source, options: RunOptions, starts: Sequence[Found], *, worker_id: str | None = None
) -> Run:
    """A run whose ledger holds the start URLs and every page that the source is known to have.

    It is queued for a crawler, or running in the name of the worker that is given.
    """
    async with store.write(locks.EVENTS, *locks.of_sources([source.id])) as connection:
        run_id = await _insert(connection, source, options, starts, store.now())
        if worker_id is not None:
            await _set_running(connection, run_id, worker_id, store.now())
    return await get(store, run_id)


@tried_again
async def take_up_or_create(
    store: Store,
    source: Source,
    options: RunOptions,
    starts: Sequence[Found],
    *,
    fresh: bool,
    by: Caller | None = None,
    bound: Callable[[AsyncConnection], Awaitable[RunOptions]] | None = None,
) -> tuple[Run, bool]:
    """The unfinished run of a source, or a new one, and whether it was begun before; with `fresh` always a new one.

    One transaction, so that two who start a source in the same moment get the same run. `fresh` cancels the other.
    `bound` gives the options of a new run in place of `options`, or refuses it: nobody else begins one meanwhile.
    Raises `Forbidden` (`not_owner`) unless the source is `by`'s to edit.
    """
    async with store.write(locks.EVENTS, *locks.of_sources([source.id])) as connection:
        now = store.now()
        await ownership.check(connection, source.id, by)
        found = await _unfinished(connection, source.id)
        await locks.take(connection, *locks.of_runs([found] if found is not None else []))
        if found is not None and fresh:
            await _cancel(connection, found, source.id, now)
        resumed = found is not None and not fresh
        if found is None or fresh:
            options = await bound(connection) if bound is not None else options
            run_id = await _insert(connection, source, options, starts, now, by)
        else:
            run_id = found
            await admission.enter(connection, entry_of(run_id, source, options), starts, now)
            await _reopen(connection, run_id)
        if by is not None:
            detail = {"source": source.name, "resumed": resumed}
            await audit.append(connection, by, [Note("run.start", run_id, detail)], now)
    return await get(store, run_id), resumed


async def get(store: Store, run_id: str) -> Run:
    """The run of that identifier, with its totals. Raises `NotFound`."""
    async with store.read() as connection:
        row = (await connection.execute(_select().where(runs.c.id == run_id))).mappings().one_or_none()
        if row is None:
            raise NotFound(f"no run {run_id!r}; `tidemill runs list` shows those there are", reason="no_such_run")
        return await _run(connection, row)


async def listed(
    store: Store,
    limit: int,
    source_id: str | None = None,
    *,
    state: RunState | None = None,
    before: tuple[datetime, str] | None = None,
) -> list[Run]:
    """The newest runs first: those of one source or in one state, those older than the moment and run `before`."""
    statement = _select().order_by(runs.c.created_at.desc(), runs.c.id.desc()).limit(limit)
    if source_id:
        statement = statement.where(runs.c.source_id == source_id)
    if state is not None:
        statement = statement.where(runs.c.state == state.value)
    if before is not None:
        key = (runs.c.created_at, runs.c.id)
        statement = statement.where(tuple_(*key) < tuple_(*before, types=[each.type for each in key]))
    async with store.read() as connection:
        rows = (await connection.execute(statement)).mappings().all()
        return [await _run(connection, row) for row in rows]


async def unfinished(store: Store, source_id: str) -> Run | None:
    """The newest run of a source that was begun and not ended; one that was only to be crawled has ended when it is."""
    async with store.read() as connection:
        run_id = await _unfinished(connection, source_id)
    return await get(store, run_id) if run_id is not None else None


async def rules_changed(store: Store, run: Run) -> bool:
    """Whether the source has other rules than when its last completed run began: links may count that did not then."""
    last = _last_version(run.source_id).where(runs.c.created_at < run.created_at)
    async with store.read() as connection:
        now = await connection.scalar(select(runs.c.source_version).where(runs.c.id == run.id))
        then = await connection.scalar(last)
    return then is not None and then != now


def _last_version(source_id: str) -> Select[Any]:
    """The version of the source with which its last completed run began."""
    completed = and_(runs.c.source_id == source_id, runs.c.state == RunState.COMPLETED.value)
    return select(runs.c.source_version).where(completed).order_by(runs.c.created_at.desc()).limit(1)


async def state(store: Store, run_id: str) -> RunState:
    """The state of a run that exists."""
    async with store.read() as connection:
        return RunState(str(await connection.scalar(select(runs.c.state).where(runs.c.id == run_id))))


async def waiting(store: Store) -> list[str]:
    """The runs that a crawler should take up, oldest first: queued ones and interrupted ones."""
    states = (RunState.QUEUED.value, RunState.INTERRUPTED.value)
    open_ones = and_(runs.c.finished_at.is_(None), runs.c.state.in_(states))  # as their index has it
    statement = select(runs.c.id).where(open_ones).order_by(runs.c.created_at)
    async with store.read() as connection:
        return list((await connection.execute(statement)).scalars())


async def begin(store: Store, run_id: str, worker_id: str) -> bool:
    """Set a queued or interrupted run running. False if it is running already (another crawler is at it)."""
    async with store.write() as connection:
        return await _set_running(connection, run_id, worker_id, store.now())


async def _set_running(connection: AsyncConnection, run_id: str, worker_id: str, now: datetime) -> bool:
    ready = runs.c.state.in_((RunState.QUEUED.value, RunState.INTERRUPTED.value))
    values = {
        "state": RunState.RUNNING.value,
        "worker_id": worker_id,
        "started_at": func.coalesce(runs.c.started_at, literal(now, runs.c.started_at.type)),
        "error": None,
    }
    done = await connection.execute(update(runs).where(runs.c.id == run_id, ready).values(values))
    return done.rowcount == 1


async def interrupt(store: Store, run_id: str, error: str | None = None) -> None:
    """A running run stops before its end; it can be taken up again."""
    running = and_(runs.c.id == run_id, runs.c.state == RunState.RUNNING.value)
    async with store.write() as connection:
        await connection.execute(update(runs).where(running).values(state=RunState.INTERRUPTED.value, error=error))


@tried_again
async def cancel(store: Store, run_id: str, by: Caller | None = None) -> Run:
    """End a run for good: what is not fetched yet is `skipped`, what is captured is still processed.

    Raises `NotFound`, `Conflict` if it has ended already, `Forbidden` (`not_owner`) if the source is not `by`'s.
    """
    run = await get(store, run_id)
    async with store.write(locks.EVENTS, *locks.of_sources([run.source_id]), *locks.of_runs([run_id])) as connection:
        now = store.now()
        await ownership.check(connection, run.source_id, by)
        found = RunState(str(await connection.scalar(select(runs.c.state).where(runs.c.id == run_id))))
        if found in FINISHED_RUNS:
            raise Conflict(f"run {run_id} has ended already ({found.value})", reason="run_ended")
        await _cancel(connection, run_id, run.source_id, now)
        if by is not None:
            await audit.append(connection, by, [Note("run.cancel", run_id, {"source": run.source})], now)
    return await get(store, run_id)


@tried_again
async def finish(store: Store, run_id: str, max_pages: int, max_bytes: int = 0) -> RunState:
    """End the run if nothing is left to do: `completed`, or `crawled` if captures still wait to be processed.

    Pages beyond `max_pages`, or beyond `max_bytes` received (0: no limit), are `skipped` first. Returns the state in
    which the run is now.
    """
    async with store.write(locks.EVENTS, *locks.of_runs([run_id])) as connection:
        now = store.now()
        columns = (runs.c.state, runs.c.admitted, runs.c.received_bytes)
        row = (await connection.execute(select(*columns).where(runs.c.id == run_id))).one()
        if row.state not in (RunState.RUNNING.value, RunState.INTERRUPTED.value):
            return RunState(row.state)
        of_run = and_(visits.c.run_id == run_id, IS_OPEN)
        leased = await connection.scalar(select(func.count()).where(of_run, visits.c.state == VisitState.LEASED.value))
        spent = row.admitted >= max_pages or 0 < max_bytes <= row.received_bytes
        if spent and not leased:
            surplus = and_(of_run, visits.c.state == VisitState.PENDING.value, visits.c.attempts == 0)
            await connection.execute(update(visits).where(surplus).values(_skipped("limit", now)))
        waiting_states = (VisitState.PENDING.value, VisitState.LEASED.value)
        if await connection.scalar(select(func.count()).where(of_run, visits.c.state.in_(waiting_states))):
            return RunState.RUNNING
        await connection.execute(update(runs).where(runs.c.id == run_id).values(state=RunState.CRAWLED.value))
        await complete(connection, [run_id], now)
        return RunState(str(await connection.scalar(select(runs.c.state).where(runs.c.id == run_id))))


async def complete(connection: AsyncConnection, run_ids: Sequence[str], now: datetime) -> None:
    """Those of these crawled runs in which no visit is open any more are completed."""
    is_open = select(literal(1)).where(visits.c.run_id == runs.c.id, IS_OPEN).exists()
    ready = and_(runs.c.id.in_(run_ids), runs.c.state == RunState.CRAWLED.value, ~is_open)
    statement = select(runs.c.id, runs.c.source_id).where(ready)
    for row in (await connection.execute(statement)).all():
        ended = {"state": RunState.COMPLETED.value, "finished_at": now}
        await connection.execute(update(runs).where(runs.c.id == row.id).values(ended))
        await events.append(connection, [_finished(row.source_id, row.id, RunState.COMPLETED, now)])


async def outcomes(connection: AsyncConnection, run_id: str) -> dict[str, int]:
    """How many visits of a run stand where: outcomes first, open states by their own name."""
    return (await _counted(connection, run_id))[0]


async def _counted(connection: AsyncConnection, run_id: str) -> tuple[dict[str, int], datetime | None]:
    """The same, and when the last of them was finished: one look at them all, since there may be many."""
    label = func.coalesce(visits.c.outcome, visits.c.state)
    columns = (label, func.count(), func.max(visits.c.finished_at))
    rows = (await connection.execute(select(*columns).where(visits.c.run_id == run_id).group_by(label))).all()
    counted = {str(name): int(count) for name, count, _ in rows}
    order = [*(outcome.value for outcome in Outcome), *(state.value for state in VisitState)]
    last = max((at for _, _, at in rows if at is not None), default=None)
    return {name: counted[name] for name in order if name in counted}, last


async def _insert(
    connection: AsyncConnection,
    source: Source,
    options: RunOptions,
    starts: Sequence[Found],
    now: datetime,
    by: Caller | None = None,
) -> str:
    run_id = new_id()
    if await connection.scalar(select(sources.c.deleted_at).where(sources.c.id == source.id)) is not None:
        raise NotFound(f"source {source.name!r} was deleted; apply it again to bring it back", reason="no_such_source")
    if options.due_only and await connection.scalar(_last_version(source.id)) not in (None, source.version):
        options = replace(options, due_only=False)  # by its new rules every page may lead elsewhere
    row = {
        "id": run_id,
        "source_id": source.id,
        "source_version": source.version,
        "state": RunState.QUEUED.value,
        "options": asdict(options),
        "created_at": now,
        "user_id": by.user_id if by is not None else None,
    }
    await connection.execute(insert(runs).values(row))
    entry = entry_of(run_id, source, options)
    await admission.enter(connection, entry, starts, now)
    saved = await admission.enter_known(connection, entry, now)
    if saved.requests:
        spared = {"saved_requests": saved.requests, "saved_bytes": saved.size_bytes}
        await connection.execute(update(runs).where(runs.c.id == run_id).values(spared))
    await events.append(connection, [events.line(RUN_STARTED, now, source_id=source.id, run_id=run_id)])
    return run_id


def entry_of(run_id: str, source: Source, options: RunOptions, *, relink: bool = False) -> Entry:
    """The run as URLs are entered in its ledger. With `relink` every page is to be read, whatever its listing says."""
    full = options.full or relink
    return Entry(run_id, source.id, source.spec.recrawl, full=full, due_only=options.due_only)


async def _unfinished(connection: AsyncConnection, source_id: str) -> str | None:
    condition = and_(runs.c.source_id == source_id, runs.c.state.in_([state.value for state in _UNFINISHED]))
    newest = (runs.c.created_at.desc(), runs.c.id.desc())
    statement = select(runs.c.id, runs.c.state, runs.c.options).where(condition).order_by(*newest).limit(1)
    row = (await connection.execute(statement)).one_or_none()
    at_rest = row is not None and row.state == RunState.CRAWLED.value and row.options.get("crawl_only")
    return None if row is None or at_rest else str(row.id)


async def _reopen(connection: AsyncConnection, run_id: str) -> None:
    """A run that was crawled has something to fetch again, if it got start URLs that its source did not have then."""
    pending = and_(visits.c.run_id == run_id, IS_OPEN, visits.c.state == VisitState.PENDING.value)
    crawled = and_(runs.c.id == run_id, runs.c.state == RunState.CRAWLED.value)
    waits = select(literal(1)).where(pending).exists()
    await connection.execute(update(runs).where(crawled, waits).values(state=RunState.INTERRUPTED.value))


async def _cancel(connection: AsyncConnection, run_id: str, source_id: str, now: datetime) -> None:
    unfetched = and_(visits.c.run_id == run_id, visits.c.state.in_((VisitState.PENDING.value, VisitState.LEASED.value)))
    await connection.execute(update(visits).where(unfetched).values(_skipped("run_cancelled", now)))
    ended = {"state": RunState.CANCELLED.value, "finished_at": now}
    await connection.execute(update(runs).where(runs.c.id == run_id).values(ended))
    await events.append(connection, [_finished(source_id, run_id, RunState.CANCELLED, now)])


def _finished(source_id: str, run_id: str, state: RunState, now: datetime) -> dict[str, object]:
    return events.line(RUN_FINISHED, now, source_id=source_id, run_id=run_id, payload={"state": state.value})


def _skipped(reason: str, now: datetime) -> dict[str, Any]:
    return {
        "state": VisitState.DONE.value,
        "outcome": Outcome.SKIPPED.value,
        "reason": reason,
        "finished_at": now,
        "token": None,
        "worker_id": None,
    }


def _select() -> Select[Any]:
    return select(runs, sources.c.name.label("source")).join(sources, sources.c.id == runs.c.source_id)


async def _run(connection: AsyncConnection, row: Mapping[str, Any]) -> Run:
    totals, last = (row["totals"], None) if row["totals"] else await _counted(connection, row["id"])
    end = row["finished_at"] or last
    started = row["started_at"]
    return Run(
        id=row["id"],
        source_id=row["source_id"],
        source=row["source"],
        state=RunState(row["state"]),
        options=RunOptions(**row["options"]),
        created_at=row["created_at"],
        started_at=started,
        finished_at=row["finished_at"],
        duration_s=max(0.0, (end - started).total_seconds()) if started and end else 0.0,
        fetched=row["fetched"],
        received_bytes=row["received_bytes"],
        out_of_scope=row["out_of_scope"],
        outcomes=totals,
        documents=await document_count(connection, row["source_id"]),
        error=row["error"],
        saved_requests=row["saved_requests"],
        saved_bytes=row["saved_bytes"],
        compacted_at=row["compacted_at"],
    )
