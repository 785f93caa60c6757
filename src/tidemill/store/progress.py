"""What holds a run up: its hosts that are slowed down or left alone. All other numbers of its progress are totals."""

from __future__ import annotations

from sqlalchemy import and_, func, or_, select

from tidemill.models.outcome import OPEN_STATES, VisitState
from tidemill.models.progress import HeldHost, Progress
from tidemill.models.run import FINISHED_RUNS, Run
from tidemill.store.engine import Store
from tidemill.store.tables import hosts, visits

_MOST = 50
_OPEN = tuple(state.value for state in OPEN_STATES)


async def progress(store: Store, run: Run) -> Progress:
    """How far a run is."""
    left = sum(count for name, count in run.outcomes.items() if name in _OPEN)
    done = run.discovered - left
    started = run.started_at
    elapsed_s = (store.now() - started).total_seconds() if started and run.finished_at is None else run.duration_s
    pages_per_s = done / elapsed_s if elapsed_s > 0 else 0.0
    over = run.state in FINISHED_RUNS or not left
    return Progress(
        done=done,
        open=left,
        pages_per_s=round(pages_per_s, 2),
        left_s=0.0 if over else round(left / pages_per_s, 1) if pages_per_s else None,
        hosts=() if over else await _held(store, run.id),
    )


async def _held(store: Store, run_id: str) -> tuple[HeldHost, ...]:
    """Hosts that are slowed down or left alone and for which URLs of the run wait; most of them first."""
    waiting = func.count().label("waiting")
    of_run = and_(visits.c.run_id == run_id, visits.c.state == VisitState.PENDING.value)
    statement = (
        select(hosts.c.origin, hosts.c.breaker, hosts.c.breaker_until, hosts.c.rate_per_s, waiting)
        .join(visits, visits.c.origin == hosts.c.origin)
        .where(of_run, or_(hosts.c.breaker != "closed", hosts.c.rate_per_s.is_not(None)))
        .group_by(hosts.c.origin, hosts.c.breaker, hosts.c.breaker_until, hosts.c.rate_per_s)
        .order_by(waiting.desc(), hosts.c.origin)
        .limit(_MOST)
    )
    async with store.read() as connection:
        return tuple(
            HeldHost(row.origin, row.breaker, row.breaker_until, row.rate_per_s, row.waiting)
            for row in await connection.execute(statement)
        )
