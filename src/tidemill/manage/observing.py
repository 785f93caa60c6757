"""What health and metrics ask of the open house: whether its parts answer, how much waits, how far behind the index is.

In: the parts that `app` has opened. Out: findings and gauges, made whenever somebody looks. Registered by `app`.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from tidemill.limits.open import Limits
from tidemill.queue.base import Queue
from tidemill.search.answering import Answering
from tidemill.search.indexer import Indexer
from tidemill.store import hosts
from tidemill.store.engine import Store
from tidemill.store.pool import pool_states
from tidemill.store.replicas import Replicas
from tidemill.store.totals import document_states, open_visit_states
from tidemill.telemetry.health import Finding, Health, Status
from tidemill.telemetry.metrics import Metrics


class Observed(Protocol):
    """The parts that are looked at, and where what was seen is told."""

    @property
    def store(self) -> Store:
        """Hard: without it nothing can be done."""
        ...

    @property
    def replicas(self) -> Replicas:
        """Soft."""
        ...

    @property
    def queue(self) -> Queue:
        """Soft."""
        ...

    @property
    def indexer(self) -> Indexer:
        """Of the index that is searched."""
        ...

    @property
    def searching(self) -> Answering:
        """Soft."""
        ...

    @property
    def limits(self) -> Limits:
        """Soft: without their server each process counts for itself."""
        ...

    @property
    def metrics(self) -> Metrics:
        """Where numbers go."""
        ...

    @property
    def health(self) -> Health:
        """Where findings go."""
        ...


def register(app: Observed) -> None:
    """Have health and metrics ask from now on."""
    app.health.register("database", lambda: _database(app), is_hard=True)
    app.health.register("queue", lambda: _queue(app), is_hard=False)
    app.health.register("search", lambda: _search(app), is_hard=False)
    app.metrics.add_refresh("queue", lambda: _refresh_queue(app))
    app.metrics.add_refresh("store", lambda: _refresh_store(app))
    app.metrics.add_refresh("pool", lambda: _refresh_pools(app))
    if app.limits.is_shared:
        app.health.register("limits", lambda: _limits(app), is_hard=False)
        app.metrics.add_refresh("limits", lambda: _refresh_limits(app))
    if app.replicas.are_any:
        app.health.register("replicas", lambda: _replicas(app), is_hard=False)
        app.metrics.add_refresh("replicas", lambda: _refresh_replicas(app))


async def _database(app: Observed) -> Finding:
    await app.store.check()
    return Finding(Status.PASS, "answers")


async def _queue(app: Observed) -> Finding:
    await app.queue.check()
    return Finding(Status.PASS, "answers")


async def _search(app: Observed) -> Finding:
    lag = await app.indexer.lag()
    if app.searching.is_degraded:
        return Finding(Status.WARN, "the engine failed; answers are stale", {"lag_events": lag})
    return Finding(Status.PASS, f"{lag} changes behind", {"lag_events": lag})


async def _limits(app: Observed) -> Finding:
    await app.limits.limiter.check()
    return Finding(Status.PASS, "answers")


async def _refresh_limits(app: Observed) -> None:
    app.metrics.set_limits_degraded(app.limits.is_degraded)


async def _refresh_pools(app: Observed) -> None:
    app.metrics.set_pools(pool_states({"writer": app.store.writer, "reader": app.store.reader}))


async def _replicas(app: Observed) -> Finding:
    """A standby that is left out costs the primary more work, and nothing else."""
    standings = await app.replicas.standings()
    out = [f"{each.name}: {each.why}" for each in standings if not each.is_used]
    lags = [each.lag_s for each in standings if each.is_used]
    values: dict[str, float | int | str] = {"used": len(lags), "of": len(standings)}
    if lags:
        values["lag_s"] = round(max(lags), 1)
    if out:
        return Finding(Status.WARN, f"left out: {'; '.join(out)}", values)
    return Finding(Status.PASS, f"{len(lags)} answer reads", values)


async def _refresh_replicas(app: Observed) -> None:
    standings = await app.replicas.standings()
    app.metrics.set_replicas({each.name: each.lag_s for each in standings}, app.replicas.reads)


async def _refresh_queue(app: Observed) -> None:
    backlog, now = await app.queue.backlog(), app.store.now()
    waiting = backlog.by_priority.items()
    ages_s = {priority: (now - each.oldest_fetched_at).total_seconds() for priority, each in waiting}
    app.metrics.set_queue({priority: each.captures for priority, each in waiting}, ages_s)
    app.metrics.set_hosts(await hosts.troubled(app.store))
    app.metrics.set_index_lag(await app.indexer.lag())


async def _refresh_store(app: Observed) -> None:
    """Totals over all rows: with many millions of them, minutes old."""
    states, open_visits = await asyncio.gather(document_states(app.store), open_visit_states(app.store))
    app.metrics.set_documents(states)
    app.metrics.set_visits(open_visits)
