"""Crawlee, as much of it as a crawl needs: the executor, without the browsers, databases and parsers it also drives.

In: nothing. Out: the names that the modules of this room import. Crawlee imports with itself every extra that it finds
installed, which takes longer than the crawl of a small site. So these are absent while it is imported: a state that it
provides for (who asks `crawlee.crawlers` for the name of an extra is told that it is not there). `crawlee.browsers` is
not among them: `crawl.browser` imports it when there is a page to render.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import BaseModel

from tidemill.imports import without

_CRAWLERS = ("playwright", "adaptive_playwright", "stagehand", "parsel", "beautifulsoup", "pydantic_ai")
_EXTRAS = frozenset(
    {
        *(f"crawlee.crawlers._{crawler}" for crawler in _CRAWLERS),
        "crawlee.http_clients._curl_impersonate",
        "crawlee.http_clients._httpx",
        "crawlee.storage_clients._redis",
        "crawlee.storage_clients._sql",
    }
)


@contextmanager
def _built_when_used() -> Iterator[None]:
    """Models of pydantic that are defined in this block make their validators when they are first used: few are."""
    config = BaseModel.model_config
    BaseModel.model_config = {**config, "defer_build": True}
    try:
        yield
    finally:
        BaseModel.model_config = config


with without(_EXTRAS), _built_when_used():
    from crawlee import ConcurrencySettings, Request, service_locator
    from crawlee.configuration import Configuration
    from crawlee.crawlers import BasicCrawler, BasicCrawlingContext
    from crawlee.errors import ServiceConflictError
    from crawlee.events import EventManager
    from crawlee.http_clients import HttpClient, HttpCrawlingResult, HttpResponse
    from crawlee.request_loaders import RequestManager
    from crawlee.statistics import Statistics
    from crawlee.storage_clients import MemoryStorageClient
    from crawlee.storage_clients.models import ProcessedRequest

__all__ = [
    "BasicCrawler",
    "BasicCrawlingContext",
    "ConcurrencySettings",
    "Configuration",
    "EventManager",
    "HttpClient",
    "HttpCrawlingResult",
    "HttpResponse",
    "MemoryStorageClient",
    "ProcessedRequest",
    "Request",
    "RequestManager",
    "ServiceConflictError",
    "Statistics",
    "service_locator",
]
