"""The only wiring: which implementation stands behind each port, opened in order and closed in reverse.

`async with open_app(settings) as app` is how every door (command line, server, tests) gets the house.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tidemill import __version__
from tidemill.archive.base import Archive
from tidemill.archive.open import open_archive
from tidemill.manage.asked import Asked
from tidemill.models.document import Document
from tidemill.models.ids import new_id
from tidemill.net import Client
from tidemill.queue.base import Queue
from tidemill.queue.open import open_queue
from tidemill.queue.pressure import BackPressure
from tidemill.search.answering import Answering
from tidemill.search.base import SearchEngine
from tidemill.search.indexer import Indexer
from tidemill.search.open import open_engine, open_fallback
from tidemill.settings import CrawlSettings, Settings
from tidemill.store import documents, events, hosts, notes, schema
from tidemill.store.engine import Store, check_capacity, open_store
from tidemill.store.totals import document_states, open_visit_states
from tidemill.telemetry.health import Finding, Health, Status
from tidemill.telemetry.metrics import Metrics

_MOST_CONNECTIONS = 1000


@dataclass(frozen=True, slots=True)
class App:
    """The open house. Everything here is safe to share among the tasks of one event loop."""

    settings: Settings
    store: Store
    archive: Archive
    queue: Queue
    pressure: BackPressure
    engine: SearchEngine
    indexer: Indexer
    fallback_indexer: Indexer | None
    searching: Answering
    asked: Asked
    client: Client
    metrics: Metrics
    health: Health


@asynccontextmanager
async def open_app(settings: Settings) -> AsyncIterator[App]:
    """Open everything that `settings` name. Raises `Invalid` for an unusable URL, `Conflict` for another schema."""
    store = open_store(settings.database_url, settings.database, settings.data_dir)
    try:
        await check_capacity(store, settings.database)
        await schema.ensure_schema(store)
        engine = open_engine(settings.search, settings.data_dir, store)
        fallback = open_fallback(settings.search, store)
        try:
            archive = open_archive(settings.archive, settings.archive_url, settings.data_dir)
            try:
                async with _opened_queue(settings, store) as queue, _opened_client(settings) as client:
                    app = _joined(settings, store, archive, queue, engine, fallback, client)
                    try:
                        yield app
                    finally:
                        await app.asked.close()
            finally:
                await archive.close()
        finally:
            await engine.close()
            if fallback is not None:
                await fallback.close()
    finally:
        await store.close()


@asynccontextmanager
async def _opened_queue(settings: Settings, store: Store) -> AsyncIterator[Queue]:
    queue = await open_queue(settings, store)
    try:
        yield queue
    finally:
        await queue.close()


def _opened_client(settings: Settings) -> Client:
    return Client(settings.net, user_agent=user_agent(settings.crawl), concurrency=_MOST_CONNECTIONS)


def user_agent(settings: CrawlSettings) -> str:
    """What we call ourselves: product, version, and where a site's owner can ask (`crawl.contact_url`)."""
    contact = f" (+{settings.contact_url})" if settings.contact_url else ""
    product = settings.user_agent if "/" in settings.user_agent else f"{settings.user_agent}/{__version__}"
    return product + contact


def _joined(
    settings: Settings,
    store: Store,
    archive: Archive,
    queue: Queue,
    engine: SearchEngine,
    fallback: SearchEngine | None,
    client: Client,
) -> App:
    metrics = Metrics()
    changes = _StoreChanges(store)
    app = App(
        settings=settings,
        store=store,
        archive=archive,
        queue=queue,
        pressure=BackPressure(store, settings.queue, metrics),
        engine=engine,
        indexer=Indexer(changes, engine, settings.search, metrics),
        fallback_indexer=Indexer(changes, fallback, settings.search, metrics) if fallback else None,
        searching=Answering(engine, fallback, settings.search),
        asked=Asked(store, settings.search, store.now),
        client=client,
        metrics=metrics,
        health=Health(),
    )
    app.health.register("database", lambda: _database(app), is_hard=True)
    app.health.register("queue", lambda: _queue(app), is_hard=False)
    app.health.register("search", lambda: _search(app), is_hard=False)
    app.metrics.add_refresh("store", lambda: _refresh(app))
    return app


class _StoreChanges:
    """The store as the indexer reads it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def changes_after(self, event_id: int, limit: int) -> list[tuple[int, str]]:
        return await events.document_changes(self._store, event_id, limit)

    async def documents_by_ids(self, ids: Sequence[str]) -> list[Document]:
        return await documents.by_ids(self._store, ids)

    async def head(self) -> int:
        return await events.head(self._store)

    async def epoch(self) -> str:
        return await schema.epoch(self._store)

    async def ask_rebuild(self) -> str:
        return await notes.put(self._store, notes.REBUILD_INDEX, new_id())

    async def rebuild_asked(self) -> str | None:
        return await notes.get(self._store, notes.REBUILD_INDEX)

    async def rebuild_done(self, request: str) -> None:
        await notes.drop(self._store, notes.REBUILD_INDEX, request)


async def _database(app: App) -> Finding:
    async with app.store.read():
        return Finding(Status.PASS, "answers")


async def _queue(app: App) -> Finding:
    await app.queue.check()
    return Finding(Status.PASS, "answers")


async def _search(app: App) -> Finding:
    lag = await app.indexer.lag()
    if app.searching.is_degraded:
        return Finding(Status.WARN, "the engine failed; answers are stale", {"lag_events": lag})
    return Finding(Status.PASS, f"{lag} changes behind", {"lag_events": lag})


async def _refresh(app: App) -> None:
    backlog, now = await app.queue.backlog(), app.store.now()
    waiting = backlog.by_priority.items()
    ages_s = {priority: (now - each.oldest_fetched_at).total_seconds() for priority, each in waiting}
    app.metrics.set_queue({priority: each.captures for priority, each in waiting}, ages_s)
    states, open_visits = await asyncio.gather(document_states(app.store), open_visit_states(app.store))
    app.metrics.set_documents(states)
    app.metrics.set_visits(open_visits)
    app.metrics.set_hosts(await hosts.troubled(app.store))
    app.metrics.set_index_lag(await app.indexer.lag())
