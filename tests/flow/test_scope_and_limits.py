"""What a run visits and how fast: the folder of a URL, the limits people give, the sources they write, the pace."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from tests.harness.books import Books
from tests.harness.command import Tidemill
from tests.harness.reports import against_truth, by_path, report
from tests.harness.sites import asked, read_hits, site_process
from tests.site.server import Hit, Site
from tests.site.truth import truth
from tests.site.website import Answer

SLACK_S = 0.1  # the first request is seen late by as much as its connection took to open
"""How much earlier than its slot a request may seem to arrive: clocks are read on both sides of a socket."""


def test_a_url_stays_below_its_folder(site: Site, tidemill: Tidemill) -> None:
    summary = tidemill.crawl(f"{site.base_url}/es/articulos/especias-al-peso.html")
    assert summary["source"] == f"{site.base_url.removeprefix('http://')}/es/articulos/"
    pages = [entry for entry in tidemill.ledger() if entry["reason"] not in ("sitemap", "feed")]
    assert pages
    assert not [entry["url"] for entry in pages if not entry["url"].startswith(f"{site.base_url}/es/articulos/")]
    assert {path for path in asked(site.hits) if not path.startswith("/es/articulos/")} == {
        "/robots.txt",
        "/sitemap_index.xml",
        "/sitemaps/pages.xml",
        "/sitemaps/archive.xml.gz",
        "/feed.xml",
        "/atom.xml",
    }
    run = tidemill("runs", "show", "--json").json
    assert run["out_of_scope"] > 0
    assert summary["documents"] == len(pages)


def test_max_pages_is_exact_and_the_rest_is_accounted_for(site: Site, tidemill: Tidemill) -> None:
    summary = tidemill.crawl(f"{site.base_url}/", "--max-pages", "23", "--crawl-only")
    ledger = tidemill.ledger()
    assert len([hit for hit in site.hits if hit.path != "/robots.txt"]) == 23
    assert summary["fetched"] == 24
    left = [entry for entry in ledger if (entry["outcome"], entry["reason"]) == ("skipped", "limit")]
    assert len(left) == len(ledger) - 23
    assert summary["discovered"] == len(ledger) == sum(summary["outcomes"].values())


def test_max_depth_is_kept_and_what_lies_deeper_is_accounted_for(site: Site, tidemill: Tidemill) -> None:
    tidemill.crawl(f"{site.base_url}/", "--max-depth", "1", "--crawl-only")
    ledger = by_path(tidemill.ledger(), site.base_url)
    deeper = {path for path, entry in ledger.items() if entry["depth"] > 1}
    assert deeper
    assert {(ledger[path]["outcome"], ledger[path]["reason"]) for path in deeper} == {("skipped", "depth")}
    assert not deeper & set(asked(site.hits))
    for path, expected in site.truth.items():
        if expected.depth_at_most is not None and expected.depth_at_most <= 1:
            assert ledger[path]["reason"] != "depth", path


def test_a_source_is_applied_and_crawled_by_its_name(site: Site, tidemill: Tidemill, tmp_path: Path) -> None:
    file = tmp_path / "gazette.yaml"
    file.write_text(
        f"name: gazette\nstart: [{site.base_url}/water/]\nwithin: [{site.base_url}/water/, {site.base_url}/articles/]\n"
        "deny: ['/articles/a-']\nsitemaps: false\nmax_depth: 1\n"
    )
    assert tidemill("sources", "apply", str(file), "--json").expect(0).json == [
        {"name": "gazette", "version": 1, "changed": True}
    ]
    summary = tidemill.crawl("gazette")
    assert summary["source"] == "gazette"
    paths = set(asked(site.hits)) - {"/robots.txt", "/water/", "/feed.xml", "/atom.xml"}
    assert paths
    assert not [path for path in paths if not path.startswith("/articles/") or path.startswith("/articles/a-")]
    assert {d["source"] for d in tidemill.documents("--source", "gazette")} == {"gazette"}
    found = tidemill.search("river", "--source", "gazette")["hits"]
    assert found
    assert tidemill.search("river", "--source", "gazette", "--limit", "1")["hits"] == found[:1]


def test_crawl_only_archives_and_process_does_the_rest(site: Site, tidemill: Tidemill) -> None:
    summary = tidemill.crawl(f"{site.base_url}/es/", "--crawl-only")
    captured = summary["outcomes"]["captured"]
    assert captured > 10
    assert summary["documents"] == 0
    assert summary["discovered"] == sum(summary["outcomes"].values())
    assert tidemill("process", "--json").expect(0).json == {"processed": captured, "pending": 0}
    done = report(tidemill, site.base_url)
    assert done.run["state"] == "completed"
    assert len(done.documents) >= captured
    assert tidemill.search("mastines lobos")["total"] >= 1
    assert tidemill("process", "--json").expect(0).json == {"processed": 0, "pending": 0}


def test_a_site_that_gives_no_page_completes_with_nothing_stored(site: Site, tidemill: Tidemill) -> None:
    done = tidemill("crawl", f"{site.base_url}/status/404.html", "--allow-private", "--max-pages", "1").expect(0)
    assert "/status/404.html: gone (http_404)" in done.stderr
    assert tidemill.documents() == []
    assert tidemill.search("anything")["total"] == 0


def test_a_rate_is_kept_from_the_first_request_on(site: Site, tidemill: Tidemill) -> None:
    tidemill.crawl(f"{site.base_url}/", "--max-pages", "13", "--crawl-only", "--rate", "10")
    assert_paced(site.hits, 0.1, 13)


def test_a_crawl_delay_is_kept_also_by_the_next_run_which_knows_many_pages(site: Site, tidemill: Tidemill) -> None:
    text = b"User-agent: tidemill\nCrawl-delay: 0.15\n"
    site.replaced["/robots.txt"] = Answer(200, {"Content-Type": "text/plain"}, text)
    tidemill.crawl(f"{site.base_url}/", "--max-pages", "9", "--crawl-only")
    assert_paced(site.hits, 0.15, 9)
    site.hits.clear()
    tidemill.crawl(f"{site.base_url}/", "--max-pages", "9", "--crawl-only", "--fresh")
    assert_paced(site.hits, 0.15, 9)


def assert_paced(hits: list[Hit], interval_s: float, count: int) -> None:
    """No request of a page came before its turn: the n-th not before n intervals after the first."""
    times = [hit.monotonic for hit in hits if hit.path != "/robots.txt"]
    assert len(times) == count
    early = [n for n, at in enumerate(times) if at < times[0] + n * interval_s - SLACK_S]
    gaps = [round(later - earlier, 3) for earlier, later in pairwise(times)]
    assert not early, f"requests {early} came too early; the gaps were {gaps}"


@pytest.mark.slow
def test_the_hostile_wing_costs_its_own_pages_and_nothing_else(tmp_path: Path) -> None:
    """The site as a process of its own: it streams without end and holds bombs."""
    hits = tmp_path / "hits.jsonl"
    tidemill = Tidemill(tmp_path / "data", "net.read_timeout_s=2", "crawl.max_attempts=3")
    with site_process(hits, "--hostile") as url:
        summary = tidemill.crawl(url, timeout_s=110)
        done = report(tidemill, url.rstrip("/"))
    known = truth(hostile=True, today=datetime.now(UTC).date())
    wrong = against_truth(done.ledger, known)
    assert not wrong, "\n".join(wrong)
    assert summary["status"] == "completed"
    counted = asked(read_hits(hits))
    # aiohttp asks once more when a connection that was kept alive hangs up without a word
    assert {path: n for path, n in counted.items() if n > (6 if path == "/hostile/reset" else 3)} == {}
    assert Counter(path for path in counted if path.startswith("/hostile/")) == Counter(
        path for path in known if path.startswith("/hostile/")
    )
    assert Books(tidemill.data_dir).count("dead_letters") == 0
