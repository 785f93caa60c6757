"""Crawlee, set up as a plain and fast executor: concurrency is its business, everything else is the ledger's.

The settings are those that measurements favoured (docs/architecture.md): no sessions, no retries, no storage, no
statistics on disk, and fixed concurrency.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Any

from tidemill.crawl.crawlee import (
    BasicCrawler,
    BasicCrawlingContext,
    ConcurrencySettings,
    Configuration,
    EventManager,
    HttpClient,
    HttpCrawlingResult,
    HttpResponse,
    MemoryStorageClient,
    ServiceConflictError,
    Statistics,
    service_locator,
)
from tidemill.crawl.frontier import Frontier

_NEVER = timedelta(days=365)
_SELDOM = timedelta(minutes=10)


class NoOtherWayOut(HttpClient):
    """Crawlee's own door to the network, locked: every request goes through `tidemill.net`."""

    def __init__(self) -> None:
        super().__init__(persist_cookies_per_session=False)

    async def crawl(self, *_: Any, **__: Any) -> HttpCrawlingResult:
        """Always refused."""
        raise RuntimeError("pages are fetched by tidemill.crawl.fetcher")

    async def send_request(self, *_: Any, **__: Any) -> HttpResponse:
        """Always refused."""
        raise RuntimeError("requests are sent by tidemill.net")

    def stream(self, *_: Any, **__: Any) -> AbstractAsyncContextManager[HttpResponse]:
        """Always refused."""
        return _refused()

    async def cleanup(self) -> None:
        """There is nothing to clean up."""


@asynccontextmanager
async def _refused() -> AsyncIterator[HttpResponse]:
    raise RuntimeError("requests are sent by tidemill.net")
    yield


def basic_crawler(
    frontier: Frontier,
    handler: Callable[[BasicCrawlingContext], Awaitable[None]],
    *,
    concurrency: int,
) -> BasicCrawler:
    """A crawler that takes its requests from `frontier` and gives them to `handler`, `concurrency` at a time.

    The handler sees to its own timeouts: one that Crawlee cancelled would leave its visit without an outcome.
    """
    configuration, events = _services()
    return BasicCrawler(
        configuration=configuration,
        event_manager=events,
        storage_client=MemoryStorageClient(),
        request_manager=frontier,
        http_client=NoOtherWayOut(),
        request_handler=handler,
        use_session_pool=False,
        retry_on_blocked=False,
        max_request_retries=0,
        concurrency_settings=ConcurrencySettings(
            min_concurrency=concurrency, desired_concurrency=concurrency, max_concurrency=concurrency
        ),
        request_handler_timeout=_NEVER,
        statistics=Statistics.with_default_state(
            persistence_enabled=False, log_interval=_NEVER, periodic_message_logger=logging.getLogger("crawlee")
        ),
        status_message_logging_interval=_NEVER,
        configure_logging=False,
    )


def _services() -> tuple[Configuration, EventManager]:
    """Crawlee keeps these for the whole process and enters its event manager whatever it is given: ours is the same."""
    configuration = Configuration(purge_on_start=False, persist_state_interval=_NEVER, system_info_interval=_SELDOM)
    try:
        service_locator.set_configuration(configuration)
    except ServiceConflictError:
        configuration = service_locator.get_configuration()
    return configuration, service_locator.get_event_manager()
