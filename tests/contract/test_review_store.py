"""What must hold when workers die or sleep at bad moments: each URL ends once, and no run waits for nobody."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NoReturn
from unittest.mock import Mock

import psutil
import pytest
from tests.contract.store_house import SITE, House, found, opened_house

from tidemill.app import App
from tidemill.crawl import crawler
from tidemill.errors import NoSpace, NotFound, Permanent, Transient
from tidemill.manage import presence
from tidemill.models.host import Breaker, HostPolicy
from tidemill.models.run import Run, RunOptions, RunState
from tidemill.models.visit import Fetched
from tidemill.roles import crawling, membership
from tidemill.store import captures, deletion, hosts, leases, ledger, runs, workers
from tidemill.store.workers import Worker

LEASE_S = 120.0
FRAGILE = HostPolicy(interval_s=lambda _: 0.0, breaker_failures=1, breaker_open_s=30)


@pytest.fixture
async def house(tmp_path: Path, database: str) -> AsyncIterator[House]:
    async with opened_house(tmp_path) as house:
        yield house


async def other_worker(house: House) -> Worker:
    """Another process that crawls."""
    return await workers.register(house.store, "crawler")


def kill(worker: Worker) -> None:
    """End a process: the system lets go of its lock."""
    os.close(worker.lock_fd)


@pytest.mark.parametrize("late_first", [True, False])
async def test_a_visit_whose_lease_was_lost_and_taken_again_is_written_once(house: House, late_first: bool) -> None:
    run = await house.begin("a")
    (late,) = await house.lease(run)
    await leases.release(house.store, run.id, house.worker.id)
    (valid,) = await house.lease(run)
    results = [house.captured(late, "late"), house.captured(valid, "valid")]
    assert await house.record(*(results if late_first else reversed(results))) == 1
    assert await house.outcomes(run) == {"a": "captured"}
    assert [each.body_hash for each in (await captures.claim(house.store, "w", 10))[1]] == [
        results[1].capture.body_hash if results[1].capture else None
    ]


async def test_start_pages_that_are_new_since_a_run_was_crawled_are_visited_when_it_is_taken_up(house: House) -> None:
    run = await house.begin("a")
    await house.crawl(run, {"a": "body"})
    assert await runs.state(house.store, run.id) is RunState.CRAWLED
    again, resumed = await runs.take_up_or_create(house.store, house.source, RunOptions(), found("a", "b"), fresh=False)
    assert (again.id, resumed) == (run.id, True)
    assert await runs.begin(house.store, run.id, house.worker.id), "there is something to fetch again"
    assert [visit.url for visit in await house.lease(run)] == [SITE + "b"]


async def test_a_run_that_was_crawled_is_left_so_if_nothing_is_new(house: House) -> None:
    run = await house.begin("a")
    await house.crawl(run, {"a": "body"})
    again, _ = await runs.take_up_or_create(house.store, house.source, RunOptions(), found("a"), fresh=False)
    assert again.state is RunState.CRAWLED


async def test_who_cannot_register_leaves_no_file_behind(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that waits for its database tries once a second."""

    async def away(*_: object) -> None:
        raise Transient("no such server", reason="database_unavailable")

    before = set(house.store.lock_folder.iterdir())
    descriptors = psutil.Process().num_fds()
    monkeypatch.setattr(workers, "_enter", away)
    for _ in range(5):
        with pytest.raises(Transient):
            await workers.register(house.store, "crawler")
    assert set(house.store.lock_folder.iterdir()) == before
    assert psutil.Process().num_fds() <= descriptors + 1


async def test_what_a_worker_leased_after_it_was_declared_dead_is_taken_back(house: House) -> None:
    run = await house.begin("a")
    sleeper = await other_worker(house)
    house.store.turn_on(LEASE_S + 1)
    await workers.beat(house.store, house.worker)
    assert await workers.reclaim(house.store, LEASE_S) == 1
    await leases.lease(house.store, run.id, sleeper.id, limit=1, max_pages=9, horizon_s=10, interval_s=lambda _: 0.0)
    kill(sleeper)
    await workers.reclaim(house.store, LEASE_S)
    assert len(await house.lease(run)) == 1


async def test_the_trial_of_a_killed_worker_is_followed_by_another_at_once(house: House) -> None:
    run = await house.begin("a", "b")
    (visit, _) = await house.lease(run)
    failed = Fetched(visit, reason="connect", retry_at=house.store.at)
    await ledger.record(house.store, runs.entry_of(run.id, house.source, run.options), [failed], FRAGILE)
    await leases.release(house.store, run.id, house.worker.id)
    house.store.turn_on(31)
    dead = await other_worker(house)
    trial = await leases.lease(
        house.store, run.id, dead.id, limit=9, max_pages=9, horizon_s=10, interval_s=lambda _: 0.0
    )
    assert len(trial) == 1
    kill(dead)
    await workers.reclaim(house.store, LEASE_S)
    assert len(await house.lease(run)) == 1
    assert (await hosts.standing(house.store, [visit.origin]))[visit.origin].breaker is Breaker.HALF_OPEN


