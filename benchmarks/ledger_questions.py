"""What `ledger_at_size` asks of the store: what the roles ask in production, through the store's own functions.

In: a store with the rows of `ledger_rows`. Out: questions by role, to be asked some times each.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from benchmarks.duplicates import articles
from benchmarks.ledger_rows import DAYS, RARE
from benchmarks.writes import _sentences
from tidemill.models.capture import Capture
from tidemill.models.document import DocumentState, Processed
from tidemill.models.export import Selection
from tidemill.models.host import HostPolicy
from tidemill.models.ids import new_id
from tidemill.models.run import RunOptions
from tidemill.models.source import ProcessRules
from tidemill.models.visit import Fetched, Found, Visit
from tidemill.settings import ProcessSettings
from tidemill.store import (
    announcing,
    captures,
    deadletters,
    documents,
    events,
    hosts,
    leases,
    ledger,
    listing,
    named,
    progress,
    retention,
    runs,
    sources,
    totals,
    versions,
    workers,
)
from tidemill.store.engine import Store
from tidemill.store.listing import Wanted
from tidemill.store.processed import store_batch

BATCH = ProcessSettings().batch_size
POLICY = HostPolicy(interval_s=lambda _: 0.0)
Question = tuple[str, str, Callable[[], Awaitable[Any]], int]
"""Role, name, work, how often."""


class Questions:
    """What the roles ask of a database of this size, each as it is asked in production."""

    def __init__(self, store: Store, run_ids: list[str], worker: workers.Worker) -> None:
        self.store, self.run_ids, self.worker = store, run_ids, worker
        self.leased: list[Visit] = []
        self.turn = 0
        self.drafts = articles(_sentences(), ProcessRules(), 1)

    def all(self) -> list[Question]:
        """In the order in which a page travels."""
        return [*self._crawling(), *self._processing(), *self._serving(), *self._keeping()]

    def _crawling(self) -> list[Question]:
        store = self.store
        return [
            ("crawler", "lease 128 visits", self.lease, 9),
            ("crawler", "record 128 visits, 3 new links each", self.record, 9),
            ("crawler", "do 10,000 captures wait? (back-pressure)", lambda: captures.count_waiting(store, 10_000), 5),
            ("crawler", "give leased visits back", self.give_back, 3),
            ("all", "look for dead workers", lambda: workers.reclaim(store, 60, self.worker), 5),
            ("schedule", "begin a run of all known pages", self.begin, 5),
        ]

    def _processing(self) -> list[Question]:
        store = self.store
        return [
            ("processor", f"claim {BATCH} captures", self.claim, 9),
            ("processor", f"claim {BATCH} captures that a broker names", self.claim_named, 5),
            ("processor", f"store the results of {BATCH}", self.store_results, 9),
            ("processor", "sweep: is anything unannounced?", lambda: announcing.is_any_silent(store, 0.5), 5),
            ("processor", "announce 1,000 captures", lambda: announcing.unannounced(store, 1000), 5),
            ("processor", "sweep: has the broker lost any?", lambda: announcing.overdue(store, 500, 1000, 0.0), 5),
            ("processor", "backlog by priority", lambda: captures.backlog(store), 3),
            ("indexer", "1,000 changes from the middle", self.changes, 9),
            ("indexer", "the last event", lambda: events.head(store), 5),
        ]

    def _serving(self) -> list[Question]:
        store = self.store
        return [
            ("serve", "a run with its totals", lambda: runs.get(store, self.run_ids[0]), 5),
            ("serve", "the progress of a run", self.progress, 5),
            ("serve", "the newest 20 runs", lambda: runs.listed(store, 20), 3),
            ("serve", "100 lines of a ledger", self.entries, 5),
            ("serve", "1,000 events of the feed", lambda: events.window(store, 1000, 1000), 5),
            ("serve", "dead letters in groups", lambda: deadletters.groups(store, deadletters.Wanted()), 3),
            ("serve", "100 documents of all, from the middle", lambda: self.listed(Wanted()), 5),
            ("serve", "100 documents of a source", self.of_source, 5),
            ("serve", "100 documents in a rare language", lambda: self.listed(Wanted(language=RARE)), 3),
            ("serve", "100 documents of no kind that is", lambda: self.listed(Wanted(kind="none")), 3),
            ("serve", "100 removed documents", lambda: self.listed(Wanted(DocumentState.REMOVED)), 3),
            ("serve", "100 documents with a tag", lambda: self.listed(Wanted(tag="tag 3")), 3),
            ("serve", "documents changed in the last hour", self.changed, 3),
            ("cli", "the first 100 documents by URL", self.brief, 3),
            ("export", "the first 1,000 documents of a source", self.exported, 3),
            ("serve", "visits of unfinished runs (metrics)", lambda: totals.open_visit_states(store), 2),
            ("serve", "documents by state (metrics)", lambda: totals.document_states(store), 2),
            ("serve", "troubled hosts (metrics)", lambda: hosts.troubled(store), 3),
        ]

    def _keeping(self) -> list[Question]:
        return [
            ("retention", "compact one run", self.compact, 3),
            ("retention", "forget 2,000 events", self.forget, 3),
            ("retention", "expire old captures of a source", self.expire, 3),
        ]

    def next_run(self) -> str:
        """Crawls take turns."""
        self.turn += 1
        return self.run_ids[self.turn % len(self.run_ids)]

    async def lease(self) -> None:
        """Of a run of many."""
        self.leased = await leases.lease(
            self.store,
            self.next_run(),
            self.worker.id,
            limit=128,
            max_pages=10**6,
            horizon_s=10,
            interval_s=lambda _: 0.0,
        )
        if not self.leased:
            raise AssertionError("nothing to lease")

    async def record(self) -> float:
        """What the last lease gave; another one comes before the next."""
        run = await runs.get(self.store, self.leased[0].run_id)
        source = await sources.by_id(self.store, run.source_id)
        entry = runs.entry_of(run.id, source, run.options)
        now = self.store.now()
        batch = [_fetched(each, now) for each in self.leased]
        began = time.perf_counter()
        done = await ledger.record(self.store, entry, batch, POLICY)
        took_s = time.perf_counter() - began
        assert done.written == len(batch)
        await self.lease()
        return took_s

    async def give_back(self) -> float:
        """What a crawler had leased, when it ends."""
        await self.lease()
        began = time.perf_counter()
        await leases.release(self.store, self.leased[0].run_id, self.worker.id)
        return time.perf_counter() - began

    async def claim(self) -> None:
        """As a processor does with the default queue."""
        _, claimed = await captures.claim(self.store, self.worker.id, BATCH)
        assert len(claimed) == BATCH

    async def claim_named(self) -> float:
        """As a processor does with a broker's messages; given back again."""
        token, claimed = await captures.claim(self.store, self.worker.id, BATCH)
        ids = await captures.release(self.store, token, [each.id for each in claimed])
        began = time.perf_counter()
        token, again, _ = await captures.claim_ids(self.store, self.worker.id, ids)
        took_s = time.perf_counter() - began
        assert len(await captures.release(self.store, token, [each.id for each in again])) == BATCH
        return took_s

    async def store_results(self) -> float:
        """As a processor does: documents that changed, with history, duplicates, outcomes and events."""
        token, claimed = await captures.claim(self.store, self.worker.id, BATCH)
        batch = [(each, Processed(each.id, (next(self.drafts),))) for each in claimed]
        began = time.perf_counter()
        done = await store_batch(self.store, token, batch, max_attempts=3)
        took_s = time.perf_counter() - began
        assert sum(done.values()) == BATCH
        return took_s

    async def changes(self) -> None:
        """As the indexer does."""
        head = await events.head(self.store)
        assert len(await events.document_changes(self.store, head // 2, 1000)) == 1000

    async def progress(self) -> None:
        """As `GET /api/v1/runs/ID` does."""
        await progress.progress(self.store, await runs.get(self.store, self.run_ids[1]))

    async def entries(self) -> None:
        """As `GET /api/v1/runs/ID/ledger` does."""
        assert [each async for each in ledger.entries(self.store, self.run_ids[0], limit=100)]

    async def listed(self, wanted: Wanted) -> None:
        """As `GET /api/v1/documents` does, behind a key."""
        await listing.listed(self.store, wanted, ("", "", "80000000-0000-8000-8000-000000000000"), 101)

    async def changed(self) -> None:
        """As a reader does that asks again and again what is new."""
        since = self.store.now() - timedelta(hours=1)
        await listing.listed(self.store, Wanted(updated_since=since), None, 101)

    async def of_source(self) -> None:
        """One page of one source."""
        await listing.listed(self.store, replace(Wanted(), source_id=await self._source_id()), ("h", "", ""), 101)

    async def brief(self) -> None:
        """As `tidemill documents list` does."""
        await versions.brief(self.store, None, DocumentState.CURRENT, 100)

    async def exported(self) -> None:
        """As a streamed export does."""
        source = await sources.by_id(self.store, await self._source_id())
        await documents.current_ids(self.store, Selection(source=source.name), 1000)

    async def _source_id(self) -> str:
        return (await runs.get(self.store, self.next_run())).source_id

    async def expire(self) -> None:
        """Of a source that has no run under way: begun ones are cancelled."""
        run = await runs.cancel(self.store, self.next_run())
        await named.expire(self.store, run.source_id, self.store.now() - timedelta(hours=1))

    async def begin(self) -> None:
        """A run of a source whose last one is cancelled for it."""
        source = await sources.by_id(self.store, await self._source_id())
        await runs.create(self.store, source, RunOptions(), [])

    async def compact(self) -> None:
        """The oldest run."""
        (oldest,) = (await retention._compactable(self.store, self.store.now() - timedelta(days=DAYS - 1)))[:1]
        await retention._keep_totals(self.store, oldest)
        while await retention._delete_visits(self.store, oldest, retention.AT_ONCE) == retention.AT_ONCE:
            pass

    async def forget(self) -> None:
        """One bit."""
        await retention._forget_some(self.store, 0, self.store.now() - timedelta(days=1), retention.AT_ONCE)


def _fetched(visit: Visit, now: Any) -> Fetched:
    origin = visit.url.split("/section")[0]
    links = tuple(Found(url=f"{origin}/new/{new_id()}", origin=origin, depth=visit.depth + 1) for _ in range(3))
    capture = Capture(
        id=new_id(),
        run_id=visit.run_id,
        page_id=visit.page_id,
        source_id=visit.source_id,
        url=visit.url,
        fetched_at=now,
        status_code=200,
        media_type="text/html",
        content_type="text/html",
        body_hash="0" * 64,
        size_bytes=20_000,
    )
    return Fetched(visit, capture=capture, found=links, status_code=200, requests=1, received_bytes=20_000)
