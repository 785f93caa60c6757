"""What a page says of itself is read wherever it says it, and the origin of each value is known."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.unit.process.pages import html, jsonld, page

from tidemill.process.extract.times import iso_with_zone, parse_aware_time

ARTICLE = {
    "@context": "https://schema.org",
    "@type": "NewsArticle",
    "headline": "The mill turns",
    "author": [{"@type": "Person", "name": "Ann Weir"}, {"@type": "Person", "name": "Bo Race"}],
    "datePublished": "2026-04-03T10:00:00+02:00",
    "dateModified": "2026-04-04",
    "publisher": {"@type": "Organization", "name": "Harbour News"},
    "image": {"url": "/mill.jpg"},
    "keywords": "mill, tide",
    "inLanguage": "en-GB",
}


def test_jsonld_gives_all_fields_with_their_origin() -> None:
    given = page(html(jsonld(ARTICLE)))
    said, dates = given.metadata, given.dates
    assert [one.value for one in dates.published] == [datetime(2026, 4, 3, 8, tzinfo=UTC)]
    assert [one.value for one in dates.modified] == [datetime(2026, 4, 4, tzinfo=UTC)]
    assert (said.title, said.author, said.site_name) == ("The mill turns", "Ann Weir, Bo Race", "Harbour News")
    assert (said.language, said.tags) == ("en", ("mill", "tide"))
    assert said.image_url == "https://mill.example/mill.jpg"
    assert said.is_article
    assert said.provenance["author"] == "jsonld@1 NewsArticle.author"
    assert [one.origin for one in dates.published] == ["jsonld@1 NewsArticle.datePublished"]


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(lambda item: {"@context": "x", "@graph": [{"@type": "WebSite", "name": "W"}, item]}, id="graph"),
        pytest.param(lambda item: [{"@type": "BreadcrumbList"}, item], id="list"),
        pytest.param(lambda item: {"@type": "WebPage", "mainEntity": item}, id="main entity"),
        pytest.param(lambda item: {**item, "@type": ["Thing", "http://schema.org/Article"]}, id="types as addresses"),
    ],
)
def test_jsonld_is_found_wherever_it_stands(block: Any) -> None:
    assert page(html(jsonld(block(ARTICLE)))).metadata.author == "Ann Weir, Bo Race"


@pytest.mark.parametrize(
    "text",
    [
        '<!-- {"@type": "Article", "headline": "The mill turns"} -->',
        '//<![CDATA[\n{"@type": "Article", "headline": "The mill turns"}\n//]]>',
        '{"@type": "Article", "headline": "The mill turns",}',
        '{"@type": "Article", "headline": "The mill\tturns"};',
        "{&quot;@type&quot;: &quot;Article&quot;, &quot;headline&quot;: &quot;The mill turns&quot;}",
    ],
)
def test_broken_jsonld_is_repaired(text: str) -> None:
    assert page(html(f'<script type="application/ld+json">{text}</script>')).metadata.title == "The mill turns"


@pytest.mark.parametrize("text", ["{", "", "[" * 5000, '{"@type": 3, "headline": []}', '"x"', "null"])
def test_hopeless_jsonld_is_not_there(text: str) -> None:
    said = page(html(f'<script type="application/ld+json">{text}</script>', title="Plain")).metadata
    assert (said.title, said.provenance["title"]) == ("Plain", "html@1 title")


def test_references_within_the_graph_are_followed() -> None:
    graph = [{**ARTICLE, "author": {"@id": "#ann"}}, {"@id": "#ann", "@type": "Person", "name": "Ann Weir"}]
    assert page(html(jsonld({"@graph": graph}))).metadata.author == "Ann Weir"


def test_teasers_of_other_articles_are_not_the_page() -> None:
    teasers = [{**ARTICLE, "headline": f"Teaser {n}", "url": f"https://mill.example/{n}"} for n in range(3)]
    said = page(html(jsonld(*teasers), title="Overview")).metadata
    assert (said.title, said.author, said.is_article) == ("Overview", None, False)


def test_opengraph_meta_and_links() -> None:
    head = (
        '<meta property="og:title" content="The mill turns"><meta property="og:site_name" content="Harbour News">'
        '<meta property="og:image" content="https://mill.example/a.jpg"><meta property="og:type" content="article">'
        '<meta property="article:published_time" content="2026-04-03T10:00:00Z"><meta name="author" content="By Ann">'
        '<meta property="article:tag" content="mill"><meta property="article:tag" content="tide">'
        '<meta name="description" content="It turns."><link rel="canonical" href="/mill">'
    )
    given = page(html(head, lang="es-MX"))
    said = given.metadata
    assert (said.title, said.author, said.site_name) == ("The mill turns", "Ann", "Harbour News")
    assert [one.value for one in given.dates.published] == [datetime(2026, 4, 3, 10, tzinfo=UTC)]
    assert (said.canonical_url, said.image_url) == ("https://mill.example/mill", "https://mill.example/a.jpg")
    assert (said.tags, said.language, said.description) == (("mill", "tide"), "es", "It turns.")
    assert said.provenance["title"] == "opengraph@1 og:title"
    assert said.provenance["author"] == "meta@1 author"


@pytest.mark.parametrize(
    ("title", "headings", "expected"),
    [
        ("The mill turns | Harbour News", "", "The mill turns"),
        ("The mill turns - as it did of old", "", "The mill turns - as it did of old"),
        ("The mill turns - Mill", "", "The mill turns"),
        ("Mill | The mill turns", "", "The mill turns"),
        ("The mill turns – Harbour News", "<h1>The  mill turns</h1>", "The mill turns"),
        ("Mill", "<h1>Mill</h1><h1>The mill turns again</h1>", "The mill turns again"),
        ("A long story about the mill", "<h1>How the mill came to turn</h1>", "How the mill came to turn"),
        ("", "", None),
    ],
)
def test_the_title_is_the_pages_not_the_sites(title: str, headings: str, expected: str | None) -> None:
    assert page(html(body=headings + "<p>text</p>", title=title)).metadata.title == expected


@pytest.mark.parametrize("link", ["javascript:alert(1)", "http://[", "", "mailto:a@b.example"])
def test_links_that_are_no_pages_are_not_canonical(link: str) -> None:
    assert page(html(f'<link rel="canonical" href="{link}">')).metadata.canonical_url is None


@pytest.mark.parametrize(
    ("text", "time", "assumed"),
    [
        ("2026-04-03", datetime(2026, 4, 3, tzinfo=UTC), False),
        ("2026-04-03T10:00:00+02:00", datetime(2026, 4, 3, 8, tzinfo=UTC), False),
        ("2026-04-03T10:00:00.000Z", datetime(2026, 4, 3, 10, tzinfo=UTC), False),
        ("2026-04-03 10:00:00", datetime(2026, 4, 3, 10, tzinfo=UTC), True),
        ("2026-04-03 10:00 +0200", datetime(2026, 4, 3, 8, tzinfo=UTC), False),
        ("Fri, 03 Apr 2026 10:00:00 GMT", datetime(2026, 4, 3, 10, tzinfo=UTC), False),
        ("0001-01-01T00:00:00", None, False),
        ("2026-13-40", None, False),
        ("last Tuesday", None, False),
        ("", None, False),
    ],
)
def test_times(text: str, time: datetime | None, assumed: bool) -> None:
    assert parse_aware_time(text) == (time, assumed)


@pytest.mark.parametrize(
    ("text", "shown", "is_assumed"),
    [
        ("2026-06-01T19:00:00-05:00", "2026-06-01T19:00:00-05:00", False),
        ("2026-06-01T19:00:00Z", "2026-06-01T19:00:00+00:00", False),
        ("2026-06-01", "2026-06-01", False),
        ("2026-06-01T19:00", "2026-06-01T19:00:00+00:00", True),
        ("soon", None, False),
    ],
)
def test_event_times_keep_their_zone(text: str, shown: str | None, is_assumed: bool) -> None:
    assert iso_with_zone(text) == (shown, is_assumed)
