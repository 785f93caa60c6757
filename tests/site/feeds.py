"""robots.txt, the sitemaps and the feeds, which name some pages that no HTML page links to."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from email.utils import format_datetime
from html import escape

from tests.site.articles import Article, listed, named_by
from tests.site.expected import without_document
from tests.site.layout import NAME
from tests.site.page import Body, Page

_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
_SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"


def robots(base: str) -> str:
    """Give robots.txt: our own group is kinder than the one for everybody."""
    return (
        "# Everybody else\nUser-agent: *\n"
        "Disallow: /articles/\nDisallow: /es/\nDisallow: /events/\nDisallow: /private/\n\n"
        "User-agent: otherbot\nDisallow: /\n\n"
        "User-agent: tidemill\nDisallow: /private/\nAllow: /private/open.html\n\n"
        f"Sitemap: {base}/sitemap_index.xml\n"
    )


def feed_pages() -> Iterator[Page]:
    """Give the sitemap index, its two sitemaps and the two feeds."""
    yield _sitemap("/sitemap_index.xml", lambda base: _index(base))
    yield _sitemap("/sitemaps/pages.xml", lambda base: _urlset(base, "plain", listed("en")[:20]))
    yield _sitemap(
        "/sitemaps/archive.xml.gz",
        lambda base: gzip.compress(_urlset(base, "gzip", listed("es")[:8]).encode(), mtime=0),
        "application/gzip",
    )
    yield _feed("/feed.xml", _rss, "application/rss+xml; charset=utf-8")
    yield _feed("/atom.xml", _atom, "application/atom+xml; charset=utf-8")


def _sitemap(path: str, body: Body, media_type: str = "application/xml") -> Page:
    return Page(
        without_document(path, "skipped", "sitemap", via="sitemap", kind="sitemap"),
        body,
        media_type,
        may_gzip=False,
    )


def _feed(path: str, body: Body, media_type: str) -> Page:
    return Page(without_document(path, "skipped", "feed", kind="feed"), body, media_type)


def _index(base: str) -> str:
    entries = "".join(
        f"<sitemap><loc>{base}/sitemaps/{name}</loc><lastmod>2025-09-01</lastmod></sitemap>\n"
        for name in ("pages.xml", "archive.xml.gz")
    )
    return f'{_XML}<sitemapindex xmlns="{_SITEMAP}">\n{entries}</sitemapindex>\n'


def _urlset(base: str, channel: str, also: tuple[Article, ...]) -> str:
    """Give a sitemap: what only it names, what is linked as well, and one URL that is none of its business."""
    entries = "".join(
        f"<url><loc>{base}{article.path}</loc><lastmod>{article.published.isoformat()}</lastmod></url>\n"
        for article in (*named_by(channel), *also)
    )
    stranger = "<url><loc>http://out-of-scope.invalid/sitemap.html</loc></url>\n"
    return f'{_XML}<urlset xmlns="{_SITEMAP}">\n{entries}{stranger}</urlset>\n'


def _rss(base: str) -> str:
    items = "".join(
        f"<item><title>{escape(a.title)}</title><link>{base}{a.path}?utm_source=rss&amp;utm_medium=feed</link>"
        f'<guid isPermaLink="false">gazette-{a.language}-{a.number}</guid>'
        f"<pubDate>{format_datetime(a.published)}</pubDate>"
        f"<description>{escape(a.story.sentences[1])}</description></item>\n"
        for a in (*named_by("rss"), *listed("en")[-4:])
    )
    return (
        f'{_XML}<rss version="2.0"><channel><title>{NAME}</title><link>{base}/</link>'
        f"<description>Things that work</description>\n{items}</channel></rss>\n"
    )


def _atom(base: str) -> str:
    entries = "".join(
        f'<entry><title>{escape(a.title)}</title><link rel="alternate" href="{base}{a.path}"/>'
        f"<id>tag:gazette.invalid,2019:{a.language}-{a.number}</id><updated>{a.published.isoformat()}</updated>"
        f"<summary>{escape(a.story.sentences[1])}</summary></entry>\n"
        for a in (*named_by("atom"), *listed("en")[-4:])
    )
    return (
        f'{_XML}<feed xmlns="http://www.w3.org/2005/Atom"><title>{NAME}</title><link href="{base}/"/>'
        f'<link rel="self" href="{base}/atom.xml"/><id>tag:gazette.invalid,2019:feed</id>'
        f"<updated>2025-09-01T00:00:00+00:00</updated>\n{entries}</feed>\n"
    )
