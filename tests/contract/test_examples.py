"""The examples of sources are read, and what they name is there on the sample site."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from tests.site.api import PER_PAGE, api_articles
from tests.site.website import Website

from tidemill.crawl.discover.feed import read_feed
from tidemill.crawl.discover.json_api import read_api
from tidemill.crawl.discover.listing import Listed, Listing
from tidemill.crawl.discover.sitemap import read_sitemap
from tidemill.manage.sources import read_files
from tidemill.models.capture import Capture
from tidemill.models.document import Draft
from tidemill.models.source import ApiRules, SourceSpec
from tidemill.process.extract.page import Page
from tidemill.process.extract.selectors import extract_selected
from tidemill.process.pipeline import process

FOLDER = Path(__file__).parents[2] / "examples" / "sources"
BASE = "http://127.0.0.1:8765"
ARTICLES = tuple(BASE + article.path for article in api_articles())
"""What each way of listing them names, in this order."""

Reader = Callable[[bytes, str], Listing]


@cache
def site() -> Website:
    return Website(listings=True)


def example(name: str) -> SourceSpec:
    (spec,) = read_files([FOLDER / f"{name}.yaml"])
    return spec


def body(url: str) -> bytes:
    answer = site().answer(url.removeprefix(BASE), BASE, {})
    assert answer.status == 200, url
    return answer.body


def followed(read: Reader, *start: str) -> tuple[list[Listed], list[str]]:
    """Every page that the listings name, and the listings."""
    pages: list[Listed] = []
    listings = list(start)
    for url in listings:
        listing = read(body(url), url)
        pages += listing.pages
        listings += [each for each in listing.further if each not in listings]
        assert len(listings) < 20, "it never ends"
    return pages, listings


def document(url: str, media_type: str, content: bytes, spec: SourceSpec) -> tuple[Draft, ...]:
    capture = Capture("c", "r", "p", "s", url, datetime(2026, 5, 1, tzinfo=UTC), 200, media_type, media_type, "", 0)
    return process(capture, content, spec.process).drafts


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_is_a_source(path: Path) -> None:
    assert read_files([path])


def test_the_sitemap_leads_to_pages_of_the_site() -> None:
    spec = example("sitemap")
    pages, listings = followed(lambda content, _: read_sitemap(content, max_bytes=1_000_000), *spec.start)
    wanted = [page for page in pages if page.url.startswith(spec.within)]
    assert len(listings) == 3
    assert len(wanted) > 20
    assert all(page.modified_at is not None and body(page.url) for page in wanted)


def test_a_sitemap_tells_when_its_pages_changed() -> None:
    pages, listings = followed(lambda content, _: read_sitemap(content, max_bytes=1_000_000), f"{BASE}/api/sitemap.xml")
    assert [page.url for page in pages] == list(ARTICLES)
    assert len(listings) == 4
    for page, article in zip(pages, api_articles(), strict=True):
        assert page.modified_at is not None
        assert page.modified_at >= article.published if article.number % 2 else page.modified_at.hour == 23


def test_the_feeds_lead_to_pages_of_the_site() -> None:
    pages, _ = followed(lambda content, url: read_feed(content, url, "application/xml"), *example("feed").start)
    assert len(pages) > 10
    assert all(page.modified_at is not None and body(page.url) for page in pages)


def test_a_paged_json_feed_leads_to_all_of_its_pages() -> None:
    pages, listings = followed(
        lambda content, url: read_feed(content, url, "application/feed+json"), f"{BASE}/api/feed.json"
    )
    assert [page.url for page in pages] == list(ARTICLES)
    assert len(listings) == -(-len(ARTICLES) // PER_PAGE)


def test_the_api_gives_each_article_as_a_document() -> None:
    spec = example("json-api")
    pages, listings = followed(lambda content, url: read_api(content, url, spec.api), *spec.start)
    assert [page.url for page in pages] == list(ARTICLES)
    assert len(listings) == 4, "the last page is empty"
    for page, article in zip(pages, api_articles(), strict=True):
        (draft,) = document(page.url, "application/json", page.item or b"", spec)
        assert (draft.title, draft.author, draft.problems) == (article.title, article.author, ())
        assert draft.published_at == article.published
        assert all(" ".join(sentence.split()) in draft.content for sentence in article.story.sentences)
        assert draft.fields == {"section": article.topic.section}
        assert draft.canonical_url == BASE + article.path


@pytest.mark.parametrize(
    ("start", "rules"),
    [
        ("/api/linked", ApiRules(items="items", url="links.html", follow=True, next_url="links.next")),
        (
            "/api/cursor",
            ApiRules(items="items", url="links.html", follow=True, cursor="cursor", cursor_parameter="after"),
        ),
    ],
)
def test_the_other_ways_of_paging_lead_to_all_articles_too(start: str, rules: ApiRules) -> None:
    pages, listings = followed(lambda content, url: read_api(content, url, rules), BASE + start)
    assert [page.url for page in pages] == list(ARTICLES)
    assert len(listings) == -(-len(ARTICLES) // PER_PAGE)


def test_the_calendar_gives_its_meetings() -> None:
    spec = example("ical")
    (url,) = spec.start
    drafts = document(url, "text/calendar", body(url), spec)
    assert [draft.title for draft in drafts] == ["Quay walk", "Net mending", "Tide talk", "Quay walk, a day late"]
    assert drafts[0].fields["start"] == "2026-04-05T17:00:00+01:00"
    assert drafts[0].fields["rrule"] == "FREQ=WEEKLY;COUNT=4"
    assert all(draft.problems == () for draft in drafts)


def test_the_list_of_events_gives_each_of_them_by_selectors() -> None:
    spec = example("events")
    (url,) = spec.start
    expected = site().pages[url.removeprefix(BASE)].expected
    of_page = Capture("c", "r", "p", "s", url, datetime(2026, 5, 1, tzinfo=UTC), 200, "text/html", "text/html", "", 0)
    drafts = extract_selected(Page(of_page, body(url), spec.process))
    assert tuple(draft.title for draft in drafts) == expected.items
    assert tuple(draft.fields["start"] for draft in drafts) == expected.starts
    assert all(said in {draft.content for draft in drafts} for said in expected.must_contain)
    assert all(draft.kind == "event" and draft.fields["location"] and not draft.problems for draft in drafts)
    in_all = document(url, "text/html", body(url), spec)
    assert sorted(draft.title for draft in in_all) == sorted(expected.items), "its JSON-LD tells of the same events"


def test_the_site_has_none_of_this_unless_it_is_asked_for() -> None:
    assert set(Website().pages) == {path for path in site().pages if not path.startswith("/api/")}
