"""What a user would build: Scrapy fetches, trafilatura extracts, SQLAlchemy's ORM writes to SQLite.

    .venv-bench/bin/python benchmarks/peers/scrapy_pipeline.py SITEMAP DATABASE [--workers N]

With `--workers` pages are extracted in a pool of that many processes, without it in Scrapy's own, as its tutorials do.
The pages of a sitemap are fetched, each becomes a row; there is no archive, no ledger, no history and no index for
search. Prints the number of documents, and the seconds that extraction took.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from typing import Any

import trafilatura
from scrapy.crawler import CrawlerProcess
from scrapy.spiders import SitemapSpider
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

_BATCH = 32


class Base(DeclarativeBase):
    """The tables of this program."""


class Document(Base):
    """One page, as it is kept."""

    __tablename__ = "documents"

    id: Mapped[int] = mapped_column(primary_key=True)
    url: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str | None]
    author: Mapped[str | None]
    date: Mapped[str | None]
    language: Mapped[str | None]
    summary: Mapped[str | None]
    text: Mapped[str]
    fetched_at: Mapped[datetime]


def extract(html: str, url: str) -> tuple[dict[str, Any], float]:
    """The page's text and metadata, and the seconds that it took."""
    began = time.perf_counter()
    found = trafilatura.bare_extraction(html, url=url, with_metadata=True)
    data = found.as_dict() if found is not None else {}
    kept = {name: data.get(name) for name in ("title", "author", "date", "language", "text")}
    return {**kept, "summary": data.get("description")}, time.perf_counter() - began


class Pages(SitemapSpider):
    """Every page of a sitemap."""

    name = "pages"

    def __init__(self, start: str, database: str, pool: ProcessPoolExecutor | None, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.sitemap_urls = [start]
        self.documents = 0
        self.extract_s = 0.0
        self._pool = pool
        engine = create_engine(f"sqlite:///{database}")
        Base.metadata.create_all(engine)
        self._session = Session(engine)

    async def parse(self, response: Any) -> AsyncIterator[Any]:
        """Extract the page and keep it."""
        html, url = response.text, response.url
        if self._pool is None:
            found, took = extract(html, url)
        else:
            found, took = await asyncio.get_running_loop().run_in_executor(self._pool, extract, html, url)
        self.extract_s += took
        document = Document(url=url, fetched_at=datetime.now(), **{**found, "text": found["text"] or ""})  # noqa: DTZ005
        self._session.add(document)
        self.documents += 1
        if self.documents % _BATCH == 0:
            self._session.commit()
        return
        yield

    def closed(self, reason: str) -> None:
        """Keep what is left."""
        self._session.commit()
        self._session.close()


def main() -> None:
    """Crawl, and say what came of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("database")
    parser.add_argument("--workers", type=int, default=0)
    options = parser.parse_args()
    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
    pool = ProcessPoolExecutor(options.workers) if options.workers else None
    process = CrawlerProcess(
        {
            "LOG_ENABLED": False,
            "ROBOTSTXT_OBEY": True,
            "CONCURRENT_REQUESTS": 16,
            "CONCURRENT_REQUESTS_PER_DOMAIN": 16,
            "DOWNLOAD_DELAY": 0,
            "COOKIES_ENABLED": False,
            "TELNETCONSOLE_ENABLED": False,
            "TWISTED_REACTOR": "twisted.internet.asyncioreactor.AsyncioSelectorReactor",
        }
    )
    crawler = process.create_crawler(Pages)
    process.crawl(crawler, start=options.url, database=options.database, pool=pool)
    process.start()
    if pool is not None:
        pool.shutdown()
    print(json.dumps({"documents": crawler.spider.documents, "extract_s": crawler.spider.extract_s}))


if __name__ == "__main__":
    main()
