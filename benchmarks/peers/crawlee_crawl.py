"""A whole crawl of a site by Crawlee as it is shipped: ParselCrawler, `enqueue_links`, storage in memory, no log.

    .venv-bench/bin/python benchmarks/peers/crawlee_crawl.py URL [--concurrency N] [--robots]

Without `--concurrency` Crawlee scales itself, as it does out of the box. Prints the number of pages.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging

from crawlee import ConcurrencySettings
from crawlee.crawlers import ParselCrawler, ParselCrawlingContext
from crawlee.storage_clients import MemoryStorageClient


async def crawl(url: str, concurrency: int | None, *, robots: bool) -> int:
    """The number of pages that were handled."""
    fixed = concurrency and ConcurrencySettings(
        min_concurrency=concurrency, desired_concurrency=concurrency, max_concurrency=concurrency
    )
    crawler = ParselCrawler(
        storage_client=MemoryStorageClient(),
        concurrency_settings=fixed or ConcurrencySettings(),
        respect_robots_txt_file=robots,
        configure_logging=False,
    )
    pages = 0

    @crawler.router.default_handler
    async def handle(context: ParselCrawlingContext) -> None:
        nonlocal pages
        pages += 1
        await context.enqueue_links()

    await crawler.run([url])
    return pages


def main() -> None:
    """Crawl, and say how many pages there were."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--concurrency", type=int)
    parser.add_argument("--robots", action="store_true")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    print(json.dumps({"pages": asyncio.run(crawl(options.url, options.concurrency, robots=options.robots))}))


if __name__ == "__main__":
    main()
