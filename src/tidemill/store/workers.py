"""Workers: one row and one file lock for each process that holds leases, so that a dead owner's work comes back.

A worker is dead when its lock can be had (the kernel lets go of it with the process: at once), or when its heart has
not beaten for a whole lease. A worker that was declared dead but is not finds its token gone and can change nothing.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    and_,
    delete,
    func,
    insert,
    literal_column,
    select,
    union,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.models.ids import new_id
from tidemill.models.outcome import VisitState
from tidemill.models.run import RunState
from tidemill.store import captures as captures_store
from tidemill.store import hosts, locks
from tidemill.store.again import tried_again
from tidemill.store.engine import Store
from tidemill.store.tables import runs, visits, waiting, workers
from tidemill.telemetry.steps import reached

# States are written as the partial indexes have them: SQLite would not see that a bound value fits.
_IS_LEASED = visits.c.state == literal_column(f"'{VisitState.LEASED.value}'")


@dataclass(slots=True)
class Worker:
    """This process, as the ledger knows it. Hold it for as long as leases are held."""

    id: str
    role: str
    lock_path: Path
    lock_fd: int


async def register(store: Store, role: str) -> Worker:
    """Enter this process in the list of workers."""
    worker_id = new_id()
    folder = store.lock_folder
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{worker_id}.lock"
    descriptor = _locked(path)
    worker = Worker(id=worker_id, role=role, lock_path=path, lock_fd=descriptor)
    try:
        async with store.write() as connection:
            await _enter(connection, worker, store.now())
    except BaseException:  # a process that waits for its database tries once a second, and has so many files
        path.unlink(missing_ok=True)
        os.close(descriptor)
        raise
    reached("worker.registered")
    return worker


async def beat(store: Store, worker: Worker) -> bool:
    """One heartbeat. False if the worker was declared dead meanwhile: it is listed again, but its leases are gone."""
    now = store.now()
    statement = update(workers).where(workers.c.id == worker.id).values(heartbeat_at=now)
    async with store.write() as connection:
        if (await connection.execute(statement)).rowcount == 1:
            return True
        await _enter(connection, worker, now)
        return False


@tried_again
async def _resign(store: Store, worker_id: str) -> None:
    async with store.write() as connection:
        await _bury(connection, [worker_id], store.now())


async def leave(store: Store, worker: Worker) -> None:
    """Give back everything this worker still holds, and take it off the list. May be tried again if that fails."""
    await _resign(store, worker.id)
    reached("worker.resigned")
    worker.lock_path.unlink(missing_ok=True)
    os.close(worker.lock_fd)


@tried_again
async def reclaim(store: Store, lease_s: float, own: Worker | None = None) -> int:
    """Take back the leases of dead workers and call the runs they left alone interrupted. Returns how many died.

    `own` is the worker that asks: it is not dead, however long it slept.
    """
    async with store.read() as connection:  # every process asks this once a second: one transaction, nothing made anew
        rows = (await connection.execute(_LISTED)).all()
        unlisted = (await connection.execute(_UNLISTED)).scalars().all()
        orphans = await connection.scalar(_ORPHANS) or await connection.scalar(_LEFT_OVER)
    others = [row for row in rows if own is None or row.id != own.id]
    if own is not None and len(others) == len(rows):
        await beat(store, own)  # it was declared dead, and what it goes on to hold is not to be taken from it
        return await reclaim(store, lease_s, own)
    _tidy(store.lock_folder, {row.id for row in rows})
    oldest = store.now() - timedelta(seconds=lease_s)
    dead = [row.id for row in others if row.heartbeat_at < oldest or _abandoned(store.lock_folder / f"{row.id}.lock")]
    if not dead and not unlisted and not orphans:
        return 0
    async with store.write() as connection:
        await _bury(connection, [*dead, *unlisted], store.now(), lost=1)
        await captures_store.adopt(connection)
        await connection.execute(update(runs).where(_running_alone()).values(state=RunState.INTERRUPTED.value))
    reached("worker.buried")
    for worker_id in dead:
        (store.lock_folder / f"{worker_id}.lock").unlink(missing_ok=True)
    return len(dead)


async def _enter(connection: AsyncConnection, worker: Worker, now: datetime) -> None:
    row = {"id": worker.id, "role": worker.role, "hostname": socket.gethostname(), "pid": os.getpid()}
    await connection.execute(insert(workers).values(**row, started_at=now, heartbeat_at=now))


def _running_alone() -> ColumnElement[bool]:
    """Runs without a living worker. Of unfinished ones, since these have an index: runs are many in time."""
    alive = select(workers.c.id).where(workers.c.id == runs.c.worker_id).exists()
    return and_(runs.c.finished_at.is_(None), runs.c.state == RunState.RUNNING.value, ~alive)


def _locked(path: Path) -> int:
    """Make a file and lock it; once more if another process took it for litter before it was locked."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if os.path.samestat(path.stat(), os.fstat(descriptor)):
                return descriptor
        os.close(descriptor)


def _tidy(folder: Path, listed: set[str]) -> None:
    """Remove what is left of processes that died before they were listed, or after they no longer were."""
    for path in folder.glob("*.lock"):
        if path.stem not in listed and _abandoned(path):
            path.unlink(missing_ok=True)


def _abandoned(path: Path) -> bool:
    """Whether nobody holds the lock on the file. A missing file says nothing: the heartbeat decides."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _unlisted() -> CompoundSelect[str]:
    """Who holds something but is not listed: it was declared dead, went on, and died before its next heartbeat."""
    listed = select(workers.c.id)
    leasing = select(visits.c.worker_id).where(_IS_LEASED, visits.c.worker_id.not_in(listed))
    claiming = select(waiting.c.worker_id).where(captures_store.CLAIMED, waiting.c.worker_id.not_in(listed))
    return union(leasing, claiming)


_LISTED = select(workers.c.id, workers.c.heartbeat_at)
_UNLISTED = _unlisted()
_ORPHANS = select(func.count()).select_from(runs).where(_running_alone())
_LEFT_OVER = select(captures_store.any_left_over())


async def _bury(connection: AsyncConnection, dead: Sequence[str], now: datetime, lost: int = 0) -> None:
    """Leased visits become pending (and no longer count as admitted), claimed captures too; hosts that one of them was
    to try may be tried by another. `lost` attempts are counted: a capture may be what killed its processor."""
    held = and_(visits.c.worker_id.in_(dead), _IS_LEASED)
    of_runs = (await connection.execute(select(visits.c.run_id).where(held).distinct())).scalars().all()
    await locks.take(connection, *locks.of_runs(of_runs), locks.HOSTS)
    columns = (visits.c.run_id, visits.c.origin, visits.c.token, visits.c.attempts)
    rows = (await connection.execute(select(*columns).where(held))).all()
    for run_id, first_tries in Counter(row.run_id for row in rows if row.attempts == 0).items():
        back = {"admitted": runs.c.admitted - first_tries}
        await connection.execute(update(runs).where(runs.c.id == run_id).values(back))
    free = {"token": None, "worker_id": None}
    await connection.execute(update(visits).where(held).values(state=VisitState.PENDING.value, **free))
    if rows:
        await hosts.abandon_trials(connection, {row.origin for row in rows}, {row.token for row in rows}, now)
    claimed = and_(waiting.c.worker_id.in_(dead), captures_store.CLAIMED)
    again = {"attempts": waiting.c.attempts + lost}
    await captures_store.hold(connection, claimed)
    await connection.execute(update(waiting).where(claimed).values(**again, **free, announced_at=None))
    await connection.execute(delete(workers).where(workers.c.id.in_(dead)))
