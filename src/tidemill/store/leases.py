"""Leases: which visits of a run may go out now, and when; and giving them back.

In: a run, a worker, and how many visits it has room for. Out: leased `Visit`s, each with the slot that politeness gives
it. The crawl stage calls it; every later write of a visit bears the token that it got here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    and_,
    bindparam,
    case,
    func,
    literal,
    literal_column,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.models.host import Breaker, HostState
from tidemill.models.ids import new_id
from tidemill.models.outcome import VisitState
from tidemill.models.visit import Visit
from tidemill.store import hosts, locks
from tidemill.store.again import tried_again
from tidemill.store.dialect import hint
from tidemill.store.engine import Store
from tidemill.store.tables import pages, runs, visits

_MOST_LOOKS = 8
# States are written as the partial indexes have them: SQLite would not see that a bound value fits.
_IS_PENDING = visits.c.state == literal_column(f"'{VisitState.PENDING.value}'")
_IS_LEASED = visits.c.state == literal_column(f"'{VisitState.LEASED.value}'")
# SQLite would rather read the whole ledger of the run than its few open listings, if it were not told.
_UNTRIED_LISTINGS = (
    "SELECT page_id, origin, state FROM visits{hint} WHERE run_id = {run_id} AND is_listing AND state <> 'done'"
    " AND state <> 'captured' AND attempts = 0 LIMIT 1000"
)
_VISIT = tuple(visits.c[name] for name in ("run_id", "page_id", "origin", "depth", "hops", "attempts", "tried_at"))
_PAGE = tuple(
    pages.c[name] for name in ("source_id", "url", "kind", "etag", "last_modified", "body_hash", "size_bytes")
)


@tried_again
async def lease(
    store: Store,
    run_id: str,
    worker_id: str,
    *,
    limit: int,
    max_pages: int,
    horizon_s: float,
    interval_s: Callable[[str], float],
    max_bytes: int = 0,
    trial_s: float = 120.0,
) -> list[Visit]:
    """Lease up to `limit` pending visits, nearest to the start URLs first, each with the time at which it may go out.

    `interval_s(origin)` is the least time between two requests to a healthy origin. Visits whose turn would come later
    than `horizon_s` from now stay pending, and so do those of hosts that are left alone, and those beyond `max_pages`
    of the run or after `max_bytes` received (0: no limit). One visit of a host whose pause is over is leased to try it;
    the result is waited for `trial_s`. While sitemaps and feeds wait for their first try, nothing else is leased. The
    list is empty if there is nothing to lease just now.
    """
    token = new_id()
    async with store.write(*locks.of_runs([run_id]), locks.HOSTS) as connection:
        now = store.now()
        standing = await hosts.out_of_step(connection, now)
        fresh, are_listings = await _admissible(connection, run_id, max_pages, max_bytes)
        slots = _Slots(standing, now, now + timedelta(seconds=horizon_s), interval_s)
        ready = and_(visits.c.run_id == run_id, _IS_PENDING, visits.c.not_before <= now)
        listings = await _listings_to_wait_for(connection, run_id, standing) if are_listings else None
        if listings is not None:
            ready = and_(ready, visits.c.page_id.in_(listings))
        rows = await _chosen(connection, ready, slots, limit, fresh)
        if not rows:
            return []
        await hosts.take_slots(connection, slots.following)
        if slots.trials:
            await hosts.begin_trials(connection, slots.trials, token, now + timedelta(seconds=trial_s))
        await _hold(connection, run_id, worker_id, token, rows, now)
        return [_visit(row, token, slots.given[row.page_id], now) for row in rows]


@tried_again
async def release(store: Store, run_id: str, worker_id: str) -> None:
    """Give back the visits of a run that a worker has leased and will not fetch."""
    async with store.write(*locks.of_runs([run_id]), locks.HOSTS) as connection:
        await _give_back(connection, run_id, visits.c.worker_id == worker_id, store.now())


@tried_again
async def release_visits(store: Store, given_back: Sequence[Visit]) -> None:
    """Give back leased visits of one run that will not go out soon: it is as if they had never been leased.

    Those whose lease was taken back meanwhile stay as they are.
    """
    if not given_back:
        return
    theirs = and_(
        visits.c.page_id.in_([visit.page_id for visit in given_back]),
        visits.c.token.in_({visit.token for visit in given_back}),
    )
    run_id = given_back[0].run_id
    async with store.write(*locks.of_runs([run_id]), locks.HOSTS) as connection:
        await _give_back(connection, run_id, theirs, store.now())


class _Slots:
    """Who goes out when: the slots of one lease.

    `given` are the times by page, `following` the next free slots of the hosts that have a limit, `trials` the hosts
    that are tried, `full` those of which no further visit fits into this lease.
    """

    def __init__(
        self,
        standing: Mapping[str, HostState],
        now: datetime,
        horizon: datetime,
        interval_s: Callable[[str], float],
    ) -> None:
        self._standing = standing
        self._now = now
        self._horizon = horizon
        self._interval_s = interval_s
        self.given: dict[str, datetime] = {}
        self.following: dict[str, datetime] = {}
        self.trials: set[str] = set()
        self.full = {
            origin
            for origin, host in standing.items()
            if host.is_shut(now) or (host.next_slot_at is not None and host.next_slot_at > horizon)
        }

    def take(self, row: Row[Any]) -> bool:
        """Give a visit its slot, if its host has one."""
        origin = row.origin
        if origin in self.full:
            return False
        host = self._standing.get(origin)
        slot = self.following.get(origin) or self._first(host)
        interval = self._interval_s(origin)
        if host is not None:
            interval = max(interval, 1.0 / host.rate_per_s if host.rate_per_s else 0.0)
        if interval > 0:
            self.following[origin] = slot + timedelta(seconds=interval)
        if host is not None and host.breaker is not Breaker.CLOSED:
            self.trials.add(origin)
            self.full.add(origin)
        elif interval > 0 and self.following[origin] > self._horizon:
            self.full.add(origin)
        self.given[row.page_id] = slot
        return True

    def _first(self, host: HostState | None) -> datetime:
        return self._now if host is None or host.next_slot_at is None else max(self._now, host.next_slot_at)


async def _chosen(
    connection: AsyncConnection, ready: ColumnElement[bool], slots: _Slots, limit: int, fresh: int
) -> list[Row[Any]]:
    """The visits to lease, with their slots taken; at most `fresh` of them for the first time.

    A look into the ledger may show only visits of hosts that are soon full: then there is another look without those
    hosts, or a slow host with many visits would hide all the others.
    """
    rows: list[Row[Any]] = []
    for _ in range(_MOST_LOOKS):
        full, had = sorted(slots.full), fresh > 0
        wanted = ready if had else and_(ready, visits.c.attempts > 0)
        found = (await connection.execute(_first_of(wanted, full, limit))).all()
        for row in found:
            is_first = row.attempts == 0
            is_wanted = row.page_id not in slots.given and (fresh > 0 or not is_first)
            if is_wanted and len(rows) < limit and slots.take(row):
                rows.append(row)
                fresh -= is_first
        learned = len(slots.full) > len(full) or (had and fresh <= 0)
        if len(found) < limit or len(rows) >= limit or not learned:
            break
    return rows


async def _admissible(connection: AsyncConnection, run_id: str, max_pages: int, max_bytes: int) -> tuple[int, bool]:
    """How many more pages the run may ask for, and whether sitemaps or feeds that were never tried are among them."""
    listings: ColumnElement[bool] = literal_column(f"EXISTS ({_untried_listings(connection, 'runs.id')})")
    spent = select(runs.c.admitted, runs.c.received_bytes, listings.label("are_listings")).where(runs.c.id == run_id)
    row = (await connection.execute(spent)).one_or_none()
    if row is None or row.admitted >= max_pages or 0 < max_bytes <= row.received_bytes:
        return 0, False
    return max_pages - int(row.admitted), bool(row.are_listings)


def _untried_listings(connection: AsyncConnection, run_id: str) -> str:
    return _UNTRIED_LISTINGS.format(hint=hint(connection, "ix_visits_open_listings"), run_id=run_id)


async def _listings_to_wait_for(
    connection: AsyncConnection, run_id: str, standing: Mapping[str, HostState]
) -> list[str] | None:
    """The waiting ones of the sitemaps and feeds that were never tried; `None` if there are none to wait for.

    What they say of `lastmod` may save the pages that they list. Those of failing hosts are not waited for.
    """
    of_run = bindparam("run_id", type_=visits.c.run_id.type)
    statement = text(_untried_listings(connection, ":run_id")).bindparams(of_run)
    typed = statement.columns(visits.c.page_id, visits.c.origin, visits.c.state)
    rows = (await connection.execute(typed, {"run_id": run_id})).all()
    failing = {origin for origin, host in standing.items() if host.breaker is not Breaker.CLOSED}
    if all(row.origin in failing for row in rows):
        return None
    return [row.page_id for row in rows if row.state == VisitState.PENDING.value]


def _first_of(wanted: ColumnElement[bool], full: Sequence[str], limit: int) -> Select[Any]:
    """The first visits that are wanted, without those of the hosts in `full`.

    Their many visits are passed over inside the index, before anything else is read.
    """
    order = (visits.c.depth, visits.c.not_before, visits.c.page_id)
    statement = select(*_VISIT, *_PAGE).join(pages, pages.c.id == visits.c.page_id).order_by(*order)
    statement = statement.with_for_update(of=visits, skip_locked=True)  # who is just writing one may be ending it
    if not full:
        return statement.where(wanted).limit(limit)
    first = select(visits.c.run_id, visits.c.page_id).where(wanted, visits.c.origin.not_in(full))
    chosen = first.order_by(*order).limit(limit).correlate(None)
    return statement.where(tuple_(visits.c.run_id, visits.c.page_id).in_(chosen))


def _visit(row: Row[Any], token: str, slot: datetime, now: datetime) -> Visit:
    run_id, page_id, origin, depth, hops, attempts, tried_at, *of_page = tuple(row)
    source_id, url, kind, etag, last_modified, body_hash, size_bytes = of_page
    return Visit(
        run_id=run_id,
        page_id=page_id,
        source_id=source_id,
        url=url,
        origin=origin,
        kind=kind,
        depth=depth,
        hops=hops,
        attempts=attempts,
        token=token,
        not_before=slot,
        etag=etag,
        last_modified=last_modified,
        body_hash=body_hash,
        size_bytes=size_bytes,
        tried_at=(tried_at if attempts else None) or now,  # a lease that came to nothing was no try
    )


async def _hold(
    connection: AsyncConnection, run_id: str, worker_id: str, token: str, rows: Sequence[Row[Any]], now: datetime
) -> None:
    at = literal(now, visits.c.tried_at.type)
    tried_at = case((visits.c.attempts == 0, at), else_=func.coalesce(visits.c.tried_at, at))
    held = {"state": VisitState.LEASED.value, "token": token, "worker_id": worker_id, "tried_at": tried_at}
    chosen = and_(visits.c.run_id == run_id, visits.c.page_id.in_([row.page_id for row in rows]))
    await connection.execute(update(visits).where(chosen).values(held))
    first_tries = sum(row.attempts == 0 for row in rows)
    await connection.execute(update(runs).where(runs.c.id == run_id).values(_attended(worker_id, first_tries)))


def _attended(worker_id: str, admitted: int) -> dict[str, Any]:
    """Whoever leases is at work on the run, even if it was called interrupted because another crawler died."""
    running = case((runs.c.state == "interrupted", "running"), else_=runs.c.state)
    return {"admitted": runs.c.admitted + admitted, "worker_id": worker_id, "state": running}


async def _give_back(connection: AsyncConnection, run_id: str, which: ColumnElement[bool], now: datetime) -> None:
    held = and_(visits.c.run_id == run_id, which, _IS_LEASED)
    columns = (visits.c.origin, visits.c.token, visits.c.attempts)
    rows = (await connection.execute(select(*columns).where(held))).all()
    if not rows:
        return
    free = {"state": VisitState.PENDING.value, "token": None, "worker_id": None}
    await connection.execute(update(visits).where(held).values(free))
    first_tries = sum(row.attempts == 0 for row in rows)
    back = {"admitted": runs.c.admitted - first_tries}
    await connection.execute(update(runs).where(runs.c.id == run_id).values(back))
    await hosts.abandon_trials(connection, *_distinct((row.origin, row.token) for row in rows), now)


def _distinct(pairs: Iterable[tuple[str, str]]) -> tuple[set[str], set[str]]:
    origins, tokens = zip(*pairs, strict=True)
    return set(origins), set(tokens)
