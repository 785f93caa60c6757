"""The indexer: what it reads, what it writes, when, and what it does about trouble."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from tests.logs import captured_logs
from tests.unit.search.making import RememberedChanges, document

from tidemill.errors import Conflict, Invalid, NoSpace, Permanent, TidemillError, Transient
from tidemill.models.document import Document, DocumentState
from tidemill.search import indexer as indexer_module
from tidemill.search.base import Position, SearchQuery, SearchResult
from tidemill.search.indexer import Indexer
from tidemill.settings.tree import SearchSettings
from tidemill.telemetry.metrics import Metrics

SLOW = SearchSettings(batch_size=10, commit_interval_s=60)
FAST = SearchSettings(batch_size=10, commit_interval_s=0.05)


class RememberingEngine:
    """An engine that keeps documents in a dict, and can be locked by another or be out of order."""

    def __init__(self) -> None:
        self.held = False
        self.free = True
        self.broken = False
        self.trouble: TidemillError | None = None
        self.at: Position | None = None
        self.documents: dict[str, Document] = {}
        self.batches: list[tuple[int, int]] = []
        self.aside: tuple[Position, dict[str, Document]] | None = None
        self.commits: list[int] = []
        self.put_off: list[Document] = []

    @property
    def writable(self) -> bool:
        return self.held

    async def try_lock(self) -> bool:
        self.held = self.held or self.free
        return self.held

    async def begin(self, epoch: str) -> Position:
        self.aside = None
        self.put_off.clear()
        if self.at is None or self.at.epoch != epoch:
            self.at = Position(epoch, 0)
            self.documents.clear()
        return self.at

    async def apply(
        self, upserts: Sequence[Document], deletions: Sequence[str], position: Position, *, more: bool = False
    ) -> None:
        if self.broken:
            raise Transient("the disk is full", reason="disk_full")
        if self.trouble is not None:
            raise self.trouble
        self.batches.append((len(upserts), len(deletions)))
        self.put_off += upserts
        if more:
            return
        documents = self.documents if self.aside is None else self.aside[1]
        documents.update({each.id: each for each in self.put_off})
        for identifier in deletions:
            documents.pop(identifier, None)
        if self.aside is None:
            self.at = position
        else:
            self.aside = position, documents
        self.put_off.clear()
        self.commits.append(len(self.batches))

    async def position(self) -> Position | None:
        return self.at

    def known_position(self) -> Position | None:
        return None

    async def search(self, query: SearchQuery) -> SearchResult:
        raise NotImplementedError

    async def rebuild(self, epoch: str) -> Position:
        self.aside = Position(epoch, 0), {}
        return self.aside[0]

    async def publish(self) -> None:
        if self.aside is not None:
            (self.at, self.documents), self.aside = self.aside, None

    async def close(self) -> None:
        self.held = False


@pytest.fixture
def changes() -> RememberedChanges:
    return RememberedChanges()


@pytest.fixture
def engine() -> RememberingEngine:
    return RememberingEngine()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - what is waited for knows no event
            await asyncio.sleep(0.005)


class Running:
    """`indexer.run` in the background of a block."""

    def __init__(self, indexer: Indexer) -> None:
        self._indexer = indexer
        self._stop = asyncio.Event()

    async def __aenter__(self) -> Indexer:
        self._task = asyncio.create_task(self._indexer.run(self._stop))
        return self._indexer

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        async with asyncio.timeout(1):
            await self._task


async def test_only_current_documents_are_indexed(changes: RememberedChanges, engine: RememberingEngine) -> None:
    changes.put(*(document(state.value, state=state) for state in DocumentState))
    changes.touch("unknown")
    await Indexer(changes, engine, SLOW, Metrics()).catch_up(await changes.head())
    assert set(engine.documents) == {"current"}
    changes.put(replace(changes.documents["current"], state=DocumentState.REMOVED))
    await Indexer(changes, engine, SLOW, Metrics()).catch_up(await changes.head())
    assert engine.documents == {}


async def test_catching_up_takes_batches_and_each_document_once(
    changes: RememberedChanges, engine: RememberingEngine
) -> None:
    changes.put(*(document(f"d{number}") for number in range(25)), *(document("d24") for _ in range(3)))
    indexer = Indexer(changes, engine, SLOW, Metrics())
    assert await indexer.lag() == 28
    await indexer.catch_up(28)
    assert engine.batches == [(10, 0), (10, 0), (5, 0)]
    assert (engine.at, await indexer.lag()) == (Position("epoch-1", 28), 0)
    await indexer.catch_up(28)
    assert len(engine.batches) == 3


async def test_events_about_no_document_are_nothing_to_wait_for(
    changes: RememberedChanges, engine: RememberingEngine
) -> None:
    changes.put(document("a"))
    changes.other_event()
    indexer = Indexer(changes, engine, SLOW, Metrics())
    await indexer.catch_up(await changes.head())
    assert (engine.at, await indexer.lag()) == (Position("epoch-1", 1), 0)


async def test_who_has_seen_what_was_forgotten_goes_on_in_every_process(
    changes: RememberedChanges, engine: RememberingEngine
) -> None:
    """The last event was about a removal, and is let go: nothing that is left in the log comes after it."""
    changes.put(document("a"), document("b"), document("c"))
    changes.put(replace(changes.documents["c"], state=DocumentState.REMOVED))
    await Indexer(changes, engine, SLOW, Metrics()).catch_up(await changes.head())
    changes.forget()
    assert [identifier for _, identifier in changes.log] == ["a", "b"]
    written = len(engine.batches)
    for _ in range(3):
        indexer = Indexer(changes, engine, SLOW, Metrics())
        await indexer.catch_up(await changes.head())
        async with Running(indexer):
            await asyncio.sleep(0.01)
    assert (len(engine.batches), set(engine.documents), await indexer.lag()) == (written, {"a", "b"}, 0)


async def test_who_overslept_what_was_forgotten_is_made_anew_without_a_gap(
    changes: RememberedChanges, engine: RememberingEngine
) -> None:
    changes.put(*(document(f"d{number}") for number in range(25)))
    await Indexer(changes, engine, SLOW, Metrics()).catch_up(25)
    changes.put(replace(changes.documents["d3"], state=DocumentState.REMOVED))
    changes.forget()
    answered = []
    apply = engine.apply

    async def seen(*batch: Any, **how: Any) -> None:
        answered.append(len(engine.documents))
        await apply(*batch, **how)

    engine.apply = seen  # type: ignore[method-assign]
    with captured_logs() as logs:
        await Indexer(changes, engine, SLOW, Metrics()).catch_up(await changes.head())
    assert [entry["action"] for entry in logs if entry["level"] == "warning"] == ["index.overslept"]
    assert (answered, set(engine.documents)) == ([25, 25, 25], set(changes.documents) - {"d3"})


async def test_another_epoch_is_begun_from_zero(changes: RememberedChanges, engine: RememberingEngine) -> None:
    changes.put(document("a"), document("b"))
    indexer = Indexer(changes, engine, SLOW, Metrics())
    await indexer.catch_up(2)
    del changes.documents["b"]
    changes.name = "epoch-2"
    assert await indexer.lag() == 2
    await indexer.catch_up(2)
    assert set(engine.documents) == {"a"}
    assert engine.at == Position("epoch-2", 2)


async def test_one_request_has_every_index_built_anew(changes: RememberedChanges, engine: RememberingEngine) -> None:
    """Those of other machines, and the one that answers in a cluster's place, too; each of them once."""
    changes.put(*(document(f"d{number}") for number in range(25)))
    engines = (engine, RememberingEngine())
    indexers = [Indexer(changes, each, SLOW, Metrics()) for each in engines]
    for each in indexers:
        await each.catch_up(25)
    await indexers[1].rebuild()
    assert [len(each.batches) for each in engines] == [3, 6]
    for _ in range(2):
        for each in indexers:
            await each.catch_up(25)
            await each._write_batch()
    assert [len(each.batches) for each in engines] == [6, 6]
    assert {each.at for each in engines} == {Position("epoch-1", 25, rebuilt=1)}


