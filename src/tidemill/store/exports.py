"""Jobs of the kind `export`: made by callers, taken up by whichever process can, one file each.

A job is at work as long as the worker that took it up is listed (see `workers`); a dead one's is taken up again. Every
later write bears the token of the take-up, so that a worker that was declared dead changes nothing. Called by
`manage.exports`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, and_, delete, insert, literal_column, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.errors import Conflict, NotFound
from tidemill.models.account import Caller
from tidemill.models.audit import Note
from tidemill.models.document import Json
from tidemill.models.export import Export, Finished, Held
from tidemill.models.ids import new_id
from tidemill.store import audit, locks
from tidemill.store.again import tried_again
from tidemill.store.engine import Store
from tidemill.store.tables import jobs, workers

KIND = "export"
DELETED = "cancelled"
Bound = Callable[[AsyncConnection], Awaitable[None]]
QUERY = "query"
"""What a request has that asks the search engine."""

_LOOKED_AT = 100
_OPEN = and_(jobs.c.kind == literal_column("'export'"), jobs.c.finished_at.is_(None))
"""As the partial index has it: SQLite would not see that a bound value fits."""


@tried_again
async def create(store: Store, request: Mapping[str, Json], by: Caller, bound: Bound | None = None) -> Export:
    """A new job of the caller's, waiting for whoever works on exports; noted in the audit log.

    `bound` may refuse it, seeing all that were made before.
    """
    async with store.write(locks.AUDIT) as connection:
        if bound is not None:
            await bound(connection)
        now = store.now()
        export_id = new_id()
        row = {"id": export_id, "kind": KIND, "state": "pending", "request": dict(request), "progress": {}}
        owner = {"user_id": by.user_id, "team_id": by.team_id, "created_at": now}
        await connection.execute(insert(jobs).values({**row, **owner}))
        await audit.append(connection, by, [Note("export.create", export_id, dict(request))], now)
        return await _get(connection, export_id)


async def get(store: Store, export_id: str) -> Export:
    """One job. Raises `NotFound` (`no_such_export`), also for one that was deleted."""
    async with store.read() as connection:
        return await _get(connection, export_id)


async def listed(store: Store, by: Caller, *, before: str | None, limit: int) -> list[Export]:
    """The jobs that the caller may see, the newest first; those made before the one named."""
    statement = select(jobs).where(jobs.c.kind == KIND, jobs.c.state != DELETED, _visible(by))
    if before is not None:
        statement = statement.where(jobs.c.id < before)
    async with store.read() as connection:
        rows = await connection.execute(statement.order_by(jobs.c.id.desc()).limit(limit))
        return [_export(row) for row in rows.mappings()]


@tried_again
async def remove(store: Store, export: Export, by: Caller) -> None:
    """Nobody sees it any more, and who is at work on it finds its token gone. The row stays for the day's quota."""
    async with store.write() as connection:
        now = store.now()
        gone = {"state": DELETED, "token": None, "worker_id": None, "finished_at": now}
        this = and_(jobs.c.id == export.id, jobs.c.state != DELETED)
        if (await connection.execute(update(jobs).where(this).values(gone))).rowcount:
            await audit.append(connection, by, [Note("export.delete", export.id)], now)


async def waiting(store: Store, *, queries: bool) -> bool | None:
    """Whether a job waits for somebody, as `take` would find it; `None` if no job is open at all."""
    async with store.read() as connection:
        rows = (await connection.execute(select(jobs.c.request, _free()).where(_OPEN).limit(_LOOKED_AT))).all()
    return any(is_free and (queries or QUERY not in request) for request, is_free in rows) if rows else None


@tried_again
async def take(store: Store, worker_id: str, *, queries: bool) -> Held | None:
    """The oldest job that waits, for this worker; without `queries` none that asks the search engine."""
    async with store.write(locks.JOBS) as connection:
        rows = await connection.execute(select(jobs).where(_OPEN, _free()).order_by(jobs.c.id))
        row = next((each for each in rows.mappings() if queries or QUERY not in each["request"]), None)
        if row is None:
            return None
        before = row["progress"]
        held = Held(row["id"], new_id(), int(before.get("attempts", 0)) + 1, row["request"], before.get("file"))
        taken = {"state": "running", "token": held.token, "worker_id": worker_id, "error": None}
        progress = {"attempts": held.attempts, "rows": 0}
        await connection.execute(update(jobs).where(jobs.c.id == held.id).values(**taken, progress=progress))
        return held


