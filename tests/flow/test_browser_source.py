"""A source that may use a browser: only the page that is empty without JavaScript is fetched in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from tests.flow.source_kinds import Crawl, Place, sources_place
from tests.harness.chromium import PATIENCE_S, need_chromium
from tests.site.shells import APP, BEHIND, DOORS, PLAIN, RENDERED

pytestmark = pytest.mark.timeout(PATIENCE_S + 60)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    need_chromium()
    with sources_place(tmp_path_factory.mktemp("browser")) as place:
        yield place


def apply(place: Place, name: str, fetch: str) -> None:
    place.apply(name, start=[DOORS], within=[f"{place.site.base_url}/api/"], sitemaps=False, fetch=fetch)


@pytest.fixture(scope="module")
def auto(place: Place) -> Crawl:
    apply(place, "auto", "auto")
    return place.crawl("auto")


def test_without_a_browser_what_the_shell_would_show_is_not_seen(place: Place) -> None:
    apply(place, "plain", "http")
    crawl = place.crawl("plain")
    assert {DOORS, PLAIN} <= crawl.ended("stored")
    assert not [document for document in crawl.documents if RENDERED in document["content"]]
    assert BEHIND not in crawl.ledger


def test_auto_renders_the_shell_and_finds_what_is_behind_it(place: Place, auto: Crawl) -> None:
    contents = {place.path(document): document["content"] for document in auto.documents}
    assert set(contents) == {DOORS, APP, PLAIN, BEHIND}
    assert RENDERED in contents[APP]


def test_only_the_shell_was_asked_for_twice_and_both_requests_count(auto: Crawl) -> None:
    """What the browser loads for a page is the page's own, and no request of the crawl."""
    asked = Counter(auto.asked)
    loaded = ("/api/app.js", "/api/app.json")
    announced = ("/feed.xml", "/atom.xml")
    assert asked == {DOORS: 1, APP: 2, PLAIN: 1, BEHIND: 1} | dict.fromkeys((*loaded, *announced), 1)
    assert auto.summary["fetched"] == len(auto.hits) - len(loaded)


def test_in_the_next_run_the_shell_is_asked_for_whole(place: Place, auto: Crawl) -> None:
    again = place.crawl("auto")
    assert [hit.if_none_match for hit in again.hits if hit.path == APP] == [None, None]
    assert again.documents == auto.documents
    assert again.ledger[APP][0] == "unchanged"


def test_a_source_of_the_browser_fetches_every_page_in_it(place: Place, auto: Crawl) -> None:
    apply(place, "browser", "browser")
    crawl = place.crawl("browser")
    assert {place.path(document) for document in crawl.documents} == {DOORS, APP, PLAIN, BEHIND}
    asked = Counter(crawl.asked)
    assert {asked[path] for path in (DOORS, APP, PLAIN, BEHIND)} == {1}
