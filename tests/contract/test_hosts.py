"""Hosts in the ledger: slow ones hold up nobody else, failing ones are left alone, and several crawlers share both."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import event, select, update
from tests.contract.store_house import House, opened_house

from tidemill.models.host import Breaker, HostPolicy, HostState
from tidemill.models.outcome import Outcome
from tidemill.models.run import Run, RunOptions, RunState
from tidemill.models.url import url_origin
from tidemill.models.visit import Fetched, Found, Visit
from tidemill.store import admission, hosts, leases, ledger, runs, tables, workers
from tidemill.store.hosts import Settled

A, B = "http://a.example", "http://b.example"
POLICY = HostPolicy(interval_s=lambda _: 0.0, breaker_failures=3, breaker_open_s=30, breaker_trials=2)


@pytest.fixture
async def house(tmp_path: Path, database: str) -> AsyncIterator[House]:
    async with opened_house(tmp_path) as house:
        yield house


def pages(origin: str, count: int, *, depth: int = 0, kind: str = "page") -> list[Found]:
    return [Found(url=f"{origin}/{kind}{n}", origin=origin, depth=depth, kind=kind) for n in range(count)]


async def begin(house: House, *found: Found) -> Run:
    run = await house.begin()
    async with house.store.write() as connection:
        await admission.enter(connection, runs.entry_of(run.id, house.source, RunOptions()), found, house.store.now())
    return run


async def lease(house: House, run: Run, limit: int = 64, *, worker: str = "", **limits: object) -> list[Visit]:
    given: dict[str, object] = {"max_pages": 10**6, "horizon_s": 10, "interval_s": lambda _: 0.0, **limits}
    return await leases.lease(house.store, run.id, worker or house.worker.id, limit=limit, **given)  # type: ignore[arg-type]


async def settle(house: House, *results: Fetched, policy: HostPolicy = POLICY) -> Settled:
    """Record a batch, and tell how its hosts stand."""
    entry = runs.entry_of(results[0].visit.run_id, house.source, RunOptions())
    return (await ledger.record(house.store, entry, results, policy)).hosts


def failed(house: House, visit: Visit, reason: str = "timeout", *, after_s: float = 0.0) -> Fetched:
    return Fetched(visit, reason=reason, retry_at=house.store.at + timedelta(seconds=after_s))


def by_origin(visits: Sequence[Visit]) -> Counter[str]:
    return Counter(visit.origin for visit in visits)


async def state_of(house: House, origin: str = A) -> HostState:
    return (await hosts.standing(house.store, [origin])).get(origin) or HostState(origin)


async def open_breaker(house: House, run: Run) -> None:
    visits = await lease(house, run, 3)
    await settle(house, *(failed(house, visit) for visit in visits))
    assert (await state_of(house)).breaker is Breaker.OPEN


async def lines(house: House, run: Run) -> Counter[tuple[str, str | None]]:
    return Counter([(entry.outcome, entry.reason) async for entry in ledger.entries(house.store, run.id)])


# --- fairness ---------------------------------------------------------------------------------------------------------


async def test_a_limited_host_with_many_pages_does_not_slow_another(house: House) -> None:
    run = await begin(house, *pages(A, 10_000, depth=1), *pages(B, 1_000, depth=2))
    got: Counter[str] = Counter()
    starts: list[datetime] = []
    began = house.store.at
    for _ in range(20):  # 64 pages in each tenth of a second: what one fast host can have
        visits = await lease(house, run, interval_s=lambda origin: 1.0 if origin == A else 0.0)
        got += by_origin(visits)
        assert len(visits) == 64 or got[B] == 1_000
        starts += [visit.not_before for visit in visits if visit.origin == A]
        if visits:
            await settle(house, *(house.captured(visit) for visit in visits))
        house.store.turn_on(0.1)
    assert got[B] == 1_000
    assert all((after - before).total_seconds() >= 1.0 for before, after in pairwise(starts))
    assert len(starts) <= (house.store.at - began).total_seconds() + 10 + 1


async def test_many_limited_hosts_hide_nobody(house: House) -> None:
    slow = [f"http://slow{n}.example" for n in range(5)]
    run = await begin(house, *(page for each in slow for page in pages(each, 100)), *pages(B, 50, depth=9))
    visits = await lease(house, run, interval_s=lambda origin: 0.0 if origin == B else 8.0)
    assert by_origin(visits) == {**dict.fromkeys(slow, 2), B: 50}


async def test_the_last_pages_of_a_limit_go_to_whoever_can_be_asked(house: House) -> None:
    run = await begin(house, *pages(A, 500, depth=1), *pages(B, 500, depth=2))
    visits = await lease(house, run, max_pages=40, interval_s=lambda origin: 5.0 if origin == A else 0.0)
    assert by_origin(visits) == {A: 3, B: 37}
    assert await lease(house, run, max_pages=40) == []


async def test_past_a_byte_limit_only_retries_are_leased(house: House) -> None:
    run = await begin(house, *pages(A, 3))
    first, second, third = await lease(house, run)
    await house.record(house.captured(first, "12345"), failed(house, second))
    await leases.release_visits(house.store, [third])
    assert [visit.page_id for visit in await lease(house, run, max_bytes=5)] == [second.page_id]
    assert len(await lease(house, run, max_bytes=6)) == 1


# --- rates ------------------------------------------------------------------------------------------------------------


async def test_a_slowed_host_gets_its_slots_at_the_adapted_rate_from_every_crawler(house: House) -> None:
    run = await begin(house, *pages(A, 100))
    (visit,) = await lease(house, run, 1)
    throttled = replace(failed(house, visit, "http_429"), status_code=429, requests=1)
    settled = await settle(house, throttled)
    assert settled.states[A].rate_per_s == 5.0
    other = await workers.register(house.store, "crawler")
    visits = await lease(house, run, 10) + await lease(house, run, 10, worker=other.id)
    starts = [visit.not_before for visit in visits]
    assert len(starts) == 20
    assert all((after - before).total_seconds() >= 0.199 for before, after in pairwise(starts))
    await workers.leave(house.store, other)


async def test_retry_after_holds_the_whole_host(house: House) -> None:
    run = await begin(house, *pages(A, 9), *pages(B, 9))
    (visit,) = await lease(house, run, 1)
    asked = replace(failed(house, visit, "http_503"), status_code=503, requests=1, headers=(("Retry-After", "40"),))
    settled = await settle(house, asked)
    assert settled.put_off == {visit.origin}
    assert visit.origin not in by_origin(await lease(house, run))
    house.store.turn_on(35)
    later = [each for each in await lease(house, run) if each.origin == visit.origin]
    assert later
    assert all((each.not_before - visit.not_before).total_seconds() >= 39 for each in later)


async def test_a_host_that_recovered_is_as_if_nothing_had_been(house: House) -> None:
    run = await begin(house, *pages(A, 400))
    (visit,) = await lease(house, run, 1)
    policy = replace(POLICY, interval_s=lambda _: 0.5)
    await settle(house, replace(failed(house, visit, "http_429"), status_code=429, requests=1), policy=policy)
    assert (await state_of(house)).rate_per_s == 1.0
    assert await hosts.troubled(house.store) == {"slowed": 1, "open": 0}
    for _ in range(8):
        house.store.turn_on(60)
        (visit,) = await lease(house, run, 1)
        settled = await settle(house, house.captured(visit), policy=policy)
    assert (await state_of(house)).rate_per_s is None
    assert settled.states[A].rate_per_s is None  # whoever heeds the rate is told that it is gone
    assert await hosts.troubled(house.store) == {"slowed": 0, "open": 0}


async def test_while_all_is_well_hosts_cost_one_look(house: House) -> None:
    run = await begin(house, *pages(A, 8), *pages(B, 8))
    visits = await lease(house, run)
    sent: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        sent.append(statement)

    event.listen(house.store.writer.sync_engine, "before_cursor_execute", note)
    async with house.store.write() as connection:
        results = [house.captured(visit) for visit in visits]
        settled = await hosts.settle(connection, results, POLICY, house.store.now())
    event.remove(house.store.writer.sync_engine, "before_cursor_execute", note)
    assert [each.split()[0] for each in sent if each != "BEGIN IMMEDIATE"] == ["SELECT"]
    assert (settled.batch, settled.states) == (results, {})
    assert await house.count("hosts") == 0


# --- breakers ---------------------------------------------------------------------------------------------------------


async def test_a_failing_host_is_left_alone_and_its_visits_are_not_tried(house: House) -> None:
    run = await begin(house, *pages(A, 20), *pages(B, 20, depth=1))
    await open_breaker(house, run)
    assert by_origin(await lease(house, run)) == {B: 20}
    assert await lease(house, run) == []
    assert await hosts.troubled(house.store) == {"slowed": 0, "open": 1}


async def test_one_visit_tries_the_host_and_its_answer_lets_all_others_go(house: House) -> None:
    run = await begin(house, *pages(A, 20))
    await open_breaker(house, run)
    house.store.turn_on(31)
    taken = await asyncio.gather(*(lease(house, run) for _ in range(4)))
    ((trial,),) = [visits for visits in taken if visits]
    assert (await state_of(house)).trial_token == trial.token
    settled = await settle(house, house.captured(trial))
    assert settled.states[A].breaker is Breaker.CLOSED
    assert len(await lease(house, run)) == 19


async def test_a_trial_that_nobody_hears_of_is_followed_by_another(house: House) -> None:
    run = await begin(house, *pages(A, 20))
    await open_breaker(house, run)
    house.store.turn_on(31)
    assert len(await lease(house, run, trial_s=60.0)) == 1
    house.store.turn_on(59)
    assert await lease(house, run, trial_s=60.0) == []
    house.store.turn_on(2)
    assert len(await lease(house, run, trial_s=60.0)) == 1


async def test_a_trial_that_is_given_back_may_be_taken_at_once(house: House) -> None:
    run = await begin(house, *pages(A, 20))
    await open_breaker(house, run)
    house.store.turn_on(31)
    assert len(await lease(house, run)) == 1
    await leases.release(house.store, run.id, house.worker.id)
    assert len(await lease(house, run)) == 1


async def test_after_enough_failed_trials_the_run_waits_no_longer(house: House) -> None:
    run = await begin(house, *pages(A, 20), *pages(B, 2, depth=1))
    other = await begin(house, *pages(A, 4))
    await open_breaker(house, run)
    for pause in (31, 61):
        house.store.turn_on(pause)
        trial = next(visit for visit in await lease(house, run) if visit.origin == A)
        settled = await settle(house, failed(house, trial))
    assert settled.ended == 19
    assert (await lines(house, run))[("failed", "host_down")] == 20
    assert set(await lines(house, other)) == {("pending", None)}
    assert (await state_of(house)).is_shut(house.store.at)
    await house.record(*(house.captured(each) for each in await lease_again(house, run)))
    assert await runs.finish(house.store, run.id, 10**6) is RunState.CRAWLED


async def lease_again(house: House, run: Run) -> list[Visit]:
    """What the worker holds of a run, leased anew."""
    await leases.release(house.store, run.id, house.worker.id)
    return await lease(house, run)


async def test_a_zombies_failure_is_no_failed_trial(house: House) -> None:
    run = await begin(house, *pages(A, 20))
    visits = await lease(house, run, 4)
    await settle(house, *(failed(house, visit) for visit in visits[:3]))
    house.store.turn_on(31)
    (trial,) = await lease(house, run)
    await settle(house, failed(house, visits[3]))
    state = await state_of(house)
    assert (state.breaker, state.trial_token, state.failed_trials) == (Breaker.HALF_OPEN, trial.token, 0)


# --- retries ----------------------------------------------------------------------------------------------------------


async def test_a_host_that_fails_now_and_then_has_a_budget_of_retries(house: House) -> None:
    run = await begin(house, *pages(A, 60))
    refused = 0
    for first, second in zip(*[iter(await lease(house, run, 60))] * 2, strict=True):
        settled = await settle(house, failed(house, first, after_s=9), house.captured(second))
        refused += sum(each.reason == "retry_budget" for each in settled.batch)
    assert refused == 30 - 25  # twenty, and one for every five of thirty answers but the last
    assert (await lines(house, run))[("failed", "retry_budget")] == refused


async def test_the_first_try_of_a_run_is_kept_until_the_deadline(house: House) -> None:
    run = await begin(house, *pages(A, 1))
    (visit,) = await lease(house, run)
    first = visit.tried_at
    assert first is not None
    await settle(house, failed(house, visit))
    house.store.turn_on(800)
    (visit,) = await lease(house, run)
    assert (visit.tried_at, visit.attempts) == (first, 1)
    await settle(house, failed(house, visit, after_s=200), policy=replace(POLICY, retry_deadline_s=900))
    assert await lines(house, run) == {("failed", "timeout"): 1}


async def test_a_lease_that_was_given_back_was_no_try(house: House) -> None:
    run = await begin(house, *pages(A, 2))
    visits = await lease(house, run, max_pages=2)
    house.store.turn_on(500)
    await leases.release_visits(house.store, visits[:1])
    (again,) = await lease(house, run, max_pages=2)
    assert (again.page_id, again.attempts) == (visits[0].page_id, 0)
    assert again.tried_at is not None
    assert again.tried_at > visits[1].not_before + timedelta(seconds=499)


async def test_what_is_another_workers_by_now_cannot_be_given_back(house: House) -> None:
    run = await begin(house, *pages(A, 2))
    visits = await lease(house, run)
    await leases.release(house.store, run.id, house.worker.id)
    other = await workers.register(house.store, "crawler")
    assert len(await lease(house, run, worker=other.id)) == 2
    await leases.release_visits(house.store, visits)
    assert (await runs.get(house.store, run.id)).outcomes == {"leased": 2}
    await workers.leave(house.store, other)


# --- listings ---------------------------------------------------------------------------------------------------------


async def test_listings_come_first_and_alone(house: House) -> None:
    run = await begin(house, *pages(A, 5), *pages(A, 2, depth=3, kind="sitemap"))
    listings = await lease(house, run)
    assert [visit.kind for visit in listings] == ["sitemap"] * 2
    assert await lease(house, run) == []  # they are under way, and may say what need not be asked for
    await house.record(failed(house, listings[0], after_s=60), Fetched(listings[1], Outcome.SKIPPED, "sitemap"))
    assert [visit.kind for visit in await lease(house, run)] == ["page"] * 5  # one that is tried again holds up nobody


async def test_the_listing_of_a_failing_host_holds_up_nobody(house: House) -> None:
    run = await begin(house, *pages(A, 3))
    await open_breaker(house, run)
    async with house.store.write() as connection:
        entry = runs.entry_of(run.id, house.source, RunOptions())
        await admission.enter(connection, entry, [*pages(A, 1, kind="feed"), *pages(B, 2)], house.store.now())
    assert by_origin(await lease(house, run)) == {B: 2}


async def test_listings_beyond_the_limit_of_pages_hold_up_no_retry(house: House) -> None:
    run = await begin(house, *pages(A, 1))
    (visit,) = await lease(house, run)
    (sitemap,) = pages(A, 1, kind="sitemap")
    await house.record(replace(failed(house, visit), found=(sitemap,)))
    assert [each.page_id for each in await lease(house, run, max_pages=1)] == [visit.page_id]


# --- several crawlers -------------------------------------------------------------------------------------------------


async def test_crawlers_of_one_run_visit_every_page_once_and_keep_one_rate(house: House) -> None:
    assert url_origin(f"{A}/") == A
    run = await begin(house, *pages(A, 60))
    other = await workers.register(house.store, "crawler")
    slots: list[datetime] = []
    seen: list[str] = []
    for _ in range(12):
        for worker in (house.worker.id, other.id):
            visits = await lease(house, run, 4, worker=worker, interval_s=lambda _: 0.5)
            slots += [visit.not_before for visit in visits]
            seen += [visit.page_id for visit in visits]
            if visits:
                await settle(house, *(house.captured(visit) for visit in visits))
        house.store.turn_on(4)
    assert len(seen) == len(set(seen)) == 60
    assert all((after - before).total_seconds() >= 0.499 for before, after in pairwise(slots))
    await workers.leave(house.store, other)


async def test_a_dead_crawlers_visits_go_to_the_other_and_its_results_count_for_nothing(house: House) -> None:
    run = await begin(house, *pages(A, 10))
    other = await workers.register(house.store, "crawler")
    lost = await lease(house, run, 6, worker=other.id)
    async with house.store.write() as connection:
        long_ago = house.store.now() - timedelta(hours=1)
        dead = tables.workers.c.id == other.id
        await connection.execute(update(tables.workers).where(dead).values(heartbeat_at=long_ago))
    assert await workers.reclaim(house.store, 60) == 1
    assert len(await lease(house, run)) == 10
    assert await house.record(*(house.captured(visit) for visit in lost)) == 0
    async with house.store.read() as connection:
        admitted = await connection.scalar(select(tables.runs.c.admitted).where(tables.runs.c.id == run.id))
    assert admitted == 10