async def test_a_rebuild_that_breaks_off_holds_up_nothing_and_is_begun_again(
    changes: RememberedChanges, engine: RememberingEngine
) -> None:
    changes.put(*(document(f"d{number}") for number in range(25)))
    indexer = Indexer(changes, engine, SLOW, Metrics())
    await indexer.catch_up(25)
    await changes.ask_rebuild()
    engine.broken = True
    with pytest.raises(Transient):
        await indexer._write_batch()
    engine.broken = False
    changes.put(document("new"))
    async with asyncio.timeout(1):
        await indexer.catch_up(26)
    assert "new" in engine.documents
    assert engine.at == Position("epoch-1", 26, rebuilt=1)


async def test_an_index_that_is_empty_when_it_is_asked_for_is_built_once(
    changes: RememberedChanges, engine: RememberingEngine
) -> None:
    changes.put(*(document(f"d{number}") for number in range(25)))
    await Indexer(changes, engine, SLOW, Metrics()).rebuild()
    assert (len(engine.batches), engine.at) == (3, Position("epoch-1", 25, rebuilt=1))


@pytest.mark.thorough
async def test_a_second_request_does_not_end_the_waiting_for_the_first(
    changes: RememberedChanges, engine: RememberingEngine
) -> None:
    engine.free = False
    changes.put(document("a"))
    engine.at = Position("epoch-1", 1)
    waiting = [asyncio.create_task(Indexer(changes, engine, SLOW, Metrics()).rebuild()) for _ in range(2)]
    await asyncio.sleep(0.1)
    assert not any(each.done() for each in waiting)
    engine.at = Position("epoch-1", 1, rebuilt=1)
    await until(lambda: waiting[0].done())
    assert not waiting[1].done()
    engine.at = Position("epoch-1", 1, rebuilt=2)
    await until(lambda: waiting[1].done())
    await asyncio.gather(*waiting)


