"""Hosts: what politeness must remember of a site between processes: its next slot, its health and its robots.txt.

In: what a batch of visits showed of their hosts, and the slots that a lease took. Out: how the hosts stand. The ledger
calls it inside its own transactions, so that several crawlers share one rate and one breaker for each host.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, and_, func, literal_column, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.models.host import RETRY_TOKENS, Breaker, HostPolicy, HostState, after, granted, is_fine, observed
from tidemill.models.outcome import Outcome, VisitState
from tidemill.models.visit import Fetched
from tidemill.store import locks
from tidemill.store.engine import Store, insert
from tidemill.store.tables import hosts, visits

_HEALTH = tuple(hosts.c[each.name] for each in fields(HostState))
_HOST_DOWN = "host_down"
_IS_PENDING = visits.c.state == literal_column(f"'{VisitState.PENDING.value}'")  # or its index would not be used


@dataclass(frozen=True, slots=True)
class RobotsRecord:
    """A robots.txt as it was last seen: `status` is `rules`, `allow_all` (4xx) or `deny_all` (5xx, timeout)."""

    status: str
    text: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Settled:
    """A batch in which refused retries are failures, and the hosts that are not, or not any more, as usual.

    `put_off` are those of them that asked for a pause. `ended` counts the waiting visits that failed because their host
    is down.
    """

    batch: list[Fetched]
    states: Mapping[str, HostState] = field(default_factory=dict)
    put_off: frozenset[str] = frozenset()
    ended: int = 0


async def robots(store: Store, origin: str) -> RobotsRecord | None:
    """What is remembered of an origin's robots.txt, expired or not; `None` if nothing is."""
    columns = (hosts.c.robots_status, hosts.c.robots, hosts.c.robots_expires_at)
    async with store.read() as connection:
        row = (await connection.execute(select(*columns).where(hosts.c.origin == origin))).one_or_none()
    if row is None or row.robots_status is None:
        return None
    return RobotsRecord(status=row.robots_status, text=row.robots or "", expires_at=row.robots_expires_at)


async def remember_robots(store: Store, origin: str, record: RobotsRecord) -> None:
    """Keep what an origin's robots.txt says."""
    values = {"robots_status": record.status, "robots": record.text, "robots_expires_at": record.expires_at}
    statement = insert(hosts).values(origin=origin, **values)
    async with store.write() as connection:
        await connection.execute(statement.on_conflict_do_update(index_elements=["origin"], set_=values))


async def out_of_step(connection: AsyncConnection, now: datetime) -> dict[str, HostState]:
    """The hosts that a lease must look at: those whose next slot is still to come, slowed ones, and failing ones."""
    to_heed = or_(hosts.c.next_slot_at > now, hosts.c.rate_per_s.is_not(None), hosts.c.breaker != Breaker.CLOSED.value)
    rows = (await connection.execute(select(*_HEALTH).where(to_heed))).mappings()
    return {row["origin"]: _state(row) for row in rows}


async def standing(store: Store, origins: Sequence[str]) -> dict[str, HostState]:
    """How these hosts stand, for whoever shows it; hosts of which nothing is known are left out."""
    async with store.read() as connection:
        return await _states(connection, origins)


async def troubled(store: Store) -> dict[str, int]:
    """How many hosts are `slowed` down, and how many are `open`: left alone, or tried just now."""
    is_open = hosts.c.breaker != Breaker.CLOSED.value
    statement = select(
        func.count().filter(hosts.c.rate_per_s.is_not(None), ~is_open).label("slowed"),
        func.count().filter(is_open).label("open"),
    ).select_from(hosts)
    async with store.read() as connection:
        row = (await connection.execute(statement)).one()
    return {"slowed": int(row.slowed), "open": int(row.open)}


async def take_slots(connection: AsyncConnection, slots_by_host: Mapping[str, datetime]) -> None:
    """Move the next free slot of each host."""
    if not slots_by_host:
        return
    statement = insert(hosts)
    statement = statement.on_conflict_do_update(
        index_elements=["origin"], set_={"next_slot_at": statement.excluded.next_slot_at}
    )
    rows = [{"origin": host, "next_slot_at": at} for host, at in slots_by_host.items()]
    await connection.execute(statement, rows)


async def begin_trials(connection: AsyncConnection, origins: Iterable[str], token: str, until: datetime) -> None:
    """One visit of each of these hosts is out to try it. If nothing is heard of it `until` then, another one may."""
    trial = {"breaker": Breaker.HALF_OPEN.value, "trial_token": token, "breaker_until": until}
    await connection.execute(update(hosts).where(hosts.c.origin.in_(origins)).values(trial))


