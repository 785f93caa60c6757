"""One crawl of the whole sample site and everything it gave, kept as it was: later crawls do not change it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness.books import Books
from tests.harness.command import Tidemill
from tests.harness.reports import Entry, assert_adds_up, by_path
from tests.harness.sites import site_in_thread
from tests.site.queries import QUERIES
from tests.site.server import Hit, Site

from tidemill.app import open_app
from tidemill.cli.search import answer
from tidemill.search.base import SearchQuery
from tidemill.settings import load_settings

CONTACT = "https://crawler.invalid/about"
_COPIES = "SELECT d.url, o.url FROM documents d JOIN documents o ON o.id = d.duplicate_of WHERE d.state = 'duplicate'"


@dataclass(frozen=True, slots=True)
class Crawled:
    """The first crawl. `copies` are the duplicates with their originals, `answers` the hits of each query."""

    site: Site
    tidemill: Tidemill
    summary: dict[str, Any]
    ledger: dict[str, Entry]
    documents: list[dict[str, Any]]
    export: bytes
    hits: list[Hit]
    copies: dict[str, str]
    answers: dict[str, list[dict[str, Any]]]


@contextmanager
def crawl_sample_site(folder: Path) -> Iterator[Crawled]:
    """Crawl the sample site, which stays up during the block, into a new data folder."""
    with site_in_thread() as site:
        tidemill = Tidemill(folder / "data", f"crawl.contact_url={CONTACT}")
        summary = tidemill.crawl(f"{site.base_url}/")
        hits = list(site.hits)
        entries = tidemill.ledger()
        assert_adds_up(tidemill("runs", "show", "--json").json, entries)
        books = Books(tidemill.data_dir)
        books.check()
        assert books.litter() == []
        yield Crawled(
            site=site,
            tidemill=tidemill,
            summary=summary,
            ledger=by_path(entries, site.base_url),
            documents=tidemill.documents(),
            export=tidemill.export(),
            hits=hits,
            copies={_path(copy, site): _path(original, site) for copy, original in books.rows(_COPIES)},
            answers=asked_here(tidemill, [query.text for query in QUERIES]),
        )


def asked_here(tidemill: Tidemill, queries: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    """The hits that `tidemill search --json` gives, for many queries: a command for each would take a minute."""

    async def ask() -> dict[str, list[dict[str, Any]]]:
        settings = load_settings({"data_dir": tidemill.data_dir}, environ={}, directory=tidemill.data_dir)
        async with open_app(settings) as app:
            return {query: answer(await app.engine.search(SearchQuery(text=query)))["hits"] for query in queries}

    return asyncio.run(ask())


def _path(url: str, site: Site) -> str:
    return url.removeprefix(site.base_url)
