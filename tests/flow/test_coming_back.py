"""The sample site is crawled again and again: first nothing has changed, then a few pages have, then two come back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests.flow.crawled import Crawled, asked_here
from tests.harness.books import Books
from tests.harness.reports import Report, report
from tests.harness.sites import asked
from tests.site.reprints import WITHOUT_CANONICAL
from tests.site.server import Hit
from tests.site.website import Answer

HTML = {"Content-Type": "text/html; charset=utf-8"}
ORIGINAL = f"/articles/{WITHOUT_CANONICAL}.html"
COPIES = (f"/mirror/{WITHOUT_CANONICAL}.html", f"/reprints/2020/{WITHOUT_CANONICAL}.html")
EDITED = "/articles/counting-horseshoe-bats-at-dusk.html"
AT_ONCE = "/articles/how-to-dress-a-pair-of-french-millstones.html"
TWICE = "/articles/a-swarm-settles-in-the-post-office.html"
FORBIDDEN = "/articles/the-lens-that-floats-on-quicksilver.html"
BROKEN = "/articles/the-umbrella-mender-of-the-saturday-market.html"
EVENTS = "/events/"


@dataclass(frozen=True, slots=True)
class Round:
    """One more run: what it came to, its export, what the site was asked, its events, and the hits of queries."""

    summary: dict[str, Any]
    report: Report
    export: bytes
    hits: list[Hit]
    events: list[tuple[str, str]]
    found: dict[str, list[str]]

    def urls(self) -> list[str]:
        return [document["url"] for document in self.report.documents]

    def outcome(self, path: str) -> str:
        return str(self.report.ledger[path]["outcome"])


def another_round(crawled: Crawled, *arguments: str) -> Round:
    """Crawl the site again."""
    site, tidemill = crawled.site, crawled.tidemill
    site.hits.clear()
    books = Books(tidemill.data_dir)
    before = books.one("SELECT max(id) FROM events")
    summary = tidemill.crawl(f"{site.base_url}/", *arguments)
    events = books.rows(
        "SELECT e.kind, d.url FROM events e JOIN documents d ON d.id = e.document_id WHERE e.id > ?", before
    )
    told = [(kind, url.removeprefix(site.base_url)) for kind, url in events]
    answers = asked_here(tidemill, ("quokkas marsupials", '"red ochre rubbed"', "swarms settling"))
    found = {query: [hit["url"].removeprefix(site.base_url) for hit in hits] for query, hits in answers.items()}
    return Round(summary, report(tidemill, site.base_url), tidemill.export(), list(site.hits), told, found)


@pytest.fixture(scope="module")
def unchanged(crawled: Crawled) -> Round:
    return another_round(crawled)


@pytest.fixture(scope="module")
def changed(crawled: Crawled, unchanged: Round) -> Iterator[Round]:
    """A full run: the sitemaps of the site go on saying that nothing has changed, and would be believed."""
    site = crawled.site
    bats = body(crawled, EDITED).replace("bats", "marsupials").replace("</article>", "<p>Quokkas too.</p></article>")
    events = body(crawled, EVENTS)
    last = site.truth[EVENTS].items[-1]
    site.replaced |= {
        EDITED: Answer(200, HTML, bats.encode()),
        EVENTS: Answer(200, HTML, without_event(events, last).encode()),
        AT_ONCE: Answer(410, HTML, b"<title>Gone</title>"),
        ORIGINAL: Answer(410, HTML, b"<title>Gone</title>"),
        TWICE: Answer(404, HTML, b"<title>Not found</title>"),
        FORBIDDEN: Answer(403, HTML, b"<title>Forbidden</title>"),
        BROKEN: Answer(500, HTML, b"<title>Broken</title>"),
    }
    yield another_round(crawled, "--full")
    site.replaced.clear()


@pytest.fixture(scope="module")
def later(crawled: Crawled, changed: Round) -> Round:
    """The page that was not found is missing still; what was gone for good is back, and the home page links to it."""
    site = crawled.site
    for path in (AT_ONCE, FORBIDDEN, BROKEN):
        del site.replaced[path]
    home = body(crawled, "/").replace("</body>", f'<p><a href="{AT_ONCE}">It is back</a></p></body>')
    site.replaced["/"] = Answer(200, HTML, home.encode())
    return another_round(crawled, "--full")


def body(crawled: Crawled, path: str) -> str:
    site = crawled.site
    page = site.website.find(path)
    assert page is not None
    return site.website.body(page, site.base_url).decode()


def without_event(html: str, name: str) -> str:
    """The page of events without one of them: its mark-up and its words are both gone."""
    found = re.search(r'<script type="application/ld\+json">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    graph = json.loads(found[1])
    graph["@graph"] = [node for node in graph["@graph"] if node["name"] != name]
    html = html.replace(found[1], json.dumps(graph))
    return re.sub(rf"<section><h2>{re.escape(name)}</h2>.*?</section>", "", html, flags=re.DOTALL)


def test_what_was_stored_is_unchanged_and_nothing_is_stored_twice(crawled: Crawled, unchanged: Round) -> None:
    for path, before in crawled.ledger.items():
        if before["outcome"] == "stored":
            assert unchanged.outcome(path) == "unchanged", path
    assert "stored" not in unchanged.report.run["outcomes"]
    assert "changed" not in unchanged.report.run["outcomes"]
    assert unchanged.report.run["documents"] == len(crawled.documents)
    assert unchanged.events == []


def test_every_other_page_ends_as_it_did(crawled: Crawled, unchanged: Round) -> None:
    before = {path: e["outcome"] for path, e in crawled.ledger.items() if e["outcome"] != "stored"}
    again = {path: o for path, (o, _) in unchanged.report.outcomes().items() if o != "unchanged"}
    for_good = {path for path, entry in crawled.ledger.items() if entry["reason"] == "http_410"}
    assert again == {path: outcome for path, outcome in before.items() if path not in for_good}


def test_the_export_is_the_same_to_the_byte(crawled: Crawled, unchanged: Round) -> None:
    assert unchanged.export == crawled.export


def test_pages_with_validators_were_asked_for_conditionally(crawled: Crawled, unchanged: Round) -> None:
    conditional = {hit.path for hit in unchanged.hits if hit.if_none_match}
    assert conditional == {hit.path for hit in unchanged.hits if hit.status == 304}
    with_validators = {
        path for path, expected in crawled.site.truth.items() if expected.documents and has_validators(crawled, path)
    }
    resting = {path for path, (_, reason) in unchanged.report.outcomes().items() if reason == "lastmod"}
    assert with_validators <= conditional | resting
    assert len(conditional) > 50


def test_what_the_sitemaps_date_before_our_copy_was_not_asked_for_at_all(crawled: Crawled, unchanged: Round) -> None:
    outcomes = unchanged.report.outcomes()
    resting = {path for path, (outcome, reason) in outcomes.items() if (outcome, reason) == ("unchanged", "lastmod")}
    assert len(resting) > 40
    assert not resting & set(asked(unchanged.hits))
    assert unchanged.summary["saved_requests"] >= len(resting)
    assert unchanged.summary["fetched"] == len(unchanged.hits)


def test_what_was_saved_is_what_was_not_received(crawled: Crawled, unchanged: Round) -> None:
    """Uncompressed, as the archive counts them: pages that answered 304, and pages that were not asked for."""
    spared = unchanged.summary["saved_bytes"]
    assert spared > 10 * unchanged.summary["bytes"] / 2
    books = Books(crawled.tidemill.data_dir)
    sizes = {
        url.removeprefix(crawled.site.base_url): size
        for url, size in books.rows("SELECT url, max(size_bytes) FROM captures GROUP BY url")
    }
    quiet = {path for path, (_, reason) in unchanged.report.outcomes().items() if reason == "lastmod"}
    quiet |= {hit.path for hit in unchanged.hits if hit.status == 304}
    assert spared == sum(sizes.get(path, 0) for path in quiet)


def has_validators(crawled: Crawled, path: str) -> bool:
    return "ETag" in crawled.site.website.answer(path, crawled.site.base_url, {}).headers


def test_pages_that_changed_are_changed_and_the_old_version_is_kept(crawled: Crawled, changed: Round) -> None:
    assert {path for path, (outcome, _) in changed.report.outcomes().items() if outcome == "changed"} == {
        EDITED,
        EVENTS,
    }
    document = next(d for d in changed.report.documents if d["url"].endswith(EDITED))
    assert document["version"] == 2
    assert "marsupials" in document["content"]
    kept = Books(crawled.tidemill.data_dir).rows(
        "SELECT v.version, json_extract(v.draft, '$.content') FROM document_versions v"
        " JOIN documents d ON d.id = v.document_id WHERE d.url = ?",
        document["url"],
    )
    assert [version for version, _ in kept] == [1]
    assert "bats" in kept[0][1]


def test_a_page_gone_for_good_and_an_item_that_is_missing_are_removed(crawled: Crawled, changed: Round) -> None:
    assert changed.report.outcomes()[AT_ONCE] == ("gone", "http_410")
    last = crawled.site.truth[EVENTS].items[-1]
    left = {(d["url"].removeprefix(crawled.site.base_url), d["title"]) for d in changed.report.documents}
    before = {(d["url"].removeprefix(crawled.site.base_url), d["title"]) for d in crawled.documents}
    assert not [each for each in left if each[0] in (AT_ONCE, ORIGINAL)]
    assert (EVENTS, last) not in left
    assert before - left >= {(EVENTS, last)}


def test_a_page_not_found_once_is_kept_and_twice_is_removed(crawled: Crawled, changed: Round, later: Round) -> None:
    assert changed.report.outcomes()[TWICE] == later.report.outcomes()[TWICE] == ("gone", "http_404")
    assert f"{crawled.site.base_url}{TWICE}" in changed.urls()
    assert f"{crawled.site.base_url}{TWICE}" not in later.urls()


def test_the_next_of_its_copies_takes_the_place_of_an_original(crawled: Crawled, changed: Round) -> None:
    base = crawled.site.base_url
    assert f"{base}{min(COPIES)}" in changed.urls()
    assert f"{base}{max(COPIES)}" not in changed.urls()


def test_what_is_forbidden_or_broken_today_keeps_its_document(crawled: Crawled, changed: Round, later: Round) -> None:
    assert changed.report.outcomes()[FORBIDDEN] == ("blocked", "access_denied")
    assert changed.report.outcomes()[BROKEN] == ("failed", "http_500")
    for path in (FORBIDDEN, BROKEN):
        assert f"{crawled.site.base_url}{path}" in changed.urls()
        assert later.outcome(path) == "unchanged"


def test_every_change_is_an_event_and_only_changes_are(crawled: Crawled, changed: Round) -> None:
    told = sorted(changed.events)
    assert told == sorted(
        [
            ("document.changed", EDITED),
            ("document.removed", AT_ONCE),
            ("document.removed", ORIGINAL),
            ("document.removed", EVENTS),
            ("document.stored", min(COPIES)),
            ("document.duplicate", max(COPIES)),
        ]
    )


def test_search_follows(changed: Round, later: Round) -> None:
    assert changed.found["quokkas marsupials"] == [EDITED]
    assert AT_ONCE not in changed.found['"red ochre rubbed"']
    assert TWICE in changed.found["swarms settling"]
    assert TWICE not in later.found["swarms settling"]


def test_a_page_that_was_gone_and_is_back_is_stored_again(crawled: Crawled, later: Round) -> None:
    assert f"{crawled.site.base_url}{AT_ONCE}" in later.urls(), later.report.outcomes().get(AT_ONCE)
    assert later.outcome(AT_ONCE) == "stored"
