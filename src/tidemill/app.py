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
from tidemill.errors import Invalid
from tidemill.models.document import Document
from tidemill.net import Client
from tidemill.queue.base import Queue
from tidemill.queue.database import DatabaseQueue
from tidemill.search.base import SearchEngine
from tidemill.search.indexer import Indexer
from tidemill.search.open import open_engine
from tidemill.settings import CrawlSettings, QueueSettings, Settings
from tidemill.store import documents, events, hosts, schema
from tidemill.store.engine import Store, open_store
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
    engine: SearchEngine
    indexer: Indexer
    client: Client
    metrics: Metrics
    health: Health


@asynccontextmanager
async def open_app(settings: Settings) -> AsyncIterator[App]:
    """Open everything that `settings` name. Raises `Invalid` for an unusable URL, `Conflict` for another schema."""
    store = open_store(settings.database_url, settings.database)
    try:
        await schema.ensure_schema(store)
        engine = open_engine(settings.search, settings.data_dir)
        try:
            archive = open_archive(settings.archive, settings.archive_url, settings.data_dir)
            try:
                client = Client(settings.net, user_agent=user_agent(settings.crawl), concurrency=_MOST_CONNECTIONS)
                async with client:
                    yield _joined(settings, store, archive, engine, client)
            finally:
                await archive.close()
        finally:
            await engine.close()
    finally:
        await store.close()


def user_agent(settings: CrawlSettings) -> str:
    """What we call ourselves: product, version, and where a site's owner can ask (`crawl.contact_url`)."""
    contact = f" (+{settings.contact_url})" if settings.contact_url else ""
    product = settings.user_agent if "/" in settings.user_agent else f"{settings.user_agent}/{__version__}"
    return product + contact


def _joined(settings: Settings, store: Store, archive: Archive, engine: SearchEngine, client: Client) -> App:
    metrics = Metrics()
    app = App(
        settings=settings,
        store=store,
        archive=archive,
        queue=_open_queue(settings.queue, store),
        engine=engine,
        indexer=Indexer(_StoreChanges(store), engine, settings.search, metrics),
        client=client,
        metrics=metrics,
        health=Health(),
    )
    app.health.register("database", lambda: _database(app), is_hard=True)
    app.health.register("search", lambda: _search(app), is_hard=False)
    app.metrics.add_refresh("store", lambda: _refresh(app))
    return app


def _open_queue(settings: QueueSettings, store: Store) -> Queue:
    if settings.url != "database:":
        raise Invalid(f"queue.url is {settings.url!r}; this version knows database: alone", reason="queue_url")
    return DatabaseQueue(store)


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


async def _database(app: App) -> Finding:
    async with app.store.read():
        return Finding(Status.PASS, "answers")


async def _search(app: App) -> Finding:
    lag = await app.indexer.lag()
    return Finding(Status.PASS, f"{lag} changes behind", {"lag_events": lag})


async def _refresh(app: App) -> None:
    backlog = await app.queue.backlog()
    oldest = backlog.oldest_fetched_at
    age_s = (app.store.now() - oldest).total_seconds() if oldest else 0.0
    app.metrics.set_queue({"waiting": backlog.captures}, age_s)
    states, open_visits = await asyncio.gather(document_states(app.store), open_visit_states(app.store))
    app.metrics.set_documents(states)
    app.metrics.set_visits(open_visits)
    app.metrics.set_hosts(await hosts.troubled(app.store))
    app.metrics.set_index_lag(await app.indexer.lag())
