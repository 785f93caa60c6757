"""A whole crawl of a site by Scrapy, tuned for speed: no cache, no log, no statistics to print, no telnet console.

    .venv-bench/bin/python benchmarks/peers/scrapy_crawl.py URL --links HOW [--concurrency N] [--no-robots]

Links are found as Scrapy's documentation does it (`extractor`: `LinkExtractor`), as someone in a hurry would (`css`:
`a::attr(href)`), or as someone who has profiled it would (`seen`: those seen before never become a Request, and
Scrapy's own filter is off). Prints the number of pages.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin, urlsplit

import scrapy
from scrapy.crawler import CrawlerProcess
from scrapy.linkextractors import LinkExtractor


class _Whole(scrapy.Spider):
    """Follows every link of one host."""

    name = "whole"

    def __init__(self, start: str, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.start_urls = [start]
        self.host = urlsplit(start).netloc
        self.pages = 0

    def parse(self, response: Any) -> Iterator[scrapy.Request]:
        """Count the page and ask for those it links to."""
        self.pages += 1
        if isinstance(response, scrapy.http.HtmlResponse):
            yield from self.follow(response)

    def follow(self, response: Any) -> Iterator[scrapy.Request]:
        raise NotImplementedError


class ByExtractor(_Whole):
    """With the extractor that Scrapy brings along."""

    def __init__(self, start: str, **arguments: Any) -> None:
        super().__init__(start, **arguments)
        self._extractor = LinkExtractor(allow_domains=[self.host], deny_extensions=[])

    def follow(self, response: Any) -> Iterator[scrapy.Request]:
        for link in self._extractor.extract_links(response):
            yield scrapy.Request(link.url, callback=self.parse)


class ByCss(_Whole):
    """With a selector, and a Request for each link: Scrapy's filter keeps those that are new."""

    def follow(self, response: Any) -> Iterator[scrapy.Request]:
        prefix = f"http://{self.host}/"
        for href in response.css("a::attr(href)").getall():
            url = urljoin(response.url, href.strip())
            if url.startswith(prefix):
                yield scrapy.Request(url, callback=self.parse)


class BySeen(_Whole):
    """With the least that finds the same pages: no Request is made twice, so Scrapy's own filter has nothing to do."""

    def __init__(self, start: str, **arguments: Any) -> None:
        super().__init__(start, **arguments)
        self._seen = {start}

    def follow(self, response: Any) -> Iterator[scrapy.Request]:
        base, prefix = response.url, f"http://{self.host}/"
        for href in response.css("a::attr(href)").getall():
            url = urljoin(base, href.strip()).partition("#")[0]
            if url not in self._seen and url.startswith(prefix):
                self._seen.add(url)
                yield scrapy.Request(url, callback=self.parse, dont_filter=True)


_SPIDERS = {"extractor": ByExtractor, "css": ByCss, "seen": BySeen}


def main() -> None:
    """Crawl, and say how many pages there were."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--links", choices=tuple(_SPIDERS), required=True)
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--no-robots", action="store_true")
    options = parser.parse_args()
    process = CrawlerProcess(
        {
            "LOG_ENABLED": False,
            "ROBOTSTXT_OBEY": not options.no_robots,
            "CONCURRENT_REQUESTS": options.concurrency,
            "CONCURRENT_REQUESTS_PER_DOMAIN": options.concurrency,
            "DOWNLOAD_DELAY": 0,
            "AUTOTHROTTLE_ENABLED": False,
            "HTTPCACHE_ENABLED": False,
            "COOKIES_ENABLED": False,
            "TELNETCONSOLE_ENABLED": False,
            "HTTPERROR_ALLOW_ALL": True,
            "TWISTED_REACTOR": "twisted.internet.asyncioreactor.AsyncioSelectorReactor",
        }
    )
    crawler = process.create_crawler(_SPIDERS[options.links])
    process.crawl(crawler, start=options.url)
    process.start()
    print(json.dumps({"pages": crawler.spider.pages}))


if __name__ == "__main__":
    main()