async def save(store: Store, held: Held, rows: int, file: str | None = None) -> None:
    """Keep how far it is, and which file comes to be. Raises `Conflict` (`job_lost`) if it was deleted, or another
    process has it."""
    await _write(store, held, progress={"attempts": held.attempts, "rows": rows, "file": file})


async def finish(store: Store, held: Held, done: Finished) -> None:
    """The file is whole and on the shelf. Raises `Conflict` (`job_lost`)."""
    progress = {"attempts": held.attempts, **asdict(done)}
    await _write(store, held, progress=progress, state="done", worker_id=None, finished_at=store.now())


async def fail(store: Store, held: Held, why: str) -> None:
    """It cannot be done. Raises `Conflict` (`job_lost`)."""
    await _write(store, held, state="failed", worker_id=None, error=why, finished_at=store.now())


async def give_back(store: Store, held: Held, *, tried: bool) -> None:
    """Leave it to whoever comes next; not `tried`: its worker was told to stop. Raises `Conflict` (`job_lost`)."""
    attempts = held.attempts if tried else held.attempts - 1
    progress = {"attempts": attempts, "rows": 0}
    await _write(store, held, state="pending", worker_id=None, token=None, progress=progress)


async def finished_before(store: Store, at: datetime, limit: int = 100) -> list[Export]:
    """Jobs that ended before then, deleted ones included: their files and rows may go."""
    old = and_(jobs.c.kind == KIND, jobs.c.finished_at < at)
    async with store.read() as connection:
        rows = await connection.execute(select(jobs).where(old).order_by(jobs.c.id).limit(limit))
        return [_export(row) for row in rows.mappings()]


@tried_again
async def forget(store: Store, export_ids: Sequence[str]) -> None:
    """Delete the rows of jobs that ended."""
    async with store.write() as connection:
        ended = and_(jobs.c.id.in_(export_ids), jobs.c.kind == KIND, jobs.c.finished_at.is_not(None))
        await connection.execute(delete(jobs).where(ended))


def _free() -> ColumnElement[bool]:
    alive = select(workers.c.id).where(workers.c.id == jobs.c.worker_id).exists()
    return or_(jobs.c.state == "pending", and_(jobs.c.state == "running", ~alive))


def _visible(by: Caller) -> ColumnElement[bool]:
    """See `Caller.may_edit`: the caller's own, the team's, and what nobody owns."""
    if by.is_admin:
        return true()
    seen = [and_(jobs.c.user_id.is_(None), jobs.c.team_id.is_(None))]
    if by.user_id is not None:
        seen.append(jobs.c.user_id == by.user_id)
    if by.team_id is not None:
        seen.append(jobs.c.team_id == by.team_id)
    return or_(*seen)


@tried_again
async def _write(store: Store, held: Held, **values: Any) -> None:
    ours = and_(jobs.c.id == held.id, jobs.c.token == held.token, jobs.c.state == "running")
    async with store.write() as connection:
        if (await connection.execute(update(jobs).where(ours).values(values))).rowcount != 1:
            raise Conflict(f"the export {held.id} was deleted, or another process has it", reason="job_lost")


async def _get(connection: AsyncConnection, export_id: str) -> Export:
    this = and_(jobs.c.id == export_id, jobs.c.kind == KIND, jobs.c.state != DELETED)
    row = (await connection.execute(select(jobs).where(this))).mappings().one_or_none()
    if row is None:
        raise no_such_export(export_id)
    return _export(row)


def no_such_export(export_id: str) -> NotFound:
    """Also said of another's."""
    return NotFound(f"no export {export_id!r}; GET /api/v1/exports lists yours", reason="no_such_export")


def _export(row: RowMapping) -> Export:
    progress = row["progress"]
    told = {name: progress[name] for name in ("size_bytes", "sha256", "file", "truncated") if name in progress}
    return Export(
        id=row["id"],
        state=row["state"],
        format=str(row["request"]["format"]),
        request=row["request"],
        created_at=row["created_at"],
        finished_at=row["finished_at"],
        user_id=row["user_id"],
        team_id=row["team_id"],
        error=row["error"],
        rows=int(progress.get("rows", 0)),
        attempts=int(progress.get("attempts", 0)),
        **told,
    )
