"""The only wiring: which implementation stands behind each port, opened in order and closed in reverse.

`async with open_app(settings) as app` is how every door (command line, server, tests) gets the house.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidemill import __version__
from tidemill.archive.base import Archive
from tidemill.archive.open import open_archive
from tidemill.manage.asked import Asked
from tidemill.manage.logins import Logins
from tidemill.models.document import Document
from tidemill.models.ids import new_id
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
from tidemill.store.pool import pool_states
from tidemill.store.replicas import Replicas, open_replicas
from tidemill.store.totals import document_states, open_visit_states
from tidemill.telemetry.health import Finding, Health, Status
from tidemill.telemetry.metrics import Metrics

if TYPE_CHECKING:  # its libraries take a seventh of the start, and only a crawl needs them
    from tidemill.net import Client

_MOST_CONNECTIONS = 1000


@dataclass(frozen=True, slots=True)
class App:
    """The open house. Everything here is safe to share among the tasks of one event loop."""

    settings: Settings
    store: Store
    replicas: Replicas
    archive: Archive
    queue: Queue
    pressure: BackPressure
    engine: SearchEngine
    indexer: Indexer
    fallback_indexer: Indexer | None
    searching: Answering
    asked: Asked
    outward: Outward
    logins: Logins
    metrics: Metrics
    health: Health

    @property
    def client(self) -> Client:
        """The way out of the house."""
        return self.outward.client()


class Outward:
    """Makes the HTTP client when somebody asks for it, and closes it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: Client | None = None

    def client(self) -> Client:
        """The one client of this process."""
        if self._client is None:
            from tidemill.net import Client

            agent = user_agent(self._settings.crawl)
            self._client = Client(self._settings.net, user_agent=agent, concurrency=_MOST_CONNECTIONS)
        return self._client

    async def aclose(self) -> None:
        """Close it, if there is one."""
        if self._client is not None:
            await self._client.close()


@asynccontextmanager
async def open_app(settings: Settings) -> AsyncIterator[App]:
    """Open everything that `settings` name. Raises `Invalid` for an unusable URL, `Conflict` for another schema."""
    store = open_store(settings.database_url, settings.database, settings.data_dir)
    try:
        await check_capacity(store, settings.database)
        await schema.ensure_schema(store)
        async with _opened_replicas(settings, store) as replicas, _opened_engines(settings, store, replicas) as engines:
            metrics = Metrics()
            outward = Outward(settings)
            archive = open_archive(settings.archive, settings.archive_url, settings.data_dir)
            try:
                async with (
                    _opened_queue(settings, store, metrics) as queue,
                    aclosing(outward),
                    aclosing(metrics),
                ):
                    app = _joined(settings, store, replicas, archive, queue, engines, outward, metrics)
                    try:
                        yield app
                    finally:
                        await app.asked.close()
            finally:
                await archive.close()
    finally:
        await store.close()


@asynccontextmanager
async def _opened_replicas(settings: Settings, store: Store) -> AsyncIterator[Replicas]:
    replicas = open_replicas(store, settings.database)
    try:
        yield replicas
    finally:
        await replicas.close()


@asynccontextmanager
async def _opened_engines(
    settings: Settings, store: Store, replicas: Replicas
) -> AsyncIterator[tuple[SearchEngine, SearchEngine | None]]:
    """The search engine, and the one that answers while it is gone, if there is one."""
    engine = open_engine(settings.search, settings.data_dir, store, replicas)
    fallback = open_fallback(settings.search, store, replicas)
    try:
        yield engine, fallback
    finally:
        await engine.close()
        if fallback is not None:
            await fallback.close()


@asynccontextmanager
async def _opened_queue(settings: Settings, store: Store, metrics: Metrics) -> AsyncIterator[Queue]:
    queue = await open_queue(settings, store, metrics)
    try:
        yield queue
    finally:
        await queue.close()


def user_agent(settings: CrawlSettings) -> str:
    """What we call ourselves: product, version, and where a site's owner can ask (`crawl.contact_url`)."""
    contact = f" (+{settings.contact_url})" if settings.contact_url else ""
    product = settings.user_agent if "/" in settings.user_agent else f"{settings.user_agent}/{__version__}"
    return product + contact


