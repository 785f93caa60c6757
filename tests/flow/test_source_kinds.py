"""One source of each kind, from its YAML to its documents, and what its second run costs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.flow.source_kinds import ARTICLES, Crawl, Place, sources_place
from tests.site.server import Site
from tests.site.website import Answer

ITEMS = {
    "items": "data.items",
    "url": "links.html",
    "page_parameter": "page",
}
FIELDS = {
    "title": "attributes.headline",
    "content": "attributes.html",
    "author": "attributes.by",
    "published_at": "attributes.written",
}
SITEMAPS = {f"/api/sitemap{part}.xml" for part in ("", "-1", "-2", "-3")}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with sources_place(tmp_path_factory.mktemp("kinds")) as place:
        yield place


def served(site: Site, path: str) -> str:
    page = site.website.find(path)
    assert page is not None
    return site.website.body(page, site.base_url).decode()


class TestSitemap:
    """The dates of a sitemap decide what is asked for."""

    @pytest.fixture(scope="class")
    @classmethod
    def first(cls, place: Place) -> Crawl:
        place.apply("maps", kind="sitemap", start=["/api/sitemap.xml"])
        return place.crawl("maps")

    @pytest.fixture(scope="class")
    @classmethod
    def second(cls, place: Place, first: Crawl) -> Crawl:
        return place.crawl("maps")

    def test_the_pages_that_it_names_are_fetched_and_no_others(self, place: Place, first: Crawl) -> None:
        assert first.asked == sorted([*SITEMAPS, *ARTICLES])
        assert {place.path(document) for document in first.documents} == set(ARTICLES)
        assert first.ended("skipped", "sitemap") == SITEMAPS

    def test_the_second_run_asks_for_the_sitemaps_alone(self, first: Crawl, second: Crawl) -> None:
        assert second.asked == sorted(SITEMAPS)
        assert second.ended("unchanged", "lastmod") == set(ARTICLES)
        assert second.documents == first.documents
        assert second.summary["fetched"] == len(SITEMAPS)

    def test_what_the_second_run_saved_is_told(self, place: Place, second: Crawl) -> None:
        assert second.summary["saved_requests"] == len(ARTICLES)
        bodies = sum(len(served(place.site, path).encode()) for path in ARTICLES)
        assert second.summary["saved_bytes"] == bodies
        assert second.summary["bytes"] < bodies / 10

    def test_a_full_run_asks_for_everything_whole(self, place: Place, second: Crawl) -> None:
        full = place.crawl("maps", "--full")
        assert full.asked == sorted([*SITEMAPS, *ARTICLES])
        assert {hit.if_none_match for hit in full.hits} == {None}
        assert {hit.status for hit in full.hits} == {200}
        assert full.ended("unchanged", "same_bytes") == set(ARTICLES)
        assert full.summary["saved_requests"] == full.summary["saved_bytes"] == 0

    def test_a_run_of_what_is_due_asks_for_what_the_sitemap_says_has_changed(self, place: Place, second: Crawl) -> None:
        changed = ARTICLES[0]
        first, _, rest = served(place.site, "/api/sitemap-1.xml").partition("</lastmod>")
        newer = f"{first.rpartition('<lastmod>')[0]}<lastmod>{_soon()}</lastmod>{rest}"
        xml = {"Content-Type": "application/xml"}
        place.site.replaced["/api/sitemap-1.xml"] = Answer(200, xml, newer.encode())
        due = place.crawl("maps", "--due")
        place.site.replaced.clear()
        assert due.asked == sorted([*SITEMAPS, changed])
        assert set(due.ledger) == {*SITEMAPS, changed}
        assert due.summary["saved_requests"] >= len(ARTICLES) - 1


def _soon() -> str:
    """A time behind every copy, and not so far ahead that no clock could be so wrong."""
    return (datetime.now(UTC) + timedelta(hours=12)).isoformat()


class TestFeed:
    """RSS, Atom and JSON Feed alike."""

    @pytest.fixture(scope="class")
    @classmethod
    def first(cls, place: Place) -> Crawl:
        urls = [f"{place.site.base_url}{path}" for path in ("/feed.xml", "/atom.xml", "/api/feed.json")]
        place.apply("feeds", kind="feed", start=urls)
        return place.crawl("feeds")

    def test_the_items_become_pages_and_the_pages_of_a_paged_feed_are_followed(
        self, place: Place, first: Crawl
    ) -> None:
        feeds = {"/feed.xml", "/atom.xml", "/api/feed.json", "/api/feed.json?page=2", "/api/feed.json?page=3"}
        assert first.ended("skipped", "feed") == feeds
        assert set(ARTICLES) <= first.ended("stored")
        assert {place.path(document) for document in first.documents} >= set(ARTICLES)

    def test_the_second_run_asks_for_the_feeds_alone(self, place: Place, first: Crawl) -> None:
        second = place.crawl("feeds")
        assert set(second.asked) == first.ended("skipped", "feed")
        assert second.ended("unchanged", "lastmod") == first.ended("stored")
        assert second.summary["saved_requests"] == len(first.ended("stored"))


class TestJsonApi:
    """The items of an API are documents, or lead to pages."""

    @pytest.fixture(scope="class")
    @classmethod
    def items(cls, place: Place) -> Crawl:
        place.apply("items", kind="json_api", start=["/api/articles"], api=ITEMS, process={"fields": FIELDS})
        return place.crawl("items")

    def test_items_become_documents_and_their_pages_are_not_fetched(self, place: Place, items: Crawl) -> None:
        assert items.asked == ["/api/articles", *(f"/api/articles?page={number}" for number in (2, 3, 4))]
        assert {place.path(document) for document in items.documents} == set(ARTICLES)
        assert items.ended("stored") == set(ARTICLES)
        assert items.ended("skipped", "json_api") == set(items.asked)
        assert all(document["author"] and document["published_at"] for document in items.documents)

    def test_only_what_changed_is_processed_again(self, place: Place, items: Crawl) -> None:
        answer = json.loads(served(place.site, "/api/articles?page=2"))
        answer["data"]["items"][3]["attributes"]["headline"] = "Another headline"
        body = json.dumps(answer).encode()
        place.site.replaced["/api/articles?page=2"] = Answer(200, {"Content-Type": "application/json"}, body)
        again = place.crawl("items")
        place.site.replaced.clear()
        assert again.ended("changed") == {ARTICLES[13]}
        assert again.ended("unchanged", "same_bytes") == {*ARTICLES} - {ARTICLES[13]}
        assert [d["title"] for d in again.documents if place.path(d) == ARTICLES[13]] == ["Another headline"]

    @pytest.mark.parametrize(
        ("name", "api"),
        [
            ("linked", {"next_url": "links.next"}),
            ("cursor", {"cursor": "cursor", "cursor_parameter": "after"}),
        ],
    )
    def test_items_that_are_to_be_followed_become_pages(self, place: Place, name: str, api: dict[str, Any]) -> None:
        rules = {"items": "items", "url": "links.html", "follow": True, **api}
        place.apply(name, kind="json_api", start=[f"/api/{name}"], api=rules)
        followed = place.crawl(name)
        assert {path: found for path, found in followed.ledger.items() if path in ARTICLES} == dict.fromkeys(
            ARTICLES, ("stored", None)
        )
        assert len(followed.ended("skipped", "json_api")) == 3
        assert len(followed.asked) == len(ARTICLES) + 3


class TestCalendar:
    """Events have keys of their own."""

    @pytest.fixture(scope="class")
    @classmethod
    def first(cls, place: Place) -> Crawl:
        place.apply("events", kind="ical", start=["/api/calendar.ics"])
        return place.crawl("events")

    def test_each_event_is_a_document(self, first: Crawl) -> None:
        assert first.asked == ["/api/calendar.ics"]
        assert {document["title"] for document in first.documents} == {
            "Quay walk", "Net mending", "Tide talk", "Quay walk, a day late",
        }  # fmt: skip
        assert {document["kind"] for document in first.documents} == {"event"}

    def test_an_event_that_moves_stays_the_same_document(self, place: Place, first: Crawl) -> None:
        moved = served(place.site, "/api/calendar.ics").replace("20260502T193000", "20260509T193000")
        place.site.replaced["/api/calendar.ics"] = Answer(200, {"Content-Type": "text/calendar"}, moved.encode())
        second = place.crawl("events")
        place.site.replaced.clear()
        before, after = ({each["title"]: each for each in crawl.documents} for crawl in (first, second))
        assert {title: each["id"] for title, each in after.items()} == {t: each["id"] for t, each in before.items()}
        assert {title: each["version"] for title, each in after.items() if each["version"] > 1} == {"Tide talk": 2}
        assert after["Tide talk"]["fields"]["start"].startswith("2026-05-09T19:30")


class TestFiles:
    """A folder is a website that costs no request."""

    @pytest.fixture(scope="class")
    @classmethod
    def first(cls, place: Place) -> Crawl:
        pages = place.folder / "pages"
        (pages / "deep").mkdir(parents=True)
        for name in ("one.html", "deep/two.html", ".hidden.html"):
            text = f"What {name} says is said by nobody else in this folder, and at some length. " * 4
            (pages / name).write_text(f"<title>{name}</title><article><p>{text}</article>")
        place.apply("folder", kind="files", start=[f"{pages}/"], base_url="https://docs.example/")
        return place.crawl("folder")

    def test_its_files_are_known_below_the_base_url(self, first: Crawl) -> None:
        found = {document["url"] for document in first.documents}
        assert found == {"https://docs.example/one.html", "https://docs.example/deep/two.html"}
        assert first.hits == []

    def test_only_a_file_that_changed_is_read_again(self, place: Place, first: Crawl) -> None:
        file = place.folder / "pages" / "one.html"
        file.write_text(file.read_text().replace("nobody else", "hardly anybody else"))
        second = place.crawl("folder")
        assert second.ended("changed") == {"https://docs.example/one.html"}
        assert second.ended("unchanged", "lastmod") == {"https://docs.example/deep/two.html"}

    def test_a_list_of_urls_is_fetched_over_http(self, place: Place) -> None:
        names = place.folder / "urls.txt"
        names.write_text("".join(f"{place.site.base_url}{path}\n" for path in ARTICLES[:3]))
        place.apply("list", kind="files", start=[str(names)])
        crawl = place.crawl("list")
        assert crawl.asked == sorted(ARTICLES[:3])
        assert crawl.ended("stored") == set(ARTICLES[:3])


class TestWebsiteAndArchive:
    """A website is followed from link to link; its archive gives the same documents without it."""

    @pytest.fixture(scope="class")
    @classmethod
    def first(cls, place: Place) -> Crawl:
        home = f"{place.site.base_url}/es/"
        place.apply("web", kind="website", start=[home], within=[home], sitemaps=False)
        return place.crawl("web")

    def test_its_pages_are_found_by_their_links(self, place: Place, first: Crawl) -> None:
        pages = {place.path(document) for document in first.documents}
        assert len(pages) > 10
        assert all(path.startswith("/es/") for path in pages)

    def test_the_second_run_costs_almost_nothing(self, first: Crawl, place: Place) -> None:
        second = place.crawl("web")
        assert second.documents == first.documents
        assert second.summary["bytes"] < first.summary["bytes"] / 5
        sizes = [len(served(place.site, path).encode()) for path in second.ended("unchanged", "not_modified")]
        assert second.summary["saved_bytes"] >= sum(sizes) > 0

    def test_its_archive_replayed_gives_the_same_documents_and_asks_nobody(self, place: Place, first: Crawl) -> None:
        file = place.folder / "web.warc.gz"
        place.tidemill("export", str(file), "--format", "warc", "--source", "web").expect(0)
        elsewhere = place.folder / "elsewhere"
        elsewhere.mkdir()
        other = replace(place, tidemill=type(place.tidemill)(elsewhere / "data"), folder=elsewhere)
        other.apply("replayed", kind="warc", start=[str(file)])
        replayed = other.crawl("replayed")
        assert replayed.hits == []
        assert [_content(each) for each in replayed.documents] == [_content(each) for each in first.documents]


def _content(document: dict[str, Any]) -> dict[str, Any]:
    """A document without what tells one crawl from another; the archive may hold a later fetch of the same bytes."""
    return {name: value for name, value in document.items() if name not in ("id", "source", "version", "fetched_at")}
