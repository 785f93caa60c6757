"""Who takes part in `crawl_against_peers`: a name, and the command that crawls a site whole.

Each variant of a peer that someone might take for its best is there: which of them is the best is measured, not said.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PEERS = Path(__file__).resolve().parent / "peers"


@dataclass(frozen=True, slots=True)
class Contender:
    """`family` groups the variants of one crawler; `command` lacks the URL, which comes where `URL` stands."""

    family: str
    name: str
    command: Sequence[str]

    def crawling(self, url: str, data_dir: Path) -> list[str]:
        """The command for a site, with a fresh data folder for those who keep one."""
        places = {"URL": url, "DATA_DIR": str(data_dir)}
        return [places.get(word, word) for word in self.command]


def ours() -> Contender:
    """Tidemill with robots, retries, canonical keys, archive and durable SQLite ledger: nothing is switched off."""
    tidemill = [sys.executable, "-m", "tidemill", "--data-dir", "DATA_DIR"]
    return Contender("tidemill", "tidemill", [*tidemill, "crawl", "URL", "--allow-private", "--crawl-only", "--json"])


def peers(python: Path, *, every: bool) -> list[Contender]:
    """The peers; only the likely best variant of each unless `every`."""
    scrapy = [str(python), str(PEERS / "scrapy_crawl.py"), "URL", "--links"]
    crawlee = [str(python), str(PEERS / "crawlee_crawl.py"), "URL"]
    chosen = [
        Contender("scrapy", "Scrapy, links by LinkExtractor", [*scrapy, "extractor"]),
        Contender("scrapy", "Scrapy, seen links cut by hand", [*scrapy, "seen"]),
        Contender("crawlee", "Crawlee as shipped", crawlee),
    ]
    if not every:
        return chosen
    return [
        *chosen,
        Contender("scrapy", "Scrapy, links by a::attr(href)", [*scrapy, "css"]),
        Contender("scrapy", "Scrapy, by hand, 32 at once", [*scrapy, "seen", "--concurrency", "32"]),
        Contender("scrapy", "Scrapy, by hand, robots.txt off", [*scrapy, "seen", "--no-robots"]),
        Contender("crawlee", "Crawlee, 16 at once", [*crawlee, "--concurrency", "16"]),
        Contender("crawlee", "Crawlee, 16 at once, robots.txt on", [*crawlee, "--concurrency", "16", "--robots"]),
    ]
