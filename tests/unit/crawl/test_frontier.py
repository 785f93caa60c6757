"""The frontier hands out leased visits when their time has come, waits while there is none, ends when all is done."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from crawlee import Request, RequestState
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
        self.intervals: dict[str, float] = {}
        self.given_back: list[Visit] = []

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
            interval_s=lambda origin: self.intervals.get(origin, self.interval_s),
            now=self.clock.now,
            buffer_size=buffer_size,
            give_back=self.give_back,
            horizon_s=10.0,
        )

    async def give_back(self, visits: list[Visit]) -> None:
        self.given_back += visits


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


@pytest.mark.thorough
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


@pytest.mark.thorough
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


@pytest.mark.thorough
async def test_an_interval_that_became_known_after_the_lease_is_kept() -> None:
    ledger = Ledger(pages("a", "b"))
    ledger.interval_s = 3.0
    frontier = ledger.frontier()
    await next_of(frontier)
    waiting = asyncio.create_task(frontier.fetch_next_request())
    assert await is_waiting(waiting)
    ledger.clock.at = NOW + timedelta(seconds=3)
    assert await asyncio.wait_for(waiting, 2) is not None


async def test_origins_take_turns() -> None:
    elsewhere = [visit(f"http://else.example/{name}") for name in "xy"]
    frontier = Ledger([*pages("a", "b"), *elsewhere]).frontier()
    urls = [(await next_of(frontier)).url for _ in range(4)]
    assert urls == [f"{SITE}a", elsewhere[0].url, f"{SITE}b", elsewhere[1].url]


async def test_slots_of_one_origin_that_came_out_of_order_are_kept_in_theirs() -> None:
    a, b, c = pages("a", "b", "c")
    slow = [replace(a, not_before=NOW + timedelta(seconds=8)), replace(b, not_before=NOW + timedelta(seconds=4))]
    ledger = Ledger([*slow, c])
    ledger.clock.at = NOW + timedelta(seconds=9)
    frontier = ledger.frontier()
    assert [(await next_of(frontier)).url for _ in range(3)] == [f"{SITE}{name}" for name in "cba"]


async def test_what_waits_for_a_withdrawn_host_is_not_handed_out() -> None:
    other = visit("http://else.example/x")
    frontier = Ledger([*pages("a", "b", "c"), other]).frontier()
    await next_of(frontier)
    withdrawn = frontier.withdraw("http://site.example")
    assert [each.url for each in withdrawn] == [f"{SITE}b", f"{SITE}c"]
    assert frontier.withdraw("http://site.example") == []
    assert (await next_of(frontier)).url == other.url
    assert await frontier.get_total_count() == 2


async def test_slow_hosts_take_no_room_from_others() -> None:
    later = [replace(each, not_before=NOW + timedelta(seconds=2 + n)) for n, each in enumerate(pages(*"abcd"))]
    other = visit("http://else.example/x")
    ledger = Ledger(later, [other])
    frontier = ledger.frontier(buffer_size=4)
    assert (await next_of(frontier)).url == other.url
    assert ledger.asked == [4, 4]


async def test_the_buffer_is_bounded_however_slow_the_hosts_are() -> None:
    later = [replace(visit(f"{SITE}{n}"), not_before=NOW + timedelta(seconds=9)) for n in range(40)]
    ledger = Ledger(*([each] for each in later))
    frontier = ledger.frontier(buffer_size=2)
    waiting = asyncio.create_task(frontier.fetch_next_request())
    assert await is_waiting(waiting)
    assert await frontier.get_total_count() == 16
    frontier.stop()
    await waiting


async def test_visits_of_a_host_that_turned_out_slow_are_given_back() -> None:
    """Its robots.txt came after the lease, and asks for ten seconds: of 50 visits two can go out soon."""
    ledger = Ledger([visit(f"{SITE}{n}") for n in range(50)], [visit("http://else.example/x")])
    frontier = ledger.frontier(buffer_size=50)
    assert (await next_of(frontier)).url == f"{SITE}0"
    ledger.intervals["http://site.example"] = 10.0
    assert (await next_of(frontier)).url == "http://else.example/x"
    assert [each.url for each in ledger.given_back] == [f"{SITE}{n}" for n in range(49, 2, -1)]


async def test_a_page_that_was_leased_again_while_its_first_visit_was_under_way_is_handed_out_again() -> None:
    (first,) = pages("a")
    again = replace(first, token="later")
    frontier = Ledger([first], [again]).frontier()
    assert await next_of(frontier) is first
    request = await asyncio.wait_for(frontier.fetch_next_request(), 5)
    assert request is not None
    frontier.fetched(first)
    assert frontier.visit_of(request) is again


async def test_a_visit_of_a_file_is_a_request_like_any_other() -> None:
    file = replace(visit(f"{SITE}a"), url="file:///srv/a.html", origin="file://")
    request = await Ledger([file]).frontier().fetch_next_request()
    assert request is not None
    assert (request.url, request.unique_key) == (file.url, file.page_id)


async def test_requests_share_nothing_that_crawlee_writes_to() -> None:
    frontier = Ledger(pages("a", "b")).frontier()
    first, second = await frontier.fetch_next_request(), await frontier.fetch_next_request()
    assert first is not None
    assert second is not None
    first.state = RequestState.DONE
    assert second.state is RequestState.UNPROCESSED


async def test_no_more_is_leased_than_there_is_room_for_and_by_one_task_at_a_time() -> None:
    ledger = Ledger(pages("a", "b"))
    frontier = ledger.frontier(buffer_size=4)
    taken = await asyncio.gather(*(asyncio.wait_for(frontier.fetch_next_request(), 5) for _ in range(2)))
    assert {request.url for request in taken if request} == {f"{SITE}a", f"{SITE}b"}
    assert ledger.asked == [4]


@pytest.mark.thorough
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


async def test_the_place_of_a_fetched_page_belongs_to_who_fetched_it_until_that_pauses() -> None:
    ledger = Ledger(pages("a", "b"))
    ledger.limits["http://site.example"] = 1
    frontier = ledger.frontier(buffer_size=1)  # full, so that nothing else wakes who waits
    first = await next_of(frontier)
    waiting = asyncio.create_task(frontier.fetch_next_request())
    assert await is_waiting(waiting)
    frontier.fetched(first)
    assert await is_waiting(waiting)
    frontier.pause()
    request = await asyncio.wait_for(waiting, 0.1)
    assert request is not None
    assert request.url == f"{SITE}b"


async def test_who_waits_is_woken_as_soon_as_a_host_has_more_places() -> None:
    ledger = Ledger(pages("a", "b"))
    ledger.limits["http://site.example"] = 1
    frontier = ledger.frontier(buffer_size=1)
    first = await next_of(frontier)
    waiting = asyncio.create_task(frontier.fetch_next_request())
    assert await is_waiting(waiting)
    ledger.limits["http://site.example"] = 2  # its robots.txt has come
    frontier.fetched(first)
    assert await asyncio.wait_for(waiting, 0.1) is not None


async def test_no_more_is_leased_while_half_of_the_buffer_is_left() -> None:
    ledger = Ledger(pages(*"abcdefghij"), pages("k"))
    ledger.limits["http://site.example"] = 2
    frontier = ledger.frontier(buffer_size=10)
    first, second = await next_of(frontier), await next_of(frontier)
    waiting = asyncio.create_task(frontier.fetch_next_request())
    assert await is_waiting(waiting)
    assert ledger.asked == [10]
    ready: Visit | None = first
    for _ in range(3):  # eight are left, then five
        assert ready is not None
        frontier.fetched(ready)
        ready = frontier.next_ready()
    assert await is_waiting(waiting)
    assert ledger.asked == [10, 5]
    frontier.fetched(second)
    waiting.cancel()
