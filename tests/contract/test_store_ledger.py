"""The ledger: every URL once, leased by one at a time, and given an outcome; runs that begin, end and add up."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from tests.contract.store_house import SITE, House, draft, found, opened_house

from tidemill.errors import Conflict, NotFound, Permanent
from tidemill.models.outcome import Outcome
from tidemill.models.run import RunOptions, RunState
from tidemill.models.visit import Fetched, Visit
from tidemill.store import admission, events, leases, ledger, runs, tables, workers


@pytest.fixture
async def house(tmp_path: Path, database: str) -> AsyncIterator[House]:
    async with opened_house(tmp_path) as house:
        yield house


def paths(visits: list[Visit]) -> list[str]:
    return [visit.url.removeprefix(SITE) for visit in visits]


async def admitted(house: House, run_id: str) -> int:
    async with house.store.read() as connection:
        return int(await connection.scalar(select(tables.runs.c.admitted).where(tables.runs.c.id == run_id)) or 0)


async def test_a_lease_is_exclusive_and_empties_the_ledger(house: House) -> None:
    run = await house.begin(*"abcdef")
    taken = await asyncio.gather(*(house.lease(run, 2) for _ in range(5)))
    assert sorted(path for visits in taken for path in paths(visits)) == list("abcdef")
    assert await house.lease(run) == []
    assert (await runs.get(house.store, run.id)).outcomes == {"leased": 6}


async def test_pages_nearest_to_the_start_come_first(house: House) -> None:
    run = await house.begin("a")
    (first,) = await house.lease(run)
    links = [*found("deep", depth=2), *found("near", depth=1), *found("deeper", depth=3)]
    await house.record(replace(house.captured(first), found=tuple(links)))
    assert paths(await house.lease(run)) == ["near", "deep", "deeper"]


async def test_slots_are_handed_out_with_the_lease(house: House) -> None:
    run = await house.begin(*"abcdef")
    visits = await house.lease(run, interval_s=4.0)
    times = [visit.not_before for visit in visits]
    assert len(visits) == 3  # a fourth slot would lie behind the horizon of ten seconds
    assert [(after - before).total_seconds() for before, after in pairwise(times)] == [4.0, 4.0]
    assert await house.lease(run, interval_s=4.0) == []
    house.store.turn_on(10)
    more = await house.lease(run, interval_s=4.0)
    assert (more[0].not_before - times[-1]).total_seconds() >= 4.0
    assert await admitted(house, run.id) == 3 + len(more)


async def test_one_busy_host_does_not_hold_up_another(house: House) -> None:
    run = await house.begin(*"abcdef")
    other = [
        replace(each, url=each.url.replace("site", "else"), origin="http://else.example")
        for each in found("x", depth=5)
    ]
    async with house.store.write() as connection:
        entry = runs.entry_of(run.id, house.source, RunOptions())
        await admission.enter(connection, entry, other, house.store.now())
    visits = await house.lease(run, 6, interval_s=6.0)
    assert sorted(visit.origin for visit in visits) == [
        "http://else.example",
        "http://site.example",
        "http://site.example",
    ]
    assert await house.lease(run, 6, interval_s=6.0) == []


async def test_a_host_without_a_limit_has_no_slots(house: House) -> None:
    run = await house.begin(*"abc")
    visits = await house.lease(run)
    assert all(visit.not_before <= house.store.at for visit in visits)
    assert await house.count("hosts") == 0


async def test_what_is_to_be_tried_again_waits_its_time_and_counts_once(house: House) -> None:
    run = await house.begin("a", "b")
    first, second = await house.lease(run)
    again = house.store.at + timedelta(minutes=10)
    await house.record(Fetched(first, reason="timeout", retry_at=again), house.captured(second))
    assert await house.lease(run) == []
    house.store.turn_on(590)
    assert await house.lease(run) == []
    house.store.turn_on(20)
    (visit,) = await house.lease(run)
    assert (visit.page_id, visit.attempts) == (first.page_id, 1)
    assert visit.token != first.token
    assert await admitted(house, run.id) == 2


async def test_the_limit_of_pages_is_exact_for_several_lessees(house: House) -> None:
    run = await house.begin(*"abcdefghij")
    taken = await asyncio.gather(*(house.lease(run, 3, max_pages=7) for _ in range(5)))
    assert sum(map(len, taken)) == 7
    assert await runs.finish(house.store, run.id, 7) is RunState.RUNNING
    await house.record(*(house.captured(visit) for visits in taken for visit in visits))
    assert await runs.finish(house.store, run.id, 7) is RunState.CRAWLED
    said = await house.outcomes(run)
    assert sorted(said.values()) == ["captured"] * 7 + ["skipped"] * 3
    skipped = [each.reason async for each in ledger.entries(house.store, run.id, "skipped")]
    assert skipped == ["limit"] * 3


async def test_retries_stay_within_the_limit_and_refused_pages_do_not_count(house: House) -> None:
    run = await house.begin(*"abcd")
    first, second = await house.lease(run, max_pages=2)
    await house.record(
        Fetched(first, reason="timeout", retry_at=house.store.at), Fetched(second, Outcome.SKIPPED, "robots")
    )
    taken = [first.url.removeprefix(SITE), *paths(await house.lease(run, max_pages=2))]
    assert len(taken) == 3
    assert await house.lease(run, max_pages=2) == []


async def test_links_enter_the_ledger_once_and_keep_their_first_place(house: House) -> None:
    run = await house.begin("a", "b")
    first, second = await house.lease(run)
    await house.record(
        replace(house.captured(first), found=(*found("x", "a", depth=1), *found("trap", depth=1, skip="trap"))),
        replace(house.captured(second), found=tuple(found("x", "trap", depth=9)), out_of_scope=4),
    )
    said = {
        each.url.removeprefix(SITE): (each.outcome, each.depth, each.reason)
        async for each in ledger.entries(house.store, run.id)
    }
    assert said == {
        "a": ("captured", 0, None),
        "b": ("captured", 0, None),
        "x": ("pending", 1, None),
        "trap": ("skipped", 1, "trap"),
    }
    assert (await runs.get(house.store, run.id)).out_of_scope == 4


async def test_a_zombie_changes_nothing(house: House) -> None:
    run = await house.begin("a", "b")
    visits = await house.lease(run)
    await leases.release(house.store, run.id, house.worker.id)
    again = {each.page_id: each for each in await house.lease(run, 1)}
    zombies = [replace(house.captured(each, "zombie"), found=tuple(found("from a zombie"))) for each in visits]
    assert await house.record(*zombies) == 0
    assert await house.count("captures") == 0
    assert sorted((await house.outcomes(run)).values()) == ["leased", "pending"]
    assert await house.record(*(house.captured(each) for each in again.values())) == 1
    assert await house.record(*(house.captured(each) for each in again.values())) == 0
    assert await house.count("captures") == 1
    run = await runs.get(house.store, run.id)
    assert (run.fetched, run.received_bytes, run.discovered) == (1, 4, 2)


async def test_a_released_lease_is_as_if_it_had_never_been(house: House) -> None:
    run = await house.begin(*"abc")
    await house.lease(run, max_pages=2)
    await leases.release(house.store, run.id, house.worker.id)
    assert await admitted(house, run.id) == 0
    assert len(await house.lease(run, max_pages=2)) == 2


async def test_totals_are_what_the_visits_cost(house: House) -> None:
    run = await house.begin("a", "b", "c")
    one, two, three = await house.lease(run)
    await house.record(
        replace(house.captured(one, "12345"), aside_requests=2, aside_bytes=100),
        Fetched(two, Outcome.GONE, "http_404", status_code=404, requests=1, received_bytes=7),
        Fetched(three, Outcome.SKIPPED, "robots"),
    )
    run = await runs.get(house.store, run.id)
    assert (run.fetched, run.received_bytes) == (4, 112)
    assert run.outcomes == {"skipped": 1, "gone": 1, "captured": 1}
    assert run.discovered == 3


async def test_an_outcome_and_only_done_go_together(house: House) -> None:
    run = await house.begin("a")
    visits = tables.visits
    for values in (
        {"state": "done"},
        {"outcome": "stored"},
        {"state": "nonsense"},
        {"outcome": "nonsense", "state": "done"},
    ):
        with pytest.raises((IntegrityError, Permanent)):
            async with house.store.write() as connection:
                await connection.execute(visits.update().where(visits.c.run_id == run.id).values(**values))
    assert await house.outcomes(run) == {"a": "pending"}


async def test_entries_are_streamed_by_url_filtered_and_paged(house: House) -> None:
    names = [f"p{number:04}" for number in range(1203)]
    run = await house.begin(*names)
    (visit,) = await house.lease(run, 1)
    await house.record(house.captured(visit))
    path = visit.url.removeprefix(SITE)
    await house.process({path: [draft("x", item="2"), draft("y", item="1")]})
    said = [entry async for entry in ledger.entries(house.store, run.id)]
    assert [entry.url.removeprefix(SITE) for entry in said] == names
    (stored,) = [entry async for entry in ledger.entries(house.store, run.id, "stored")]
    assert stored.document_ids == (house.document(path, "1"), house.document(path, "2"))
    assert stored.capture_id is not None
    assert len([entry async for entry in ledger.entries(house.store, run.id, "pending")]) == 1202
    paged: list[str] = []
    while True:
        after = paged[-1] if paged else None
        page = [entry.url async for entry in ledger.entries(house.store, run.id, "pending", after=after, limit=500)]
        if not page:
            break
        paged += page
    assert [url.removeprefix(SITE) for url in paged] == [name for name in names if name != path]


async def test_a_run_visits_its_start_and_every_page_the_source_is_known_to_have(house: House) -> None:
    await house.run({"a": [draft("a")], "b": [draft("b")], "c": 410})
    run = await house.begin("a", "new")
    assert sorted(await house.outcomes(run)) == ["a", "b", "new"]
    assert await house.outcomes(run) == {"a": "pending", "b": "pending", "new": "pending"}
    kinds = [
        (each.kind, each.run_id == run.id)
        for each in await events.after(house.store, 0, 100)
        if each.kind.startswith("run.")
    ]
    assert kinds == [("run.started", False), ("run.finished", False), ("run.started", True)]


async def test_a_run_begins_is_interrupted_and_taken_up(house: House) -> None:
    run = await runs.create(house.store, house.source, RunOptions(max_pages=3), found("a"))
    assert (run.state, run.started_at, run.options.max_pages) == (RunState.QUEUED, None, 3)
    assert await runs.waiting(house.store) == [run.id]
    assert await runs.begin(house.store, run.id, house.worker.id)
    assert not await runs.begin(house.store, run.id, house.worker.id)
    started = (await runs.get(house.store, run.id)).started_at
    await runs.interrupt(house.store, run.id, "the disk is full")
    interrupted = await runs.get(house.store, run.id)
    assert (interrupted.state, interrupted.error) == (RunState.INTERRUPTED, "the disk is full")
    assert await runs.unfinished(house.store, house.source.id) == interrupted
    assert await runs.begin(house.store, run.id, house.worker.id)
    again = await runs.get(house.store, run.id)
    assert (again.state, again.error, again.started_at) == (RunState.RUNNING, None, started)


async def test_a_run_is_over_when_nothing_is_open(house: House) -> None:
    run = await house.begin("a", "b")
    assert await runs.finish(house.store, run.id, 99) is RunState.RUNNING
    visits = await house.lease(run)
    assert await runs.finish(house.store, run.id, 99) is RunState.RUNNING
    await house.record(*(house.captured(each, each.url) for each in visits))
    assert await runs.finish(house.store, run.id, 99) is RunState.CRAWLED
    await house.process({"a": [draft("a")], "b": [draft("b")]}, limit=1)
    done = await runs.get(house.store, run.id)
    assert (done.state, done.outcomes) == (RunState.COMPLETED, {"stored": 2})
    assert done.finished_at is not None
    assert done.duration_s == (done.finished_at - (done.started_at or done.created_at)).total_seconds() > 0
    assert await runs.unfinished(house.store, house.source.id) is None
    assert await runs.finish(house.store, run.id, 99) is RunState.COMPLETED


async def test_a_run_without_pages_is_completed_at_once(house: House) -> None:
    run = await house.begin()
    assert await runs.finish(house.store, run.id, 99) is RunState.COMPLETED


async def test_a_run_that_was_only_to_be_crawled_is_at_rest_when_it_is(house: House) -> None:
    run = await house.begin("a", crawl_only=True)
    assert await runs.unfinished(house.store, house.source.id) is not None
    await house.crawl(run, {"a": "x"})
    assert (await runs.get(house.store, run.id)).state is RunState.CRAWLED
    assert await runs.unfinished(house.store, house.source.id) is None


async def test_a_cancelled_run_skips_what_is_not_fetched_and_keeps_what_is(house: House) -> None:
    run = await house.begin("a", "b", "c")
    first, second = await house.lease(run, 2)
    await house.record(house.captured(first))
    cancelled = await runs.cancel(house.store, run.id)
    assert cancelled.state is RunState.CANCELLED
    assert cancelled.outcomes == {"skipped": 2, "captured": 1}
    assert await house.record(house.captured(second)) == 0
    assert await house.lease(run) == []
    assert await house.process({first.url.removeprefix(SITE): [draft("x")]}) == {"stored": 1}
    done = await runs.get(house.store, run.id)
    assert (done.state, done.outcomes) == (RunState.CANCELLED, {"stored": 1, "skipped": 2})
    with pytest.raises(Conflict, match="has ended already"):
        await runs.cancel(house.store, run.id)
    ended = [each for each in await events.after(house.store, 0, 100) if each.kind == "run.finished"]
    assert [each.payload for each in ended] == [{"state": "cancelled"}]


async def test_a_run_ends_once_however_many_end_it(house: House) -> None:
    run = await house.begin()
    done = await asyncio.gather(
        *(runs.cancel(house.store, run.id) for _ in range(4)),
        *(runs.finish(house.store, run.id, 9) for _ in range(4)),
        return_exceptions=True,
    )
    assert all(isinstance(each, Conflict) for each in done if isinstance(each, BaseException))
    ended = [each for each in await events.after(house.store, 0, 100) if each.kind == "run.finished"]
    assert len(ended) == 1
    assert ended[0].payload["state"] == (await runs.get(house.store, run.id)).state.value


async def test_a_run_that_is_not_there(house: House) -> None:
    with pytest.raises(NotFound, match="no run 'x'; `tidemill runs list`"):
        await runs.get(house.store, "x")
    with pytest.raises(NotFound):
        await runs.cancel(house.store, "x")


async def test_runs_are_listed_newest_first(house: House) -> None:
    made = [await house.begin() for _ in range(3)]
    assert [run.id for run in await runs.listed(house.store, 2)] == [made[2].id, made[1].id]
    assert await runs.listed(house.store, 9, "00000000-0000-0000-0000-000000000000") == []


async def test_the_leases_of_a_worker_that_left_come_back(house: House) -> None:
    other = await workers.register(house.store, "crawler")
    run = await house.begin("a", "b")
    await leases.lease(house.store, run.id, other.id, limit=9, max_pages=9, horizon_s=9, interval_s=lambda _: 0)
    await workers.leave(house.store, other)
    assert await admitted(house, run.id) == 0
    assert len(await house.lease(run)) == 2


async def test_a_dead_worker_is_known_by_its_lock_at_once(house: House) -> None:
    other = await workers.register(house.store, "crawler")
    run = await runs.create(house.store, house.source, RunOptions(), found("a"))
    await runs.begin(house.store, run.id, other.id)
    leased = await leases.lease(
        house.store, run.id, other.id, limit=9, max_pages=9, horizon_s=9, interval_s=lambda _: 0
    )
    assert await workers.reclaim(house.store, 3600) == 0
    os.close(other.lock_fd)  # as the kernel does when the process dies
    assert await workers.reclaim(house.store, 3600) == 1
    assert await runs.state(house.store, run.id) is RunState.INTERRUPTED
    assert await house.count("workers") == 1
    assert not other.lock_path.exists()
    (again,) = await house.lease(run)
    assert again.token != leased[0].token


async def test_the_lock_file_of_a_process_that_died_before_it_was_listed_is_swept(house: House) -> None:
    folder = house.store.lock_folder
    stray, held = folder / "stray.lock", folder / "held.lock"
    stray.touch()
    with held.open("w") as starting:
        fcntl.flock(starting, fcntl.LOCK_EX)
        assert await workers.reclaim(house.store, 3600) == 0
        assert not stray.exists()
        assert held.exists()


async def test_a_worker_whose_heart_stopped_is_dead_and_may_come_back(house: House) -> None:
    run = await house.begin("a", "b")
    visits = await house.lease(run, 1)
    await house.record(house.captured((await house.lease(run, 1))[0]))
    token, (capture,) = await house.claim()
    other = await workers.register(house.store, "processor")
    house.store.turn_on(61)
    assert await workers.beat(house.store, other)
    assert await workers.reclaim(house.store, 60) == 1
    assert not await workers.beat(house.store, house.worker)
    assert await workers.beat(house.store, house.worker)
    assert await workers.reclaim(house.store, 60) == 0
    assert await house.record(house.captured(visits[0])) == 0
    again, (same,) = await house.claim()
    assert (same.id, again != token) == (capture.id, True)
    await workers.leave(house.store, other)


async def test_reclaiming_when_nobody_died_writes_nothing(house: House) -> None:
    await house.begin("a")
    async with house.store.write():  # anybody else who wanted to write would wait for ever
        assert await asyncio.wait_for(workers.reclaim(house.store, 3600), 5) == 0


async def test_a_run_whose_crawler_died_is_taken_up_though_others_live(house: House) -> None:
    other = await workers.register(house.store, "crawler")
    mine = await house.begin("a")
    theirs = await runs.create(house.store, house.source, RunOptions(), found("b"))
    await runs.begin(house.store, theirs.id, other.id)
    os.close(other.lock_fd)
    await workers.reclaim(house.store, 3600)
    assert await runs.waiting(house.store) == [theirs.id]
    assert await runs.state(house.store, mine.id) is RunState.RUNNING


async def test_a_page_found_too_deep_and_then_nearer_is_visited_after_all(house: House) -> None:
    run = await house.begin("a", "b")
    far, near = await house.lease(run)
    (deep,) = found("x")
    await house.record(Fetched(far, Outcome.REDIRECTED, "http_302", found=(replace(deep, depth=3, skip="depth"),)))
    assert (await runs.get(house.store, run.id)).outcomes["skipped"] == 1
    await house.record(Fetched(near, Outcome.REDIRECTED, "http_302", found=(replace(deep, depth=2),)))
    (visit,) = await house.lease(run)
    assert (visit.url, visit.depth) == (deep.url, 2)


async def test_taking_up_a_run_enters_the_start_pages_of_whoever_asks(house: House) -> None:
    run, resumed = await runs.take_up_or_create(house.store, house.source, RunOptions(), found("a"), fresh=False)
    again, resumed_again = await runs.take_up_or_create(
        house.store, house.source, RunOptions(), found("b"), fresh=False
    )
    assert (resumed, resumed_again, again.id) == (False, True, run.id)
    assert again.discovered == 2
    fresh, resumed = await runs.take_up_or_create(house.store, house.source, RunOptions(), found("a"), fresh=True)
    assert not resumed
    assert fresh.id != run.id
    assert (await runs.get(house.store, run.id)).state is RunState.CANCELLED