def _joined(
    settings: Settings,
    store: Store,
    replicas: Replicas,
    archive: Archive,
    queue: Queue,
    engines: tuple[SearchEngine, SearchEngine | None],
    outward: Outward,
    metrics: Metrics,
) -> App:
    engine, fallback = engines
    changes = _StoreChanges(store)
    app = App(
        settings=settings,
        store=store,
        replicas=replicas,
        archive=archive,
        queue=queue,
        pressure=BackPressure(store, settings.queue, metrics),
        engine=engine,
        indexer=Indexer(changes, engine, settings.search, metrics),
        fallback_indexer=Indexer(changes, fallback, settings.search, metrics) if fallback else None,
        searching=Answering(engine, fallback, settings.search),
        asked=Asked(store, settings.search, store.now),
        outward=outward,
        logins=Logins(store, settings),
        metrics=metrics,
        health=Health(),
    )
    app.health.register("database", lambda: _database(app), is_hard=True)
    app.health.register("queue", lambda: _queue(app), is_hard=False)
    app.health.register("search", lambda: _search(app), is_hard=False)
    app.metrics.add_refresh("queue", lambda: _refresh_queue(app))
    app.metrics.add_refresh("store", lambda: _refresh_store(app))
    app.metrics.add_refresh("pool", lambda: _refresh_pools(app))
    if replicas.are_any:
        app.health.register("replicas", lambda: _replicas(app), is_hard=False)
        app.metrics.add_refresh("replicas", lambda: _refresh_replicas(app))
    return app


class _StoreChanges:
    """The store as the indexer reads it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def changes_after(self, event_id: int, limit: int) -> list[tuple[int, str]]:
        return await events.document_changes(self._store, event_id, limit)

    async def documents_by_ids(self, ids: Sequence[str]) -> list[Document]:
        return await documents.searched(self._store, ids)

    async def head(self) -> int:
        return await events.head(self._store)

    async def floor(self) -> int:
        return await events.floor(self._store)

    async def epoch(self) -> str:
        return await schema.epoch(self._store)

    async def ask_rebuild(self) -> str:
        return await notes.put(self._store, notes.REBUILD_INDEX, new_id())

    async def rebuild_asked(self) -> str | None:
        return await notes.get(self._store, notes.REBUILD_INDEX)

    async def rebuild_done(self, request: str) -> None:
        await notes.drop(self._store, notes.REBUILD_INDEX, request)


async def _database(app: App) -> Finding:
    await app.store.check()
    return Finding(Status.PASS, "answers")


async def _queue(app: App) -> Finding:
    await app.queue.check()
    return Finding(Status.PASS, "answers")


async def _search(app: App) -> Finding:
    lag = await app.indexer.lag()
    if app.searching.is_degraded:
        return Finding(Status.WARN, "the engine failed; answers are stale", {"lag_events": lag})
    return Finding(Status.PASS, f"{lag} changes behind", {"lag_events": lag})


async def _refresh_pools(app: App) -> None:
    app.metrics.set_pools(pool_states({"writer": app.store.writer, "reader": app.store.reader}))


async def _replicas(app: App) -> Finding:
    """A standby that is left out costs the primary more work, and nothing else."""
    standings = await app.replicas.standings()
    out = [f"{each.name}: {each.why}" for each in standings if not each.is_used]
    lags = [each.lag_s for each in standings if each.is_used]
    values: dict[str, float | int | str] = {"used": len(lags), "of": len(standings)}
    if lags:
        values["lag_s"] = round(max(lags), 1)
    if out:
        return Finding(Status.WARN, f"left out: {'; '.join(out)}", values)
    return Finding(Status.PASS, f"{len(lags)} answer reads", values)


async def _refresh_replicas(app: App) -> None:
    standings = await app.replicas.standings()
    app.metrics.set_replicas({each.name: each.lag_s for each in standings}, app.replicas.reads)


async def _refresh_queue(app: App) -> None:
    backlog, now = await app.queue.backlog(), app.store.now()
    waiting = backlog.by_priority.items()
    ages_s = {priority: (now - each.oldest_fetched_at).total_seconds() for priority, each in waiting}
    app.metrics.set_queue({priority: each.captures for priority, each in waiting}, ages_s)
    app.metrics.set_hosts(await hosts.troubled(app.store))
    app.metrics.set_index_lag(await app.indexer.lag())


async def _refresh_store(app: App) -> None:
    """Totals over all rows: with many millions of them, minutes old."""
    states, open_visits = await asyncio.gather(document_states(app.store), open_visit_states(app.store))
    app.metrics.set_documents(states)
    app.metrics.set_visits(open_visits)
