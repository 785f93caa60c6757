"""What machines are given: a JSON API in three ways of paging, a JSON Feed, a calendar, sitemaps with dates, shells.

Part of the site only if it is asked for (`--listings`); no page of the site leads here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta

from tests.site.articles import Article, listed
from tests.site.expected import without_document
from tests.site.layout import paragraph
from tests.site.page import Body, Page
from tests.site.shells import shell_pages

PER_PAGE = 10
_JSON = "application/json"
_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
_SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"
_MEETINGS = (
    ("quay-walk", "20260405T170000", "20260405T183000", "A walk along the quay, lanterns provided."),
    ("net-mending", "20260411T100000", "20260411T130000", "Nets are mended, and so are those who mend them."),
    ("tide-talk", "20260502T193000", "20260502T210000", "A talk on tides, with a tide."),
)


def api_articles() -> tuple[Article, ...]:
    """Give the articles that the API, the feed and the sitemaps name, in their order."""
    return listed("en")[:25]


def api_item(article: Article, base: str) -> dict[str, object]:
    """Give an article as the API does."""
    return {
        "id": article.number,
        "links": {"html": base + article.path},
        "attributes": {
            "headline": article.title,
            "html": "".join(paragraph([sentence]) for sentence in article.story.sentences),
            "written": article.published.isoformat(),
            "changed": (article.published + timedelta(days=1)).isoformat(),
            "by": [{"name": article.author}],
            "topics": ["harbour", article.topic.slug],
        },
        "section": article.topic.section,
    }


def api_pages() -> Iterator[Page]:
    """Give every listing."""
    pages = [api_articles()[at : at + PER_PAGE] for at in range(0, len(api_articles()), PER_PAGE)]
    for number, members in enumerate([*pages, ()], 1):
        yield from _numbered(number, members)
    for number, members in enumerate(pages, 1):
        last = number == len(pages)
        yield _linked(number, members, last=last)
        yield _with_cursor(number, members, last=last)
        yield _feed(number, members, last=last)
        yield _sitemap(f"/api/sitemap-{number}.xml", lambda base, members=members: _urlset(base, members))  # type: ignore[misc]
    yield _sitemap("/api/sitemap.xml", lambda base: _index(base, len(pages)))
    yield Page(without_document("/api/calendar.ics", "stored"), lambda base: _calendar(base), "text/calendar")
    yield from shell_pages()


def _numbered(number: int, members: tuple[Article, ...]) -> Iterator[Page]:
    """One page of the API that counts its pages; the first has two addresses, and the one after the last is empty."""
    for path in (f"/api/articles?page={number}", *(("/api/articles",) if number == 1 else ())):
        yield _answer(path, lambda base: {"data": {"items": [api_item(a, base) for a in members]}, "page": number})


def _linked(number: int, members: tuple[Article, ...], *, last: bool) -> Page:
    following = None if last else f"/api/linked?offset={number * PER_PAGE}"
    path = "/api/linked" if number == 1 else f"/api/linked?offset={(number - 1) * PER_PAGE}"
    return _answer(path, lambda base: {"items": [api_item(a, base) for a in members], "links": {"next": following}})


def _with_cursor(number: int, members: tuple[Article, ...], *, last: bool) -> Page:
    path = "/api/cursor" if number == 1 else f"/api/cursor?after=c%2F{number}"
    following = "" if last else f"c/{number + 1}"
    return _answer(path, lambda base: {"items": [api_item(a, base) for a in members], "cursor": following})


def _answer(path: str, data: Callable[[str], object]) -> Page:
    return Page(without_document(path, "skipped"), lambda base: json.dumps(data(base)), _JSON)


def _feed(number: int, members: tuple[Article, ...], *, last: bool) -> Page:
    path = "/api/feed.json" if number == 1 else f"/api/feed.json?page={number}"

    def body(base: str) -> str:
        items = [
            {"id": str(a.number), "url": base + a.path, "title": a.title, "date_published": a.published.isoformat()}
            for a in members
        ]
        feed = {"version": "https://jsonfeed.org/version/1.1", "title": "Gazette", "items": items}
        return json.dumps(feed if last else {**feed, "next_url": f"{base}/api/feed.json?page={number + 1}"})

    return Page(without_document(path, "skipped"), body, "application/feed+json")


def _sitemap(path: str, body: Body) -> Page:
    return Page(without_document(path, "skipped", "sitemap", kind="sitemap"), body, "application/xml")


def _index(base: str, count: int) -> str:
    entries = "".join(
        f"<sitemap><loc>{base}/api/sitemap-{number}.xml</loc><lastmod>2025-09-0{number}</lastmod></sitemap>\n"
        for number in range(1, count + 1)
    )
    return f'{_XML}<sitemapindex xmlns="{_SITEMAP}">\n{entries}</sitemapindex>\n'


def _urlset(base: str, members: tuple[Article, ...]) -> str:
    """A sitemap whose dates are days in every second entry, and times in the others."""
    entries = "".join(
        f"<url><loc>{base}{a.path}</loc>"
        f"<lastmod>{a.published.isoformat() if a.number % 2 else a.published.date().isoformat()}</lastmod></url>\n"
        for a in members
    )
    return f'{_XML}<urlset xmlns="{_SITEMAP}">\n{entries}</urlset>\n'


def _calendar(base: str) -> str:
    """Three meetings in the town's own zone, and one of them moved."""
    zone = (
        "BEGIN:VTIMEZONE", "TZID:Quay Time", "BEGIN:STANDARD", "DTSTART:19700101T000000", "TZOFFSETFROM:+0100",
        "TZOFFSETTO:+0100", "END:STANDARD", "END:VTIMEZONE",
    )  # fmt: skip
    events: list[str] = []
    for name, start, end, description in _MEETINGS:
        weekly = ("RRULE:FREQ=WEEKLY;COUNT=4",) if name == "quay-walk" else ()
        events += (
            "BEGIN:VEVENT", f"UID:{name}@gazette.invalid", f"DTSTART;TZID=Quay Time:{start}",
            f"DTEND;TZID=Quay Time:{end}", f"SUMMARY:{name.replace('-', ' ').capitalize()}",
            f"DESCRIPTION:{description.replace(',', chr(92) + ',')}", "LOCATION:Pilot Street",
            f"URL:{base}/events/#{name}", *weekly, "END:VEVENT",
        )  # fmt: skip
    moved = (
        "BEGIN:VEVENT", "UID:quay-walk@gazette.invalid", "RECURRENCE-ID;TZID=Quay Time:20260412T170000",
        "DTSTART;TZID=Quay Time:20260413T170000", "SUMMARY:Quay walk\\, a day late", "END:VEVENT",
    )  # fmt: skip
    lines = ("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//gazette.invalid//EN", *zone, *events, *moved, "END:VCALENDAR")
    return "\r\n".join(lines) + "\r\n"
