"""The links of a page, as canonical URLs.

In: the decoded page and its URL. Out: each linked URL once, in the order of the page, and the feeds it announces. Hrefs
are resolved through a cache: pages of one folder share their menus, and joining a URL costs more than finding it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urljoin

from selectolax.lexbor import LexborHTMLParser

from tidemill.errors import Invalid
from tidemill.models.url import url_folder, url_key

_CACHE_SIZE = 200_000
_FEED_TYPES = frozenset({"application/rss+xml", "application/atom+xml"})
_REFRESH = re.compile(r"^\s*[\d.]*\s*[;,]\s*(?:url\s*=\s*)?['\"]?([^'\"\s]+)", re.IGNORECASE)
_HOSTLESS = re.compile(r"(?:https?:[/\\]*|[/\\]{2,})(?:[?#;]|$)", re.IGNORECASE)
_MARGIN = "".join(map(chr, range(0x21)))
_ELSEWHERE = ("mailto:", "javascript:", "tel:", "data:", "ftp:", "about:", "blob:", "file:", "sms:", "whatsapp:")


@dataclass(frozen=True, slots=True)
class Links:
    """`pages` are links to follow, `feeds` those that the page itself announces as feeds."""

    pages: tuple[str, ...]
    feeds: tuple[str, ...]


class LinkReader:
    """Reads links; holds the cache of resolved hrefs of one crawl."""

    def __init__(self) -> None:
        self._resolved: dict[tuple[str, str], str | None] = {}

    def read(self, tree: LexborHTMLParser, url: str) -> Links:
        """The links of a parsed page that lies at the canonical URL `url`."""
        base = _base(tree, url)
        folder = url_folder(base)
        pages: dict[str, None] = {}
        for href in _hrefs(tree):
            key = self._resolve(folder, base, href)
            if key is not None:
                pages[key] = None
        feeds = {key: None for href in _feed_hrefs(tree) if (key := self._resolve(folder, base, href)) is not None}
        return Links(pages=tuple(key for key in pages if key not in feeds), feeds=tuple(feeds))

    def _resolve(self, folder: str, base: str, href: str) -> str | None:
        """The canonical URL of a href; `None` if it leads nowhere a crawler can go."""
        href = href.strip(_MARGIN)
        if not href or href[0] == "#":
            return None
        if href[0] in "?;":  # these alone depend on more of the base than its folder
            return _joined(base, href)
        found = self._resolved.get((folder, href), "")
        if found != "":
            return found
        if len(self._resolved) >= _CACHE_SIZE:
            self._resolved.clear()
        key = _joined(folder, href)
        self._resolved[folder, href] = key
        return key


def _joined(base: str, href: str) -> str | None:
    href = href.strip(_MARGIN)
    if href[:12].lower().startswith(_ELSEWHERE) or _HOSTLESS.match(href):
        return None
    try:
        return url_key(urljoin(base, href.replace("\\", "/")))
    except (Invalid, ValueError):
        return None


def _hrefs(tree: LexborHTMLParser) -> Iterator[str]:
    for node in tree.css("a[href], area[href], link[rel][href], iframe[src], frame[src]"):
        attributes = node.attributes
        if node.tag == "link" and not _followed(attributes):
            continue
        href = attributes.get("href") or attributes.get("src")
        if href:
            yield href
    for node in tree.css("meta[http-equiv][content]"):
        if (node.attributes.get("http-equiv") or "").lower() == "refresh":
            found = _REFRESH.match(node.attributes.get("content") or "")
            if found:
                yield found[1]


def _followed(attributes: dict[str, str | None]) -> bool:
    rel = (attributes.get("rel") or "").lower().split()
    if "alternate" in rel:
        kind = (attributes.get("type") or "text/html").lower()
        return "stylesheet" not in rel and kind in {"text/html", "application/xhtml+xml", "application/pdf"}
    return not {"canonical", "next", "prev", "previous", "amphtml"}.isdisjoint(rel)


def _feed_hrefs(tree: LexborHTMLParser) -> Iterator[str]:
    for node in tree.css("link[rel~=alternate][type][href]"):
        if (node.attributes.get("type") or "").lower() in _FEED_TYPES and (href := node.attributes.get("href")):
            yield href


def _base(tree: LexborHTMLParser, url: str) -> str:
    node = tree.css_first("base[href]")
    href = node.attributes.get("href") if node is not None else None
    return (_joined(url, href) or url) if href else url
