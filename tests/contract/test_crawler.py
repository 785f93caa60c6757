"""A whole crawl over a site in memory and a ledger that only remembers: every leased visit gets what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.crawl.making import NOW, SITE, FakeClient, FakeClock, answer, visit

from tidemill.crawl.crawler import Tools, crawl
from tidemill.errors import NoSpace, Permanent, TidemillError, Transient
from tidemill.models.outcome import Outcome
from tidemill.models.run import Run, RunOptions, RunState
from tidemill.models.source import Source, SourceSpec
from tidemill.models.visit import Fetched, Visit
from tidemill.net import Response
from tidemill.process.extract.registry import HANDLED_MEDIA_TYPES
from tidemill.settings import BrowserSettings, CrawlSettings, NetSettings
from tidemill.store import hosts, leases, ledger, runs
from tidemill.store.hosts import Settled
from tidemill.store.ledger import Recorded
from tidemill.telemetry.metrics import Metrics


class Memory:
    """What the crawl asks of the ledger, the run and the archive."""

    def __init__(self, *visits: Visit) -> None:
        self.pending = list(visits)
        self.recorded: list[Fetched] = []
        self.released = 0
        self.log: list[str] = []
        self.full = False

    async def lease(self, *_: Any, limit: int, **__: Any) -> list[Visit]:
        self.log.append("lease")
        taken, self.pending = self.pending[:limit], self.pending[limit:]
        return taken

    async def record(self, _store: Any, _entry: Any, batch: Sequence[Fetched], _policy: Any) -> Recorded:
        self.recorded += batch
        return Recorded(len(batch), Settled(list(batch)))

    async def release(self, *_: Any) -> None:
        self.log.append("release")

    async def finish(self, *_: Any) -> RunState:
        return RunState.RUNNING if self.pending else RunState.CRAWLED

    async def put(self, bodies: Any) -> None:
        if self.full:
            raise Permanent("the disk is full", reason="disk_full")


@pytest.fixture
def remembered(monkeypatch: pytest.MonkeyPatch) -> Memory:
    memory = Memory(*(visit(f"{SITE}{name}") for name in "abc"))
    for module, name in ((leases, "lease"), (ledger, "record"), (leases, "release"), (runs, "finish")):
        monkeypatch.setattr(module, name, getattr(memory, name))
    return memory


async def crawled(
    memory: Memory,
    client: Any,
    *,
    net: NetSettings | None = None,
    stop: asyncio.Event | None = None,
    asks_robots: bool = False,
) -> RunState:
    tools = Tools(
        store=FakeClock(),  # type: ignore[arg-type]
        archive=memory,  # type: ignore[arg-type]
        client=client,
        settings=CrawlSettings(robots=asks_robots, rate_per_s=0),
        net=net or NetSettings(),
        browser=BrowserSettings(),
        metrics=Metrics(),
        media_types=HANDLED_MEDIA_TYPES,
        captured=lambda: None,
    )
    run = Run("run", "source", "s", RunState.RUNNING, RunOptions(), NOW, NOW, None, 0.0, 0, 0, 0, {}, 0)
    source = Source("source", SourceSpec(name="s", start=(SITE,)), 1, False, NOW, NOW)
    return await asyncio.wait_for(crawl(tools, run, source, "worker", stop or asyncio.Event()), 20)


async def test_every_visit_is_recorded(remembered: Memory) -> None:
    site = {f"{SITE}a": answer(200, "<p>x"), f"{SITE}b": answer(410)}
    assert await crawled(remembered, FakeClient(site)) is RunState.CRAWLED
    said = {each.visit.url[-1]: (each.outcome, each.capture is not None) for each in remembered.recorded}
    assert said == {"a": (None, True), "b": (Outcome.GONE, False), "c": (Outcome.GONE, False)}


async def test_what_an_earlier_attempt_left_leased_is_given_back_first(remembered: Memory) -> None:
    await crawled(remembered, FakeClient())
    assert remembered.log[0] == "release"


async def test_a_site_that_never_answers_costs_its_visit_and_not_the_run(remembered: Memory) -> None:
    class Tarpit(FakeClient):
        async def get(self, url: str, **asked: Any) -> Response:
            if url == f"{SITE}b":
                await asyncio.sleep(3600)
            return await super().get(url, **asked)

    net = NetSettings(total_timeout_s=0.05, connect_timeout_s=0.05)
    assert await crawled(remembered, Tarpit(), net=net) is RunState.CRAWLED
    said = {each.visit.url[-1]: (each.outcome, each.reason) for each in remembered.recorded}
    assert said["b"] == (Outcome.FAILED, "timeout")
    assert len(said) == 3


async def test_what_nobody_foresaw_costs_its_visit_and_not_the_run(remembered: Memory) -> None:
    class Broken(FakeClient):
        async def get(self, url: str, **asked: Any) -> Response:
            raise ZeroDivisionError

    assert await crawled(remembered, Broken()) is RunState.CRAWLED
    assert [(each.outcome, each.reason) for each in remembered.recorded] == [(Outcome.FAILED, "internal_error")] * 3


async def test_a_cancellation_that_nobody_asked_for_costs_its_visit_and_not_the_run(remembered: Memory) -> None:
    """Clients of servers make them up when a connection is lost; Crawlee takes such a task for one that has ended."""

    class GivingUp(FakeClient):
        async def get(self, url: str, **asked: Any) -> Response:
            if url == f"{SITE}b":
                raise asyncio.CancelledError
            return await super().get(url, **asked)

    assert await crawled(remembered, GivingUp()) is RunState.CRAWLED
    said = {each.visit.url[-1]: (each.outcome, each.reason) for each in remembered.recorded}
    assert said["b"] == (Outcome.FAILED, "internal_error")
    assert len(said) == 3


async def test_a_full_disk_ends_the_crawl_with_its_error(remembered: Memory) -> None:
    remembered.full = True
    with pytest.raises(Permanent, match="the disk is full"):
        await crawled(remembered, FakeClient({f"{SITE}a": answer(200, "<p>x")}))


@pytest.mark.parametrize(
    "error", [Transient("no such server", reason="database_unavailable"), NoSpace("the disk of the database is full")]
)
async def test_a_database_that_fails_while_robots_are_looked_up_costs_no_visit(
    remembered: Memory, monkeypatch: pytest.MonkeyPatch, error: TidemillError
) -> None:
    """It is our own trouble: the crawl ends with it, and the page is neither failed nor charged with an attempt."""

    async def gone(*_: Any) -> None:
        raise error

    monkeypatch.setattr(hosts, "robots", gone)
    with pytest.raises(type(error)):
        await crawled(remembered, FakeClient({f"{SITE}a": answer(200, "<p>x")}), asks_robots=True)
    assert remembered.recorded == []


async def test_a_stopped_crawl_gives_back_what_it_did_not_fetch(remembered: Memory) -> None:
    stop = asyncio.Event()

    class Stopping(FakeClient):
        async def get(self, url: str, **asked: Any) -> Response:
            stop.set()
            await asyncio.sleep(0.05)
            return await super().get(url, **asked)

    remembered.pending += [visit(f"{SITE}{number}") for number in range(500)]
    assert await crawled(remembered, Stopping(), stop=stop) is RunState.RUNNING
    assert 0 < len(remembered.recorded) < 100
    assert remembered.log[-1] == "release"


async def test_links_that_a_lost_visit_met_are_found_again(remembered: Memory) -> None:
    """A visit that breaks down brings home nothing; what it had met must not count as told."""

    class Breaking(FakeClient):
        async def get(self, url: str, **asked: Any) -> Response:
            found = await super().get(url, **asked)
            if url == f"{SITE}a":
                return replace(found, headers=_Breaks(found.headers))
            await asyncio.sleep(0.05)
            return found

    class _Breaks(dict):  # type: ignore[type-arg]
        def items(self) -> Any:
            raise ZeroDivisionError

    page = answer(200, "<a href=/met>x</a>" + "<p>words of a page that is long enough. " * 9)
    remembered.pending = [visit(f"{SITE}{name}") for name in "ab"]
    await crawled(remembered, Breaking({f"{SITE}a": page, f"{SITE}b": page}))
    said = {each.visit.url[-1]: each for each in remembered.recorded}
    assert (said["a"].reason, said["a"].found) == ("internal_error", ())
    assert [each.url for each in said["b"].found] == [f"{SITE}met"]
