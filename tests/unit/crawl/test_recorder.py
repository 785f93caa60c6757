"""The recorder writes results in batches, bytes first; it holds up who is too fast, and lets nobody wait in vain."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.crawl.making import SITE, FakeClient, answer, fetcher, visit

from tidemill.crawl import recorder as recorder_module
from tidemill.crawl.fetcher import Catch
from tidemill.crawl.recorder import Recorder
from tidemill.errors import Permanent, Transient
from tidemill.models.host import HostPolicy, HostState
from tidemill.models.outcome import Outcome
from tidemill.models.source import RecrawlRules
from tidemill.models.visit import Fetched
from tidemill.store import ledger
from tidemill.store.admission import Entry
from tidemill.store.hosts import Settled
from tidemill.store.ledger import Recorded
from tidemill.telemetry.metrics import Metrics


class Books:
    """The archive and the ledger, and in what order they were written to."""

    def __init__(self) -> None:
        self.log: list[tuple[str, int]] = []
        self.told: list[Fetched] = []
        self.losses = 0
        self.lose = 0
        self.busy = False
        self.open = asyncio.Event()
        self.open.set()
        self.error: BaseException | None = None
        self.states: dict[str, HostState] = {}
        self.heeded: list[Settled] = []
        self.announced: list[str] = []

    async def put(self, bodies: Mapping[str, bytes]) -> None:
        await self.open.wait()
        self.log.append(("archive", len(bodies)))
        if self.error is not None:
            raise self.error

    async def record(self, _store: Any, _entry: Entry, batch: Sequence[Fetched], _policy: HostPolicy) -> Recorded:
        await self.open.wait()
        self.log.append(("ledger", len(batch)))
        return Recorded(len(batch) - self.lose, Settled(list(batch), states=self.states))

    async def announce(self, capture_ids: Sequence[str]) -> None:
        self.announced += capture_ids

    async def heed(self, settled: Settled) -> None:
        self.heeded.append(settled)

    async def written(self, times: int) -> None:
        """Until archive and ledger were asked so often."""
        async with asyncio.timeout(5):
            while len(self.log) < times:  # noqa: ASYNC110 - what is tested knows nothing of events
                await asyncio.sleep(0.01)

    def lost(self) -> None:
        self.losses += 1

    def recorder(self, batch_size: int = 4) -> Recorder:
        return Recorder(
            None,  # type: ignore[arg-type]
            self,  # type: ignore[arg-type]
            entry=Entry("run", "source", RecrawlRules()),
            batch_size=batch_size,
            policy=HostPolicy(interval_s=lambda _: 0.0),
            written=self.told.extend,
            announce=self.announce,
            settled=self.heed,
            is_busy=lambda: self.busy,
            lost=self.lost,
            metrics=Metrics(),
        )


@pytest.fixture
async def books(monkeypatch: pytest.MonkeyPatch) -> Books:
    made = Books()
    monkeypatch.setattr(ledger, "record", made.record)
    return made


async def page(body: str, **validators: str) -> Catch:
    return await fetcher(FakeClient({SITE: answer(200, body)})).fetch(visit(**validators))


def gone() -> Catch:
    return Catch(Fetched(visit(), Outcome.GONE, "http_404"))


async def test_results_are_written_in_batches_bytes_first(books: Books) -> None:
    recorder = books.recorder()
    writing = asyncio.create_task(recorder.run())
    for catch in [await page(body) for body in "abcdef"]:
        await recorder.put(catch)
    await recorder.close()
    await asyncio.wait_for(writing, 5)
    assert books.log == [("archive", 4), ("ledger", 4), ("archive", 2), ("ledger", 2)]
    assert len(books.told) == 6
    assert books.losses == 0


async def test_only_new_bytes_are_archived_and_equal_ones_once(books: Books) -> None:
    recorder = books.recorder()
    same = await page("x")
    assert same.fetched.capture is not None
    known = await page("x", body_hash=same.fetched.capture.body_hash)
    catches = (same, await page("x"), known, gone())
    writing = asyncio.create_task(recorder.run())
    for catch in catches:
        await recorder.put(catch)
    await recorder.close()
    await asyncio.wait_for(writing, 5)
    assert books.log == [("archive", 1), ("ledger", 4)]


async def test_a_batch_without_bytes_leaves_the_archive_alone(books: Books) -> None:
    recorder = books.recorder()
    await recorder.put(gone())
    await recorder.close()
    await asyncio.wait_for(recorder.run(), 5)
    assert books.log == [("ledger", 1)]


@pytest.mark.thorough
async def test_a_single_result_does_not_wait_for_company(books: Books) -> None:
    recorder = books.recorder(batch_size=512)
    writing = asyncio.create_task(recorder.run())
    await recorder.put(gone())
    await asyncio.sleep(0.2)
    assert books.log == [("ledger", 1)]
    await recorder.close()
    await writing


@pytest.mark.thorough
async def test_while_there_is_enough_to_fetch_a_batch_waits_to_be_full(books: Books) -> None:
    """A transaction costs as much as ten pages, whatever it holds."""
    books.busy = True
    recorder = books.recorder(batch_size=3)
    writing = asyncio.create_task(recorder.run())
    for _ in range(3):
        await recorder.put(gone())
        await asyncio.sleep(0.05)
    await recorder.close()
    await writing
    assert books.log == [("ledger", 3)]


@pytest.mark.thorough
async def test_who_is_too_fast_waits(books: Books) -> None:
    recorder = books.recorder(batch_size=1)
    books.open.clear()
    writing = asyncio.create_task(recorder.run())
    putting = [asyncio.create_task(recorder.put(gone())) for _ in range(20)]
    await asyncio.sleep(0.05)
    assert 0 < sum(task.done() for task in putting) < 20
    books.open.set()
    await asyncio.wait_for(asyncio.gather(*putting), 5)
    await recorder.close()
    await asyncio.wait_for(writing, 5)
    assert len(books.told) == 20


async def test_links_that_were_not_entered_are_forgotten(books: Books) -> None:
    books.lose = 1
    recorder = books.recorder()
    await recorder.put(gone())
    await recorder.close()
    await asyncio.wait_for(recorder.run(), 5)
    assert books.losses == 1


async def test_what_came_aside_is_archived_with_its_page(books: Books) -> None:
    """The items of a listing, and screenshots, lie in the archive before the ledger tells of them."""
    recorder = books.recorder()
    got = await page("x")
    await recorder.put(replace(got, aside={"item": b"{}", "picture": b"png"}))
    await recorder.put(replace(gone(), aside={"item": b"{}"}))
    await recorder.close()
    await asyncio.wait_for(recorder.run(), 5)
    assert books.log == [("archive", 3), ("ledger", 2)]


@pytest.mark.thorough
async def test_how_hosts_stand_is_told_only_when_one_is_not_as_usual(books: Books) -> None:
    recorder = books.recorder(batch_size=1)
    await recorder.put(gone())
    writing = asyncio.create_task(recorder.run())
    await asyncio.sleep(0.1)
    assert books.heeded == []
    books.states = {SITE: HostState(SITE)}
    await recorder.put(gone())
    await recorder.close()
    await asyncio.wait_for(writing, 5)
    assert [list(settled.states) for settled in books.heeded] == [[SITE]]


@pytest.mark.thorough
async def test_an_error_stops_everything_and_nobody_waits_in_vain(books: Books) -> None:
    books.error = Permanent("the disk is full", reason="disk_full")
    recorder = books.recorder(batch_size=1)
    books.open.clear()
    writing = asyncio.create_task(recorder.run())
    putting = [asyncio.create_task(recorder.put(await page("x"))) for _ in range(50)]
    await asyncio.sleep(0.05)
    books.open.set()
    done = await asyncio.wait_for(asyncio.gather(*putting, return_exceptions=True), 5)
    assert {type(each) for each in done} <= {Permanent, type(None)}
    await asyncio.wait_for(recorder.close(), 5)
    with pytest.raises(Permanent, match="the disk is full"):
        await writing
    with pytest.raises(Permanent, match="the disk is full"):
        await asyncio.wait_for(recorder.put(gone()), 5)
    assert recorder.error is books.error
    assert books.told == []
    assert ("ledger", 1) not in books.log


@pytest.mark.thorough
async def test_while_the_archive_cannot_be_reached_it_waits_and_enters_nothing(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "_OUTAGE_S", 0.01)
    books.error = Transient("gone", reason="archive_unavailable")
    recorder = books.recorder()
    writing = asyncio.create_task(recorder.run())
    await recorder.put(await page("x"))
    await books.written(3)
    assert {what for what, _ in books.log} == {"archive"}
    books.error = None
    await books.written(len(books.log) + 2)
    assert books.log[-1] == ("ledger", 1)
    await recorder.close()
    await asyncio.wait_for(writing, 5)
    assert len(books.told) == 1


async def test_who_is_asked_to_stop_does_not_wait_for_the_archive(books: Books) -> None:
    books.error = Transient("gone", reason="archive_unavailable")
    recorder = books.recorder()
    writing = asyncio.create_task(recorder.run())
    await recorder.put(await page("x"))
    await books.written(1)
    await recorder.close()
    with pytest.raises(Transient):
        await asyncio.wait_for(writing, 5)
    assert books.told == []