async def test_a_worker_that_slept_longer_than_a_lease_is_not_declared_dead_by_itself(house: House) -> None:
    run = await house.begin("a")
    (visit,) = await house.lease(run)
    house.store.turn_on(LEASE_S + 1)
    assert await workers.reclaim(house.store, LEASE_S, house.worker) == 0
    assert await house.record(house.captured(visit)) == 1


async def test_a_worker_that_others_declared_dead_is_listed_again_at_its_next_look(house: House) -> None:
    run = await house.begin("a")
    house.store.turn_on(LEASE_S + 1)
    assert await workers.reclaim(house.store, LEASE_S) == 1
    await workers.reclaim(house.store, LEASE_S, house.worker)
    (visit,) = await house.lease(run)
    await workers.reclaim(house.store, LEASE_S)
    assert await house.record(house.captured(visit)) == 1


async def test_a_heart_goes_on_beating_whatever_one_beat_came_to(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    beats: list[None] = []
    goes_on = asyncio.Event()

    async def beating(*_: object) -> bool:
        beats.append(None)
        if len(beats) == 1:
            raise ZeroDivisionError
        goes_on.set()
        return True

    monkeypatch.setattr(workers, "beat", beating)
    async with presence.beating(house.store, house.worker, 0.04):
        await asyncio.wait_for(goes_on.wait(), 5)


async def test_what_looks_after_others_goes_on_whatever_one_look_came_to(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, goes_on = {"sweep": 0, "reclaim": 0}, asyncio.Event()

    def looked(what: str) -> NoReturn:
        looks[what] += 1
        if min(looks.values()) > 1:
            goes_on.set()
        raise ZeroDivisionError

    async def sweeping() -> int:
        looked("sweep")

    async def reclaiming(*_: object) -> int:
        looked("reclaim")

    app = app_of(house)
    app.queue.sweep = sweeping  # type: ignore[method-assign]
    monkeypatch.setattr(workers, "reclaim", reclaiming)
    monkeypatch.setattr(membership, "_LOOK_S", 0.01)
    monkeypatch.setattr(membership, "_SWEEP_S", 0.01)
    async with membership._looking_after(app, house.worker, LEASE_S):
        await asyncio.wait_for(goes_on.wait(), 5)


async def test_a_crawl_that_fails_gives_back_what_it_leased(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def failing(_tools: object, run: Run, *_: object, **__: object) -> RunState:
        await house.lease(run)
        raise Permanent("no room", reason="disk_full")

    run = await house.begin("a", "b")
    monkeypatch.setattr(crawler, "crawl", failing)
    app = app_of(house)
    work = crawling.crawl_one(app, run.id, house.worker, asyncio.Event())
    assert not await crawling.went_well(app, run.id, house.worker, work), "the role goes on with other runs"
    assert (await runs.get(house.store, run.id)).outcomes == {"pending": 2}
    assert await runs.state(house.store, run.id) is RunState.INTERRUPTED


async def test_a_crawl_that_ends_before_its_end_leaves_its_run_to_be_taken_up(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Crawlee ends on a Ctrl-C that reaches its own handler, which stands for a moment at its start."""

    async def ending(*_: object, **__: object) -> RunState:
        return RunState.RUNNING

    run = await house.begin("a")
    monkeypatch.setattr(crawler, "crawl", ending)
    await crawling.crawl_one(app_of(house), run.id, house.worker, asyncio.Event())
    assert await runs.state(house.store, run.id) is RunState.INTERRUPTED


async def test_a_crawl_that_cannot_give_back_what_it_leased_ends_its_worker(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that stayed `running` in the name of a worker that lives on would never be taken up again."""

    async def full(*_: object) -> None:
        raise NoSpace("the disk of the database is full")

    run = await house.begin("a")
    monkeypatch.setattr(leases, "release", full)
    app = app_of(house)
    with pytest.raises(NoSpace):
        await crawling.went_well(app, run.id, house.worker, full())


def app_of(house: House) -> App:
    """What a role needs of an application that fetches nothing."""
    app = Mock(spec_set=("store", "archive", "queue", "pressure", "client", "settings", "metrics"))
    app.store = house.store
    return app


async def test_a_source_that_was_deleted_meanwhile_gets_no_run(house: House) -> None:
    """Whoever started it had looked it up just before."""
    await deletion.mark_deleted(house.store, house.source.name)
    with pytest.raises(NotFound, match="was deleted; apply it again"):
        await house.begin("a")
    assert await runs.listed(house.store, 9) == []
