"""Feeds: the pages that the items of RSS (0.9 to 2.0), Atom and JSON Feed lead to.

Comes in: a body; goes out: the `Listing` of its items, with the next page of a paged feed as `further`. Called by the
fetcher, and by the reader of sitemaps, in whose place a feed may stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import orjson

from tidemill.crawl.discover.dates import latest, read_feed_time
from tidemill.crawl.discover.listing import Listed, Listing
from tidemill.errors import Permanent
from tidemill.markup.bounds import check_json
from tidemill.markup.xml import elements, local_name, without_margin

if TYPE_CHECKING:
    from lxml import etree

_JSON_FEED = "application/feed+json"
_ROOTS = (b"<rss", b"<feed", b"<rdf:rdf")
_SITEMAPS = (b"<urlset", b"<sitemapindex")
_JSON_VERSION = re.compile(rb'"version"\s*+:\s*+"https?:(?:\\?/){2}(?:www\.)?jsonfeed\.org(?:\\?/)version')
_BASE = "{http://www.w3.org/XML/1998/namespace}base"
_BASES = 3  # A link lies in its item, that in a feed or channel; what is nested deeper is made to cost time.
_DATES = frozenset({"updated", "modified", "published", "pubdate", "date", "issued"})


def looks_like_feed(body: bytes) -> bool:
    """Whether generic XML or JSON is a feed: XML from how it begins, JSON from the version it gives."""
    if without_margin(body[:2048]).startswith(b"{"):
        return _JSON_VERSION.search(body) is not None
    return any(root in body[:2048].lower() for root in _ROOTS)


def is_xml_feed(body: bytes) -> bool:
    """Whether XML that should be a sitemap is a feed."""
    head = body[:2048].lower()
    return any(root in head for root in _ROOTS) and not any(root in head for root in _SITEMAPS)


def read_feed(body: bytes, url: str = "", media_type: str = "") -> Listing:
    """What a feed that lies at `url` lists; URLs stand as they are written there, or joined to their `xml:base`.

    `modified_at` is the later of an item's dates. Raises `Permanent`: `bad_xml`, `bad_json`, `too_large`, or
    `not_a_feed` for XML without an item that does not even say that it is one: its pages would be missed in silence.
    """
    text = without_margin(body)
    listing = _read_json(text) if media_type == _JSON_FEED or text.startswith(b"{") else _read_xml(text)
    further = tuple(dict.fromkeys(each for each in listing.further if _leads_on(url, each)))
    return Listing(pages=_each_once(listing.pages), further=further)


def _each_once(pages: Iterable[Listed]) -> tuple[Listed, ...]:
    """Each URL where it stands first, with the latest of the dates it is given."""
    found: dict[str, Listed] = {}
    for page in pages:
        before = found.get(page.url)
        found[page.url] = Listed(page.url, latest((page.modified_at, before.modified_at))) if before else page
    return tuple(found.values())


def _leads_on(url: str, further: str) -> bool:
    try:
        return urljoin(url, further) != url
    except ValueError:
        return False


def _read_xml(body: bytes) -> Listing:
    pages: list[Listed] = []
    further: list[str] = []
    for name, element in elements(body):
        if name in {"item", "entry"}:
            pages += _items(element)
            element.clear()
        elif name == "link" and element.get("rel") == "next" and local_name(element.getparent()) in {"feed", "channel"}:
            further += _based(element, element.get("href"))  # RFC 5005, section 3
    if not pages and not looks_like_feed(body):
        raise Permanent("neither an rss, nor a feed, nor an RDF element is there, and no item", reason="not_a_feed")
    return Listing(tuple(pages), tuple(further))


def _items(element: etree._Element) -> Iterator[Listed]:
    """An item's pages: its links, or else its permanent identifier."""
    links: list[str] = []
    permanent: list[str] = []
    times: list[datetime | None] = []
    for child in element:
        name, text = local_name(child), (child.text or "").strip() if isinstance(child.tag, str) else ""
        if name == "link":
            href = child.get("href") if child.get("rel", "alternate") == "alternate" else None
            links += _based(child, href or text)
        elif name == "guid" and child.get("isPermaLink", "true").lower() != "false" and _is_web(text):
            permanent.append(text)
        elif name in _DATES:
            times.append(read_feed_time(text))
    modified_at = latest(times)
    for link in links or permanent:
        yield Listed(link, modified_at)


def _based(element: etree._Element, link: str | None) -> Iterator[str]:
    """The link, joined to the `xml:base` of its element and of the nearest around it; nothing if it is none."""
    link = (link or "").strip()
    if not link:
        return
    try:
        for holder in (element, *islice(element.iterancestors(), _BASES)):
            link = urljoin(holder.get(_BASE, ""), link)
    except ValueError:
        return
    yield link


def _is_web(text: str) -> bool:
    return text.lower().startswith(("http://", "https://"))


def _read_json(body: bytes) -> Listing:
    """JSON Feed 1.1 (https://www.jsonfeed.org/version/1.1/) and 1."""
    check_json(body)
    try:
        feed = orjson.loads(body)
    except ValueError as error:
        raise Permanent(f"not readable as a JSON Feed: {error}", reason="bad_json") from error
    items = feed.get("items") if isinstance(feed, dict) else None
    if not isinstance(items, list):
        found = f"an object with {', '.join(list(feed)[:10])}" if isinstance(feed, dict) else type(feed).__name__
        raise Permanent(f"not a JSON Feed: a list of items is missing from it ({found:.200})", reason="bad_json")
    following = feed.get("next_url")
    pages = tuple(page for item in items if isinstance(item, dict) for page in _json_item(item))
    return Listing(pages, (following.strip(),) if isinstance(following, str) and following.strip() else ())


def _json_item(item: dict[str, object]) -> Iterator[Listed]:
    """An item's own address; else the page that it is about; else its id, if that is an address."""
    own, other, identity = (_text(item.get(name)) for name in ("url", "external_url", "id"))
    link = own or other or (identity if _is_web(identity) else "")
    if link:
        yield Listed(
            link, latest(read_feed_time(_text(item.get(name))) for name in ("date_modified", "date_published"))
        )


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
