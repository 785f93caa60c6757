"""The frontier hands out leased visits when their time has come, waits while there is none, ends when all is done."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from crawlee import Request
from tests.unit.crawl.making import NOW, SITE, FakeClock, visit

from tidemill.crawl.frontier import Frontier
from tidemill.models.outcome import Outcome
from tidemill.models.visit import Fetched, Visit


class Ledger:
    """Gives the batches it holds, one at each refill."""

    def __init__(self, *batches: list[Visit]) -> None:
        self.batches = list(batches)
        self.asked: list[int] = []
        self.over = True
        self.error: Exception | None = None
        self.clock = FakeClock()
        self.limits: dict[str, int] = {}
        self.interval_s = 0.0

    async def refill(self, limit: int) -> list[Visit]:
        self.asked.append(limit)
        if self.error is not None:
            raise self.error
        return self.batches.pop(0) if self.batches else []

    async def exhausted(self) -> bool:
        return self.over

    def frontier(self, buffer_size: int = 10) -> Frontier:
        return Frontier(
            refill=self.refill,
            exhausted=self.exhausted,
            in_flight_limit=lambda origin: self.limits.get(origin, 100),
            interval_s=lambda _: self.interval_s,
            now=self.clock.now,
            buffer_size=buffer_size,
        )


def pages(*names: str) -> list[Visit]:
    return [visit(f"{SITE}{name}") for name in names]


async def next_of(frontier: Frontier) -> Visit:
    request = await asyncio.wait_for(frontier.fetch_next_request(), 5)
    assert request is not None
    return frontier.visit_of(request)


async def is_waiting(task: asyncio.Task[Request | None]) -> bool:
    await asyncio.sleep(0.02)
    return not task.done()


async def test_visits_come_in_their_order_and_the_run_ends_after_the_last_was_written() -> None:
    ledger = Ledger(pages("a", "b"))
    frontier = ledger.frontier()
    first, second = await next_of(frontier), await next_of(frontier)
    assert [first.url, second.url] == [f"{SITE}a", f"{SITE}b"]
    waiting = asyncio.create_task(frontier.fetch_next_request())
    for done in (first, second):
        frontier.fetched(done)
    assert await is_waiting(waiting)
    assert not await frontier.is_finished()
    frontier.written([Fetched(first, Outcome.GONE), Fetched(second, Outcome.GONE)])
    assert await asyncio.wait_for(waiting, 5) is None
    assert await frontier.is_finished()
    assert await frontier.is_empty()
    assert await frontier.fetch_next_request() is None


async def test_the_request_is_known_by_the_page_and_not_by_its_url() -> None:
    frontier = Ledger(pages("A.html", "a.html")).frontier()
    requests = [await frontier.fetch_next_request(), await frontier.fetch_next_request()]
    assert [request.unique_key for request in requests if request] == [f"page {SITE}A.html", f"page {SITE}a.html"]


async def test_new_links_are_looked_for_as_soon_as_results_are_written() -> None:
    ledger = Ledger(pages("a"), [], pages("b"))
    frontier = ledger.frontier()
    first = await next_of(frontier)
    waiting = asyncio.create_task(frontier.fetch_next_request())
    assert await is_waiting(waiting)
    frontier.fetched(first)
    frontier.written([Fetched(first, Outcome.GONE)])
    request = await asyncio.wait_for(waiting, 0.2)
    assert request is not None
    assert request.url == f"{SITE}b"


async def test_a_visit_waits_for_its_slot() -> None:
    ledger = Ledger([replace(visit(f"{SITE}later"), not_before=NOW + timedelta(seconds=5)), visit(f"{SITE}now")])
    frontier = ledger.frontier()
    assert (await next_of(frontier)).url == f"{SITE}now"
    waiting = asyncio.create_task(frontier.fetch_next_request())
    assert await is_waiting(waiting)
    ledger.clock.at = NOW + timedelta(seconds=5)
    request = await asyncio.wait_for(waiting, 2)
    assert request is not None
    assert request.url == f"{SITE}later"


async def test_an_origin_gets_no_more_at_once_than_it_may_and_others_go_on() -> None:
    other = visit("http://else.example/x")
    ledger = Ledger([*pages("a", "b"), other])
    ledger.limits["http://site.example"] = 1
    frontier = ledger.frontier()
    first = await next_of(frontier)
    assert [first.url, (await next_of(frontier)).url] == [f"{SITE}a", other.url]
    waiting = asyncio.create_task(frontier.fetch_next_request())
    assert await is_waiting(waiting)
    frontier.fetched(first)
    request = await asyncio.wait_for(waiting, 0.5)
    assert request is not None
    assert request.url == f"{SITE}b"


async def test_an_interval_that_became_known_after_the_lease_is_kept() -> None:
    ledger = Ledger(pages("a", "b"))
    ledger.interval_s = 3.0
    frontier = ledger.frontier()
    await next_of(frontier)
    waiting = asyncio.create_task(frontier.fetch_next_request())
    assert await is_waiting(waiting)
    ledger.clock.at = NOW + timedelta(seconds=3)
    assert await asyncio.wait_for(waiting, 2) is not None


async def test_no_more_is_leased_than_there_is_room_for_and_by_one_task_at_a_time() -> None:
    ledger = Ledger(pages("a", "b"))
    frontier = ledger.frontier(buffer_size=4)
    taken = await asyncio.gather(*(asyncio.wait_for(frontier.fetch_next_request(), 5) for _ in range(2)))
    assert {request.url for request in taken if request} == {f"{SITE}a", f"{SITE}b"}
    assert ledger.asked == [4]


async def test_an_empty_ledger_is_not_asked_all_the_time() -> None:
    ledger = Ledger()
    ledger.over = False
    frontier = ledger.frontier()
    waiting = [asyncio.create_task(frontier.fetch_next_request()) for _ in range(8)]
    await asyncio.sleep(0.4)
    assert len(ledger.asked) <= 3
    frontier.stop()
    assert await asyncio.wait_for(asyncio.gather(*waiting), 5) == [None] * 8


async def test_stop_wakes_whoever_waits_and_hands_out_nothing_more() -> None:
    frontier = Ledger(pages("a", "b")).frontier()
    await next_of(frontier)
    frontier.stop()
    assert await frontier.fetch_next_request() is None
    assert frontier.error is None


async def test_what_goes_wrong_while_leasing_ends_the_crawl_and_is_kept() -> None:
    ledger = Ledger()
    ledger.error = OSError("first")
    frontier = ledger.frontier()
    assert await asyncio.wait_for(frontier.fetch_next_request(), 5) is None
    frontier.stop(ValueError("second"))
    assert str(frontier.error) == "first"


async def test_counts_and_the_doors_that_are_shut() -> None:
    frontier = Ledger(pages("a", "b")).frontier()
    request = await frontier.fetch_next_request()
    assert request is not None
    assert await frontier.get_total_count() == 2
    await frontier.mark_request_as_handled(request)
    assert await frontier.get_handled_count() == 1
    assert await frontier.reclaim_request(request) is None
    with pytest.raises(NotImplementedError):
        await frontier.add_request("http://a/")
    await frontier.drop()