async def test_an_index_of_before_the_database_was_restored_has_fulfilled_nothing(
    changes: RememberedChanges, engine: RememberingEngine
) -> None:
    changes.put(document("a"))
    engine.at = Position("epoch-1", 1, rebuilt=7)
    await Indexer(changes, engine, SLOW, Metrics()).rebuild()
    assert (set(engine.documents), engine.at) == ({"a"}, Position("epoch-1", 1, rebuilt=1))


@pytest.mark.thorough
async def test_who_has_no_lock_waits_for_the_one_who_has(changes: RememberedChanges, engine: RememberingEngine) -> None:
    engine.free = False
    changes.put(document("a"))
    waiting = asyncio.create_task(Indexer(changes, engine, SLOW, Metrics()).catch_up(1))
    await asyncio.sleep(0.08)
    assert not waiting.done()
    engine.at = Position("epoch-1", 1)
    async with asyncio.timeout(1):
        await waiting
    assert engine.batches == []


@pytest.mark.thorough
async def test_a_lock_that_becomes_free_is_taken_over(changes: RememberedChanges, engine: RememberingEngine) -> None:
    engine.free = False
    changes.put(document("a"))
    async with Running(Indexer(changes, engine, FAST, Metrics())):
        await asyncio.sleep(0.02)
        assert not engine.writable
        engine.free = True
        await until(lambda: "a" in engine.documents)