async def abandon_trials(
    connection: AsyncConnection, origins: Iterable[str], tokens: Iterable[str], now: datetime
) -> None:
    """Trials that were leased with these tokens did not take place: the hosts may be tried at once."""
    theirs = and_(hosts.c.origin.in_(origins), hosts.c.trial_token.in_(tokens))
    await connection.execute(update(hosts).where(theirs).values(breaker_until=now))


async def settle(connection: AsyncConnection, batch: Sequence[Fetched], policy: HostPolicy, now: datetime) -> Settled:
    """Take note of what a batch of one run shows of its hosts, and decide which of its retries may be.

    To be called in the transaction that records the batch, before it is written. While all goes well it costs one
    look-up.
    """
    shown: dict[str, list[Fetched]] = {}
    for fetched in batch:
        shown.setdefault(fetched.visit.origin, []).append(fetched)
    known = await _states(connection, list(shown))
    states, refused = _judged(known, shown, policy, now)
    if not states:
        return Settled(list(batch))
    await locks.take(connection, locks.HOSTS)  # only now: others may have changed something meanwhile
    known = await _states(connection, list(shown))
    states, refused = _judged(known, shown, policy, now)
    before_by_host = {origin: known.get(origin) or HostState(origin) for origin in states}
    await _keep(connection, [state for origin, state in states.items() if _differs(state, before_by_host[origin])])
    down = [origin for origin, state in states.items() if policy.has_given_up(state)]
    return Settled(
        batch=[refused.get(each.visit.page_id, each) for each in batch],
        states=states,
        put_off=frozenset(each for each in states if states[each].next_slot_at != before_by_host[each].next_slot_at),
        ended=await _end_waiting(connection, batch[0].visit.run_id, down, now) if down else 0,
    )


def _judged(
    known: Mapping[str, HostState], shown: Mapping[str, list[Fetched]], policy: HostPolicy, now: datetime
) -> tuple[dict[str, HostState], dict[str, Fetched]]:
    """How the hosts stand that are not as usual, or not any more, and the retries that are refused, by page."""
    states: dict[str, HostState] = {}
    refused: dict[str, Fetched] = {}
    for origin, results in shown.items():
        before = known.get(origin) or HostState(origin)
        if before.is_healthy and all(is_fine(each, policy) for each in results):
            continue
        state = after(before, [observed(each, now) for each in results], policy, now)
        states[origin] = _judge_retries(state, results, policy, refused)
    return states, refused


def _judge_retries(
    state: HostState, results: Sequence[Fetched], policy: HostPolicy, refused: dict[str, Fetched]
) -> HostState:
    """What remains of a host's budget after these retries; `refused` gets those that may not be, as failures."""
    for each in results:
        state, refusal = granted(state, each, policy)
        if refusal is not None:
            refused[each.visit.page_id] = replace(each, outcome=Outcome.FAILED, reason=refusal, retry_at=None)
    return state


async def _states(connection: AsyncConnection, origins: Sequence[str]) -> dict[str, HostState]:
    statement = select(*_HEALTH).where(hosts.c.origin.in_(origins))
    return {row["origin"]: _state(row) for row in (await connection.execute(statement)).mappings()}


def _state(row: RowMapping) -> HostState:
    values: dict[str, Any] = dict(row)
    values["breaker"] = Breaker(values["breaker"])
    if values["retry_tokens"] is None:
        values["retry_tokens"] = RETRY_TOKENS
    return HostState(**values)


def _differs(state: HostState, before: HostState) -> bool:
    """Whether there is more to keep than a new mean of times."""
    return replace(state, latency_s=before.latency_s) != before


async def _keep(connection: AsyncConnection, states: Sequence[HostState]) -> None:
    if not states:
        return
    statement = insert(hosts)
    kept = {column.name: statement.excluded[column.name] for column in _HEALTH if column.name != "origin"}
    rows = [{each.name: getattr(state, each.name) for each in fields(state)} for state in states]
    for row in rows:
        row["breaker"] = row["breaker"].value
    await connection.execute(statement.on_conflict_do_update(index_elements=["origin"], set_=kept), rows)


async def _end_waiting(connection: AsyncConnection, run_id: str, origins: Sequence[str], now: datetime) -> int:
    """What a run still wants of hosts that are down has failed; the run need not wait for them."""
    waiting = and_(visits.c.run_id == run_id, _IS_PENDING, visits.c.origin.in_(origins))
    ended = {
        "state": VisitState.DONE.value,
        "outcome": Outcome.FAILED.value,
        "reason": _HOST_DOWN,
        "finished_at": now,
    }
    return int((await connection.execute(update(visits).where(waiting).values(ended))).rowcount)
