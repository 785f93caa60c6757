"""Sitemaps (sitemaps.org protocol 0.9): XML, XML index, plain text, or a feed in a sitemap's place; gzipped or not.

Comes in: a body; goes out: the `Listing` of its pages, with the sitemaps of an index as `further`. Called by the
fetcher.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from datetime import datetime

from tidemill.crawl.discover.dates import read_w3c_time
from tidemill.crawl.discover.feed import is_xml_feed, read_feed
from tidemill.crawl.discover.listing import Listed, Listing
from tidemill.errors import Permanent
from tidemill.markup.xml import elements, local_name, without_margin

_GZIP = b"\x1f\x8b"
_ENTRIES = frozenset({"url", "sitemap"})
_ROOT = re.compile(rb"<(?:[\w.-]{1,40}:)?(?:urlset|sitemapindex)[\s/>]", re.IGNORECASE)
_ROOT_BYTES = 65_536
_MOST_MEMBERS = 1024  # each further member costs a copy of what follows it


def read_sitemap(body: bytes, *, max_bytes: int) -> Listing:
    """What a sitemap lists; URLs stand as they are written there, `modified_at` is from `<lastmod>`.

    Raises `Permanent`: `bad_xml`, `bad_encoding` (broken gzip), `too_large` if it inflates beyond `max_bytes`, or
    `not_a_sitemap`: what lists nothing must say at least that it is one, or its pages would be missed in silence.
    """
    if body[:2] == _GZIP:
        body = _inflate(body, max_bytes)
    text = without_margin(body)
    if not text.startswith(b"<"):
        lines = (line.strip() for line in text.decode("utf-8", "replace").splitlines())
        pages = tuple(Listed(line) for line in lines if line.startswith("http"))
        if not pages:
            raise Permanent("the sitemap is a text without a URL", reason="not_a_sitemap")
        return Listing(pages=pages)
    if is_xml_feed(text):
        return read_feed(text)
    entries = list(_entries(text))
    if not entries and not _ROOT.search(text[:_ROOT_BYTES]):
        raise Permanent("the sitemap holds neither a urlset nor a sitemapindex", reason="not_a_sitemap")
    return Listing(
        pages=tuple(Listed(url, modified_at) for kind, url, modified_at in entries if kind == "url"),
        further=tuple(url for kind, url, _ in entries if kind == "sitemap"),
    )


def _entries(text: bytes) -> Iterator[tuple[str, str, datetime | None]]:
    """Each `<url>` and `<sitemap>`: which of the two, its address, its last change. Unclosed ones count as well."""
    kind, url, modified_at = "", "", None
    for name, element in elements(text):
        parent = local_name(element.getparent())
        if name == "loc" and parent in _ENTRIES and element.text:
            if url:
                yield kind, url, modified_at
                modified_at = None
            kind, url = parent, element.text.strip()
        elif name == "lastmod" and parent in _ENTRIES:
            modified_at = read_w3c_time(element.text or "")
        elif name in _ENTRIES:
            if url:
                yield kind, url, modified_at
            url, modified_at = "", None
            element.clear()
    if url:
        yield kind, url, modified_at


def _inflate(body: bytes, max_bytes: int) -> bytes:
    """A gzip file of one or more members (RFC 1952); what follows the last one is ignored."""
    inflated, members = b"", 0
    while body[:2] == _GZIP and len(inflated) <= max_bytes:
        members += 1
        if members > _MOST_MEMBERS:
            raise Permanent(f"the sitemap has more than {_MOST_MEMBERS} gzip members", reason="bad_encoding")
        decoder = zlib.decompressobj(wbits=31)
        try:
            inflated += decoder.decompress(body, max_bytes + 1 - len(inflated))
        except zlib.error as error:
            raise Permanent(f"the sitemap is no readable gzip file: {error}", reason="bad_encoding") from error
        body = decoder.unused_data
    if len(inflated) > max_bytes:
        raise Permanent(f"the sitemap inflates to more than {max_bytes} bytes", reason="too_large")
    return inflated