@pytest.mark.thorough
async def test_few_changes_wait_for_the_interval_and_a_full_batch_does_not(
    changes: RememberedChanges, engine: RememberingEngine
) -> None:
    async with Running(Indexer(changes, engine, SLOW, Metrics())) as indexer:
        await until(lambda: engine.at is not None)
        await asyncio.sleep(0.01)
        changes.put(*(document(f"d{number}") for number in range(9)))
        indexer.notify()
        await asyncio.sleep(0.03)
        assert engine.batches == []
        changes.put(document("d9"))
        indexer.notify()
        await until(lambda: engine.batches == [(10, 0)])


@pytest.mark.thorough
async def test_the_interval_passes_without_notice(changes: RememberedChanges, engine: RememberingEngine) -> None:
    async with Running(Indexer(changes, engine, FAST, Metrics())):
        await until(lambda: engine.at is not None)
        changes.put(document("a"))
        await until(lambda: "a" in engine.documents)


async def test_a_backlog_is_committed_once_and_at_the_latest_after_some_seconds(
    changes: RememberedChanges, engine: RememberingEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes.put(*(document(f"d{number}") for number in range(35)))
    indexer = Indexer(changes, engine, SLOW, Metrics())
    await indexer.catch_up(35)
    assert engine.commits == [4]
    changes.put(*(document(f"e{number}") for number in range(20)))
    await indexer.catch_up(55)
    assert (engine.commits, len(engine.documents)) == ([4, 6], 55)
    monkeypatch.setattr("tidemill.search.indexer.LONGEST_TURN_S", 0)
    changes.put(*(document(f"f{number}") for number in range(20)))
    await indexer.catch_up(75)
    assert (engine.commits, len(engine.documents)) == ([4, 6, 7, 8], 75)


async def test_whoever_stops_a_backlog_waits_for_one_batch_only(
    changes: RememberedChanges, engine: RememberingEngine
) -> None:
    changes.put(*(document(f"d{number}") for number in range(1000)))
    apply, stop = engine.apply, asyncio.Event()

    async def slowly(*batch: Any, **options: Any) -> None:
        await apply(*batch, **options)
        if len(engine.batches) == 3:
            stop.set()

    engine.apply = slowly  # type: ignore[method-assign]
    await Indexer(changes, engine, SLOW, Metrics()).run(stop)
    assert (engine.commits, len(engine.documents)) == ([4], 40)


@pytest.mark.parametrize("fails", ["reading", "writing"])
async def test_a_backlog_that_is_broken_off_is_written_whole_later(
    changes: RememberedChanges, engine: RememberingEngine, fails: str
) -> None:
    changes.put(*(document(f"d{number}") for number in range(35)))
    reads = 0
    changes_after = changes.changes_after

    async def sometimes(event_id: int, limit: int) -> list[tuple[int, str]]:
        nonlocal reads
        reads += 1
        if reads == 3:
            if fails == "reading":
                raise Transient("the database is gone", reason="database_unavailable")
            engine.broken = True
        return await changes_after(event_id, limit)

    changes.changes_after = sometimes  # type: ignore[method-assign]
    indexer = Indexer(changes, engine, SLOW, Metrics())
    with pytest.raises(Transient):
        await indexer.catch_up(35)
    assert (engine.documents, await indexer.lag()) == ({}, 35)
    engine.broken = False
    await indexer.catch_up(35)
    assert len(engine.documents) == 35


@pytest.mark.thorough
async def test_keeping_pace_writes_only_what_is_worth_a_commit(
    changes: RememberedChanges, engine: RememberingEngine
) -> None:
    indexer, stop = Indexer(changes, engine, SLOW, Metrics()), asyncio.Event()
    task = asyncio.create_task(indexer.keep_pace(stop))
    changes.put(*(document(f"few-{number}") for number in range(9)))
    indexer.notify()
    await asyncio.sleep(0.05)
    assert engine.batches == []
    changes.put(document("enough"))
    indexer.notify()
    await until(lambda: engine.batches == [(10, 0)])
    stop.set()
    async with asyncio.timeout(1):
        await task


async def test_keeping_pace_survives_trouble(changes: RememberedChanges, engine: RememberingEngine) -> None:
    indexer, stop = Indexer(changes, engine, SLOW, Metrics()), asyncio.Event()
    engine.broken = True
    changes.put(*(document(str(number)) for number in range(10)))
    with captured_logs() as logs:
        task = asyncio.create_task(indexer.keep_pace(stop))
        indexer.notify()
        await until(lambda: "index.retry" in str(logs))
    engine.broken = False
    indexer.notify()
    await until(lambda: len(engine.documents) == 10)
    stop.set()
    async with asyncio.timeout(1):
        await task


async def test_keeping_pace_survives_a_full_disk_of_the_database(
    changes: RememberedChanges, engine: RememberingEngine
) -> None:
    indexer, stop = Indexer(changes, engine, SLOW, Metrics()), asyncio.Event()
    engine.trouble = NoSpace("the disk of the database is full", reason="disk_full")
    changes.put(*(document(str(number)) for number in range(10)))
    task = asyncio.create_task(indexer.keep_pace(stop))
    with captured_logs() as logs:
        indexer.notify()
        await until(lambda: "index.retry" in str(logs))
    assert not task.done()
    stop.set()
    await task


@pytest.mark.thorough
@pytest.mark.parametrize("trouble", [Permanent("a word is too long"), Conflict("begin first"), Invalid("what")])
async def test_an_engine_that_refuses_ends_nothing_and_is_asked_again(
    changes: RememberedChanges, engine: RememberingEngine, trouble: TidemillError, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexer_module, "LONGEST_RETRY_S", 0.02)
    engine.trouble = trouble
    changes.put(document("a"))
    with captured_logs() as logs:
        async with Running(Indexer(changes, engine, SLOW, Metrics())):
            await until(lambda: len(logs) >= 2)
            engine.trouble = None
            await until(lambda: "a" in engine.documents)
    assert {(entry["action"], entry["level"]) for entry in logs} == {("index.refusing", "error")}


async def test_catching_up_beside_a_resting_run_writes_at_once(
    changes: RememberedChanges, engine: RememberingEngine
) -> None:
    async with Running(Indexer(changes, engine, SLOW, Metrics())) as indexer:
        await until(lambda: engine.at is not None)
        changes.put(document("a"))
        async with asyncio.timeout(1):
            await indexer.catch_up(1)
    assert set(engine.documents) == {"a"}


@pytest.mark.thorough
async def test_trouble_is_said_tried_again_and_told_to_who_waits(
    changes: RememberedChanges, engine: RememberingEngine
) -> None:
    engine.broken = True
    changes.put(document("a"))
    with captured_logs() as logs:
        async with Running(Indexer(changes, engine, FAST, Metrics())) as indexer:
            await until(lambda: len(logs) >= 2)
            indexer.notify()
            with pytest.raises(Transient, match="disk is full"):
                await indexer.catch_up(1)
            engine.broken = False
            await until(lambda: "a" in engine.documents)
    assert {(entry["action"], entry["reason"]) for entry in logs} == {("index.retry", "disk_full")}


async def test_a_store_that_goes_away_while_it_waits_for_a_full_batch_ends_nothing(
    changes: RememberedChanges, engine: RememberingEngine
) -> None:
    """It is asked how much there is to do whenever somebody says that there is something."""
    indexer = Indexer(changes, engine, FAST, Metrics())
    stop = asyncio.Event()
    running = asyncio.create_task(indexer.run(stop))
    await until(lambda: engine.held)
    head, changes.head = changes.head, _away  # type: ignore[method-assign]
    indexer.notify()
    await asyncio.sleep(0.02)
    assert not running.done(), running.exception()
    changes.head = head  # type: ignore[method-assign]
    stop.set()
    await running


async def _away() -> int:
    raise Transient("no such server", reason="database_unavailable")
