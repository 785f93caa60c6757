"""The ledger under two crawlers, crashes, zombies, processing and cancellation, in any order: it always adds up."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import func, select
from tests.contract.store_house import SITE, House, draft, found, opened_house, result_of, stores_on

from tidemill.models.capture import Capture
from tidemill.models.failure import Failure
from tidemill.models.outcome import OPEN_STATES, Outcome
from tidemill.models.run import Run, RunState
from tidemill.models.visit import Fetched, Visit
from tidemill.store import events, leases, runs, tables, workers
from tidemill.store.processed import store_batch
from tidemill.store.workers import Worker

T = TypeVar("T")
MAX_PAGES = 9
LINKS = st.lists(st.sampled_from("abcdefghijklmno"), max_size=4)
FATES = st.sampled_from(["captured", "captured", "gone", "skipped", "retry", "redirected"])
FAILURE = Failure("timeout", "Timeout", "too slow")


class LedgerMachine(RuleBasedStateMachine):
    """`held` are the visits and captures of the living, `zombies` those of workers that were declared dead."""

    database = "sqlite"

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.stack.enter_context(stores_on(self.database))
        folder = self.stack.enter_context(TemporaryDirectory())
        self.house: House = self.wait(self.stack.enter_async_context(opened_house(Path(folder))))
        self.run: Run = self.wait(self.house.begin("a", "b"))
        self.crawlers = [self.house.worker, self.wait(workers.register(self.house.store, "crawler"))]
        self.held: dict[str, list[Visit]] = {each.id: [] for each in self.crawlers}
        self.claims: list[tuple[str, str, list[Capture]]] = []
        self.zombies: list[Visit] = []
        self.lost: list[tuple[str, Capture]] = []
        self.reported = {"a", "b"}

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def crawler(self, which: bool) -> Worker:
        return self.crawlers[which]

    @rule(which=st.booleans(), limit=st.integers(1, 4), interval_s=st.sampled_from([0.0, 0.0, 3.0]))
    def lease(self, which: bool, limit: int, interval_s: float) -> None:
        worker = self.crawler(which)
        visits = self.wait(
            leases.lease(
                self.house.store,
                self.run.id,
                worker.id,
                limit=limit,
                max_pages=MAX_PAGES,
                horizon_s=10,
                interval_s=lambda _: interval_s,
            )
        )
        already = {visit.page_id for held in self.held.values() for visit in held}
        assert already.isdisjoint(visit.page_id for visit in visits)
        self.held[worker.id] += visits

    @rule(which=st.booleans(), fates=st.lists(st.tuples(FATES, LINKS), min_size=1, max_size=3))
    def record(self, which: bool, fates: list[tuple[str, list[str]]]) -> None:
        held = self.held[self.crawler(which).id]
        mine = [held.pop() for _ in fates[: len(held)]]
        if mine:
            results = [self.fetched(visit, *fate) for visit, fate in zip(mine, fates, strict=False)]
            written = self.wait(self.house.record(*results))
            cancelled = self.state() is RunState.CANCELLED
            assert written == (0 if cancelled else len(mine))
            if not cancelled:
                self.reported |= {each.url.removeprefix(SITE) for result in results for each in result.found}

    def fetched(self, visit: Visit, fate: str, links: list[str]) -> Fetched:
        pages = tuple(found(*links, depth=visit.depth + 1))
        if fate == "captured":
            return replace(self.house.captured(visit), found=pages)
        if fate == "retry":
            return Fetched(visit, reason="timeout", retry_at=self.house.store.at)
        if fate == "skipped":
            return Fetched(visit, Outcome.SKIPPED, "robots")
        return Fetched(visit, Outcome(fate), requests=1, found=pages if fate == "redirected" else ())

    @rule(which=st.booleans())
    def crash(self, which: bool) -> None:
        dead = self.crawler(which)
        os.close(dead.lock_fd)
        self.crawlers[which] = self.wait(workers.register(self.house.store, "crawler"))
        assert self.wait(workers.reclaim(self.house.store, 10**9)) == 1
        self.zombies += self.held.pop(dead.id)
        self.held[self.crawlers[which].id] = []
        self.lost += [(token, each) for worker, token, claimed in self.claims if worker == dead.id for each in claimed]
        self.claims = [claim for claim in self.claims if claim[0] != dead.id]

    @precondition(lambda self: self.zombies)
    @rule()
    def a_zombie_records(self) -> None:
        visits, self.zombies = self.zombies, []
        results = [replace(self.house.captured(each), found=tuple(found("zombie"))) for each in visits]
        assert self.wait(self.house.record(*results)) == 0

    @precondition(lambda self: self.lost)
    @rule(fails=st.booleans())
    def a_zombie_stores(self, fails: bool) -> None:
        lost, self.lost = self.lost, []
        for token, capture in lost:
            result = FAILURE if fails else result_of(capture, [draft("zombie")])
            assert self.wait(store_batch(self.house.store, token, [(capture, result)], max_attempts=1)) == {}

    @rule(which=st.booleans(), limit=st.integers(1, 4))
    def claim(self, which: bool, limit: int) -> None:
        self.house.worker = self.crawler(which)
        token, claimed = self.wait(self.house.claim(limit))
        already = {capture.id for _, _, captures in self.claims for capture in captures}
        assert already.isdisjoint(each.id for each in claimed)
        if claimed:
            self.claims.append((self.house.worker.id, token, claimed))

    @precondition(lambda self: self.claims)
    @rule(texts=st.lists(st.sampled_from(["x", "y", "", "fail"]), min_size=4, max_size=4))
    def store(self, texts: list[str]) -> None:
        _, token, claimed = self.claims.pop(0)
        batch = [(each, self.processed(each, text)) for each, text in zip(claimed, texts, strict=False)]
        counted = self.wait(store_batch(self.house.store, token, batch, max_attempts=2, retry_delay_s=0.001))
        assert sum(counted.values()) == len(claimed)

    def processed(self, capture: Capture, text: str) -> Any:
        return FAILURE if text == "fail" else result_of(capture, [draft(text)] if text else [])

    @rule()
    def finish(self) -> None:
        self.wait(runs.finish(self.house.store, self.run.id, MAX_PAGES))

    @rule()
    def time_passes(self) -> None:
        self.house.store.turn_on(5)

    @rule()
    def interrupted_and_taken_up(self) -> None:
        self.wait(runs.interrupt(self.house.store, self.run.id))
        self.wait(runs.begin(self.house.store, self.run.id, self.crawlers[0].id))

    @precondition(lambda self: len(self.reported) > 10)
    @rule(really=st.sampled_from([False, False, True]))
    def cancel(self, really: bool) -> None:
        if really and self.state() not in (RunState.CANCELLED, RunState.COMPLETED):
            self.wait(runs.cancel(self.house.store, self.run.id))

    def state(self) -> RunState:
        return self.wait(runs.state(self.house.store, self.run.id))

    @invariant()
    def the_ledger_adds_up(self) -> None:
        self.wait(self.check())

    async def check(self) -> None:
        store = self.house.store
        run = await runs.get(store, self.run.id)
        said = await self.house.outcomes(run)
        assert set(said) == self.reported
        assert sum(run.outcomes.values()) == run.discovered == len(said) == await self.house.count("visits")
        open_states = {state.value for state in OPEN_STATES}
        async with store.read() as connection:
            rows = (await connection.execute(select(tables.visits))).all()
            admitted = await connection.scalar(select(tables.runs.c.admitted))
            per_page = select(func.count()).select_from(tables.captures).group_by(tables.captures.c.page_id)
            assert set((await connection.execute(per_page)).scalars()) <= {1}
        for row in rows:
            assert (row.state == "done") == (row.outcome is not None)
            assert (row.state == "leased") == (row.token is not None) == (row.worker_id is not None)
            assert (row.state == "captured") <= (row.capture_id is not None)
        tried = sum(row.state == "leased" or row.attempts > 0 for row in rows)
        refused = sum(row.reason == "robots" and row.attempts == 1 for row in rows)
        cut_short = sum(row.reason == "run_cancelled" for row in rows)
        assert tried - refused <= admitted <= min(MAX_PAGES, tried - refused + cut_short)
        if run.state is RunState.COMPLETED:
            assert open_states.isdisjoint(said.values())
        held = {visit.page_id for held in self.held.values() for visit in held}
        if run.state is not RunState.CANCELLED:
            assert {row.page_id for row in rows if row.state == "leased"} == held
        ended = [each for each in await events.after(store, 0, 1000) if each.kind == "run.finished"]
        assert len(ended) == (run.state in (RunState.COMPLETED, RunState.CANCELLED))

    def teardown(self) -> None:
        try:
            self.wait(self.drained())
        finally:
            self.wait(self.closed())
            self.runner.close()

    async def drained(self) -> None:
        """Whatever happened, the run can be brought to its end."""
        store = self.house.store
        for worker in self.crawlers:
            await workers.leave(store, worker)
        await workers.reclaim(store, 10**9)
        self.house.worker = await workers.register(store, "crawler")
        await runs.begin(store, self.run.id, self.house.worker.id)
        for _ in range(40):
            store.turn_on(60)
            if visits := await self.house.lease(self.run, max_pages=MAX_PAGES):
                await self.house.record(*(self.house.captured(each) for each in visits))
            token, claimed = await self.house.claim()
            await store_batch(store, token, [(c, result_of(c, [draft(c.url)])) for c in claimed], max_attempts=2)
            await runs.finish(store, self.run.id, MAX_PAGES)
        self.held = {}
        self.claims = []
        await self.check()
        run = await runs.get(store, self.run.id)
        assert run.state in (RunState.COMPLETED, RunState.CANCELLED)
        assert {state.value for state in OPEN_STATES}.isdisjoint(run.outcomes)

    async def closed(self) -> None:
        await self.stack.aclose()


LedgerMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
TestLedger = LedgerMachine.TestCase


class ServedLedgerMachine(LedgerMachine):
    """The same with a server behind it."""

    database = "postgresql"


ServedLedgerMachine.TestCase.settings = settings(max_examples=6, stateful_step_count=25, deadline=None)


@pytest.mark.usefixtures("postgres")
class TestServedLedger(ServedLedgerMachine.TestCase):
    """Skipped where there is no server."""
