"""Crawlee, as much of it as a crawl needs: the executor, without the browsers, databases and parsers it also drives.

In: nothing. Out: the names that the modules of this room import. Crawlee imports with itself every extra that it finds
installed, which takes longer than the crawl of a small site. So these are absent while it is imported: a state that it
provides for (who asks `crawlee.crawlers` for the name of an extra is told that it is not there). `crawlee.browsers` is
not among them: `crawl.browser` imports it when there is a page to render.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

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


class _Absent(MetaPathFinder):
    """Answers for the extras alone: they are not there."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        if fullname in _EXTRAS:
            raise ModuleNotFoundError(
                f"{fullname} was left out when tidemill.crawl imported Crawlee; import it by this name", name=fullname
            )
        return None


@contextmanager
def _without_extras() -> Iterator[None]:
    absent = _Absent()
    sys.meta_path.insert(0, absent)
    try:
        yield
    finally:
        sys.meta_path.remove(absent)


with _without_extras():
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
