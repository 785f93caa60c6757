"""The only wiring: which implementation stands behind each port, opened in order and closed in reverse.

`async with open_app(settings) as app` is how every door (command line, server, tests) gets the house.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidemill import __version__
from tidemill.archive.base import Archive
from tidemill.archive.open import open_archive
from tidemill.limits.open import Limits, open_limits
from tidemill.manage import observing
from tidemill.manage.asked import Asked
from tidemill.manage.audit_writer import AuditWriter
from tidemill.manage.logins import Logins
from tidemill.queue.base import Queue
from tidemill.queue.open import open_queue
from tidemill.queue.pressure import BackPressure
from tidemill.search.answering import Answering
from tidemill.search.base import SearchEngine
from tidemill.search.indexer import Indexer
from tidemill.search.open import open_engine, open_fallback
from tidemill.settings import CrawlSettings, Settings
from tidemill.store import schema
from tidemill.store.changes import Changes
from tidemill.store.engine import Store, check_capacity, open_store
from tidemill.store.replicas import Replicas, open_replicas
from tidemill.telemetry.health import Health
from tidemill.telemetry.metrics import Metrics

if TYPE_CHECKING:  # its libraries take a seventh of the start, and only a crawl needs them
    from redis.asyncio import Redis

    from tidemill.net import Client

_MOST_CONNECTIONS = 1000
_LIMITS_WITHIN_S = 0.25


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
    audit_writer: AuditWriter
    logins: Logins
    limits: Limits
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
    """Open everything that `settings` name. Raises `Invalid` for an unusable URL, `Conflict` for another schema.

    What was opened is closed in reverse, also if something behind it cannot be opened.
    """
    async with AsyncExitStack() as stack:
        store = open_store(settings.database_url, settings.database, settings.data_dir)
        stack.push_async_callback(store.close)
        await check_capacity(store, settings.database)
        await schema.ensure_schema(store)
        replicas = open_replicas(store, settings.database)
        stack.push_async_callback(replicas.close)
        engine = open_engine(settings.search, settings.data_dir, store, replicas)
        stack.push_async_callback(engine.close)
        fallback = open_fallback(settings.search, store, replicas)
        if fallback is not None:
            stack.push_async_callback(fallback.close)
        archive = open_archive(settings.archive, settings.archive_url, settings.data_dir)
        stack.push_async_callback(archive.close)
        metrics, outward = Metrics(), Outward(settings)
        queue = await open_queue(settings, store, metrics)
        stack.push_async_callback(queue.close)
        stack.push_async_callback(outward.aclose)
        stack.push_async_callback(metrics.aclose)
        limits = _opened_limits(settings)
        stack.push_async_callback(limits.aclose)
        app = _joined(settings, store, replicas, archive, queue, (engine, fallback), outward, limits, metrics)
        stack.push_async_callback(app.audit_writer.close)
        stack.push_async_callback(app.asked.close)
        yield app


def _opened_limits(settings: Settings) -> Limits:
    """Redis, if it is named, has little time: a request waits for it."""

    def client_of(url: str) -> Redis:
        from tidemill.queue.redis_url import client_of as connect

        return connect(url, setting="limits.url", reason="limits_url", timeout_s=_LIMITS_WITHIN_S)

    async def closed(client: Redis) -> None:
        from tidemill.queue.redis_url import closed as close

        await close(client)

    return open_limits(settings.limits, client_of, closed)


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
    limits: Limits,
    metrics: Metrics,
) -> App:
    engine, fallback = engines
    changes = Changes(store)
    audit_writer = AuditWriter(store)
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
        audit_writer=audit_writer,
        logins=Logins(store, settings, audit_writer),
        limits=limits,
        metrics=metrics,
        health=Health(),
    )
    observing.register(app)
    return app
