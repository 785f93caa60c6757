"""The links of what the site serves, found with the standard library: for the truth and its tests."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import unescape
from html.parser import HTMLParser

from tests.site.identity import resolve

_FEED_TYPES = ("application/rss+xml", "application/atom+xml")


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.hrefs: list[str] = []
        self.base = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        href = values.get("href")
        if href is None:
            return
        if tag == "base":
            self.base = href
        elif tag in ("a", "area") or (tag == "link" and values.get("type") in _FEED_TYPES):
            self.hrefs.append(href)


def links_of_html(html: str, url: str) -> list[str]:
    """Give the identities of the pages of this site that an HTML page links to, in order, each once."""
    parser = _Links()
    parser.feed(html)
    base = f"{url.rsplit('/', 1)[0]}/{parser.base}" if parser.base and "/" not in parser.base[:1] else parser.base
    origin = "/".join(url.split("/")[:3])
    against = origin + base if base.startswith("/") else base or url
    return _unique(resolve(href, against) for href in parser.hrefs)


def links_of_xml(xml: str, url: str) -> list[str]:
    """Give the identities of the pages of this site that a sitemap or feed names, each once."""
    found = re.findall(r"<loc>(.*?)</loc>|<link>(.*?)</link>|<link rel=\"alternate\" href=\"(.*?)\"", xml)
    return _unique(resolve(unescape("".join(groups)), url) for groups in found)


def _unique(keys: Iterable[str | None]) -> list[str]:
    return list(dict.fromkeys(key for key in keys if key is not None))
