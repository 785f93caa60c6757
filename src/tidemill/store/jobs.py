"""Jobs: long work that goes on where it stopped. One row holds what was asked for and how far it is.

A job is at work as long as its worker is alive (see `workers`). Every write bears the job's token, so that one whose
worker was declared dead, and which another took up meanwhile, changes nothing. Called by `manage.reprocess`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.errors import Conflict
from tidemill.models.document import Json
from tidemill.models.ids import new_id
from tidemill.store import locks
from tidemill.store.engine import Store
from tidemill.store.tables import jobs, workers

_UNFINISHED = ("pending", "running")


@dataclass(frozen=True, slots=True)
class Job:
    """A job that this process may go on with. `begun_before`: `progress` tells how far it came."""

    id: str
    token: str
    request: Mapping[str, Json]
    progress: Mapping[str, Json]
    created_at: datetime
    begun_before: bool


async def take_up(
    store: Store, kind: str, request: Mapping[str, Json], worker_id: str, *, restart: bool = False
) -> Job:
    """The unfinished job of that kind with the same request, or a new one; with `restart` always a new one.

    Raises `Conflict` (`job_running`) if a living worker is at any job of the kind.
    """
    async with store.write(locks.JOBS) as connection:
        now = store.now()
        await _refuse_company(connection, kind)
        found = await _unfinished(connection, kind, request)
        if found is not None and restart:
            ended = {"state": "cancelled", "finished_at": now}
            await connection.execute(update(jobs).where(jobs.c.id == found["id"]).values(ended))
            found = None
        token = new_id()
        held = {"state": "running", "token": token, "worker_id": worker_id}
        if found is not None:
            await connection.execute(update(jobs).where(jobs.c.id == found["id"]).values({**held, "error": None}))
            return Job(found["id"], token, request, found["progress"], found["created_at"], begun_before=True)
        job = Job(new_id(), token, request, {}, now, begun_before=False)
        row = {"id": job.id, "kind": kind, "request": dict(request), "progress": {}, "created_at": now}
        await connection.execute(insert(jobs).values({**row, **held}))
        return job


async def save(store: Store, job: Job, progress: Mapping[str, Json]) -> None:
    """Keep how far a job is. Raises `Conflict` (`job_lost`) if another process has it now."""
    await _write(store, job, progress=dict(progress))


async def leave(store: Store, job: Job, error: str | None = None) -> None:
    """Stop before the end: the next one to ask for the same goes on with it."""
    await _write(store, job, state="pending", worker_id=None, error=error)


async def finish(store: Store, job: Job, progress: Mapping[str, Json]) -> None:
    """The job is done."""
    await _write(store, job, progress=dict(progress), state="done", worker_id=None, finished_at=store.now())


async def _write(store: Store, job: Job, **values: Any) -> None:
    ours = and_(jobs.c.id == job.id, jobs.c.token == job.token, jobs.c.state == "running")
    async with store.write() as connection:
        if (await connection.execute(update(jobs).where(ours).values(values))).rowcount != 1:
            raise Conflict(
                f"job {job.id} was taken up by another process, since this one gave no sign of life for too long",
                reason="job_lost",
            )


async def _refuse_company(connection: AsyncConnection, kind: str) -> None:
    at_work = (
        select(jobs.c.created_at, workers.c.pid, workers.c.hostname)
        .join(workers, workers.c.id == jobs.c.worker_id)
        .where(jobs.c.kind == kind, jobs.c.state == "running")
    )
    row = (await connection.execute(at_work)).first()
    if row is not None:
        raise Conflict(
            f"another {kind} is at work on this store (process {row.pid} on {row.hostname}, begun"
            f" {row.created_at:%Y-%m-%d %H:%M} UTC); wait for its end, or stop it with Ctrl-C first",
            reason="job_running",
        )


async def _unfinished(connection: AsyncConnection, kind: str, request: Mapping[str, Json]) -> Any:
    waiting = and_(jobs.c.kind == kind, jobs.c.state.in_(_UNFINISHED))
    rows = await connection.execute(select(jobs).where(waiting).order_by(jobs.c.created_at.desc()))
    return next((row for row in rows.mappings() if row["request"] == dict(request)), None)
