"""Sources of every kind over one sample site: each is written down, crawled as a person would, and looked at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from tests.harness.books import Books
from tests.harness.command import Tidemill
from tests.harness.reports import assert_adds_up
from tests.harness.sites import site_in_thread
from tests.site.api import api_articles
from tests.site.server import Hit, Site

ARTICLES = tuple(article.path for article in api_articles())
"""What every listing of the site names."""

OVERHEAD = ("/robots.txt",)


@dataclass(frozen=True, slots=True)
class Crawl:
    """One run of a source: its summary, its ledger by path, its documents afterwards, and what the site was asked."""

    summary: dict[str, Any]
    ledger: dict[str, tuple[str, str | None]]
    documents: list[dict[str, Any]]
    hits: list[Hit]

    @property
    def asked(self) -> list[str]:
        """The paths that the site was asked for, in order of their names; robots.txt is not one of them."""
        return sorted(hit.path for hit in self.hits if hit.path not in OVERHEAD)

    def ended(self, outcome: str, reason: str | None = None) -> set[str]:
        """The paths that ended so."""
        return {path for path, found in self.ledger.items() if found == (outcome, reason)}


@dataclass(frozen=True, slots=True)
class Place:
    """A site, a data folder, and a folder for the files of sources."""

    site: Site
    tidemill: Tidemill
    folder: Path

    def apply(self, name: str, **spec: Any) -> None:
        """Write a source down and apply it; `start` are paths of the site unless they are paths of this machine."""
        start = [f"{self.site.base_url}{each}" if each.startswith("/api") else each for each in spec.pop("start")]
        file = self.folder / f"{name}.yaml"
        # The sources of one place show the same pages: each is to keep its own documents.
        process = {"across_sources": False, **spec.pop("process", {})}
        file.write_text(yaml.safe_dump({"name": name, "start": start, **spec, "process": process}, sort_keys=False))
        self.tidemill("sources", "apply", str(file)).expect(0)

    def crawl(self, name: str, *arguments: str) -> Crawl:
        """Crawl a source that was applied."""
        self.site.hits.clear()
        summary = self.tidemill.crawl(name, *arguments)
        entries = self.tidemill.ledger(summary["run_id"])
        assert_adds_up({"outcomes": summary["outcomes"], "discovered": summary["discovered"]}, entries)
        Books(self.tidemill.data_dir).check()
        return Crawl(
            summary,
            {each["url"].removeprefix(self.site.base_url): (each["outcome"], each["reason"]) for each in entries},
            self.tidemill.documents("--source", name),
            list(self.site.hits),
        )

    def path(self, document: dict[str, Any]) -> str:
        """Where on the site a document was."""
        return str(document["url"]).removeprefix(self.site.base_url)


@contextmanager
def sources_place(folder: Path) -> Iterator[Place]:
    """A site with its listings, and a new data folder."""
    with site_in_thread(listings=True) as site:
        yield Place(site, Tidemill(folder / "data", "process.workers=1"), folder)
