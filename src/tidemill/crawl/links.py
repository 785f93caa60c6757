"""The links of a page, as canonical URLs, and what the page asks of crawlers.

In: the decoded page and its URL. Out: each linked URL once, in the order of the page, the feeds it announces, and its
robots rules. The tree is walked once. Hrefs are resolved through a cache: pages of one folder share their menus, and
joining a URL costs more than finding it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin

from selectolax.lexbor import LexborHTMLParser

from tidemill.crawl.directives import header_values
from tidemill.errors import Invalid
from tidemill.models.capture import FEED_MEDIA_TYPES
from tidemill.models.url import MAX_URL_LENGTH, url_folder, url_key

_CACHE_SIZE = 20_000
_REFRESH = re.compile(r"^\s*+[\d.]*+\s*+[;,]\s*+(?:url\s*+=\s*+)?+['\"]?([^'\"\s]+)", re.IGNORECASE)
_HOSTLESS = re.compile(r"(?:https?:[/\\]*|[/\\]{2,})(?:[?#;]|$)", re.IGNORECASE)
_PLAIN = re.compile(r"/?[A-Za-z0-9\-_~]+(?:\.[A-Za-z0-9\-_~]+)*(?:/[A-Za-z0-9\-_~]+(?:\.[A-Za-z0-9\-_~]+)*)*/?")
_MARGIN = "".join(map(chr, range(0x21)))
_ELSEWHERE = ("mailto:", "javascript:", "tel:", "data:", "ftp:", "about:", "blob:", "file:", "sms:", "whatsapp:")
_ROOTED = ("/", "http://", "https://")
_ANCHORS = frozenset(LexborHTMLParser("").create_node(tag).tag_id for tag in ("a", "area"))
_DISOWNING = frozenset({"nofollow", "ugc", "sponsored"})
_LINK_HEADER = re.compile(r"<([^<>]*)>([^<]*)")
_REL_PARAMETER = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s;,\"]+))", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Links:
    """`pages` are links to follow, `feeds` those that the page itself announces as feeds.

    `nofollow` are those of `pages` that every link to them disowns (rel `nofollow`, `ugc` or `sponsored`). `canonical`
    is the page's canonical URL as it says itself, `None` if it says none or several. `robots` holds name and content of
    the meta elements that speak to crawlers, for `directives`.
    """

    pages: tuple[str, ...]
    feeds: tuple[str, ...]
    nofollow: frozenset[str] = frozenset()
    canonical: str | None = None
    robots: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class _Gathered:
    """Hrefs as the page writes them, by what they are for. `disowned` repeats some of `pages`."""

    base: str | None = None
    pages: list[str] = field(default_factory=list)
    disowned: list[str] = field(default_factory=list)
    feeds: list[str] = field(default_factory=list)
    refreshes: list[str] = field(default_factory=list)
    canonicals: list[str] = field(default_factory=list)
    robots: list[tuple[str, str]] = field(default_factory=list)


class LinkReader:
    """Reads links; holds the cache of resolved hrefs of one crawl. `product` is our name in robots meta elements."""

    def __init__(self, product: str = "") -> None:
        names = ["robots", *([product] if product else [])]
        named = ",".join(f'[name="{_css_string(name)}" i]' for name in names)
        # `[href]` alone is cheaper than one selector for each element: what no link is, is left out by its tag.
        self._query = f'[href]:not([href^="#"]),iframe[src],frame[src],meta:is({named},[http-equiv="refresh" i])'
        self._resolved: dict[str, dict[str, str | None]] = {}
        self._size = 0

    def read(self, tree: LexborHTMLParser, url: str, headers: Mapping[str, str] | None = None) -> Links:
        """The links of a parsed page that lies at the canonical URL `url` and came with `headers`."""
        found = _gather(tree, self._query)
        if headers is not None and "Refresh" in headers:
            refresh = _REFRESH.match(headers["Refresh"])
            found.refreshes += [refresh[1]] if refresh else []
        base = (_joined(url, found.base) or url) if found.base else url
        pages: dict[str, None] = dict.fromkeys(self._keys(base, found.pages + found.refreshes))
        feeds: dict[str, None] = dict.fromkeys(self._keys(base, found.feeds)) if found.feeds else {}
        for key in feeds:
            pages.pop(key, None)
        return Links(
            pages=tuple(pages),
            feeds=tuple(feeds),
            nofollow=self._only_disowned(base, found).intersection(pages) if found.disowned else frozenset(),
            canonical=self._canonical(base, found, url, headers),
            robots=tuple(found.robots),
        )

    def _only_disowned(self, base: str, found: _Gathered) -> frozenset[str]:
        disowned = Counter(self._keys(base, found.disowned))
        every = Counter(self._keys(base, found.pages + found.refreshes))
        return frozenset(key for key, times in disowned.items() if times == every[key])

    def _canonical(self, base: str, found: _Gathered, url: str, headers: Mapping[str, str] | None) -> str | None:
        if not found.canonicals and (headers is None or "Link" not in headers):
            return None
        keys = set(self._keys(base, found.canonicals))
        if headers is not None:  # RFC 8288: a header is about the URL that was asked for, whatever the page's base is
            keys.update(self._keys(url, _canonical_headers(headers)))
        return keys.pop() if len(keys) == 1 else None

    def _keys(self, base: str, hrefs: list[str]) -> list[str]:
        """The canonical URLs of hrefs, without those that lead nowhere a crawler can go."""
        folder = url_folder(base)
        near, rooted = self._known(folder), self._known(_top(folder))
        keys = []
        for href in hrefs:
            bare = href.partition("#")[0] if "#" in href else href
            known = rooted if bare.startswith(_ROOTED) else near
            key = known.get(bare, "")
            if key == "":
                key = self._resolve(known, folder, base, href)
            if key is not None:
                keys.append(key)
        return keys

    def _known(self, place: str) -> dict[str, str | None]:
        """What hrefs mean in a folder; those that begin with a slash or a host mean the same on all of a site."""
        known = self._resolved.get(place)
        if known is None:
            self._grow()
            known = self._resolved[place] = {}
        return known

    def _grow(self) -> None:
        if self._size >= _CACHE_SIZE:
            self._resolved.clear()
            self._size = 0
        self._size += 1

    def _resolve(self, known: dict[str, str | None], folder: str, base: str, href: str) -> str | None:
        """The canonical URL of a href that is not known yet; `None` if it leads nowhere a crawler can go."""
        href = href.strip(_MARGIN)
        if not href or href[0] in "#?;":  # the last two depend on more of the base than its folder
            return _joined(base, href) if href and href[0] != "#" else None
        bare = href.partition("#")[0]
        # White space before a fragment is part of the path, and at the end of a href is not. What is longer than any
        # URL would fill the memory with what is no link.
        if bare[-1] in _MARGIN or len(bare) > MAX_URL_LENGTH:
            return _joined(folder, href)
        self._grow()
        known[bare] = key = _plainly_joined(folder, bare) or _joined(folder, bare)
        return key


def _gather(tree: LexborHTMLParser, query: str) -> _Gathered:
    found = _Gathered()
    pages, disowned = found.pages, found.disowned
    for node in tree.css(query):
        if node.tag_id in _ANCHORS:  # nine of ten, whose other attributes nobody asks for
            asked = node.attrs
            href = asked.get("href")
            if href:
                pages.append(href)
                rel = asked.get("rel")
                if rel and not _DISOWNING.isdisjoint(rel.lower().split()):
                    disowned.append(href)
            continue
        attributes = node.attributes
        tag = node.tag
        if tag == "link":
            _gather_link(attributes, found)
        elif tag == "meta":
            _gather_meta(attributes, found)
        elif tag in ("iframe", "frame"):
            pages += filter(None, [attributes.get("src")])
        elif tag == "base" and found.base is None:
            found.base = attributes.get("href") or ""
    return found


def _gather_link(attributes: dict[str, str | None], found: _Gathered) -> None:
    href, rel = attributes.get("href"), (attributes.get("rel") or "").lower().split()
    if not href:
        return
    if "canonical" in rel:
        found.canonicals.append(href)
    if "alternate" in rel:
        kind = (attributes.get("type") or "text/html").lower()
        if kind in FEED_MEDIA_TYPES:
            found.feeds.append(href)
        elif "stylesheet" not in rel and kind in {"text/html", "application/xhtml+xml", "application/pdf"}:
            found.pages.append(href)
    elif not {"canonical", "next", "prev", "previous", "amphtml"}.isdisjoint(rel):
        found.pages.append(href)


def _gather_meta(attributes: dict[str, str | None], found: _Gathered) -> None:
    content = attributes.get("content") or ""
    if (attributes.get("http-equiv") or "").lower() == "refresh":
        refresh = _REFRESH.match(content)
        found.refreshes += [refresh[1]] if refresh else []
    elif name := attributes.get("name"):
        found.robots.append((name, content))


def _canonical_headers(headers: Mapping[str, str]) -> list[str]:
    """The targets of Link headers with rel `canonical` (RFC 8288, RFC 6596)."""
    return [href for value in header_values(headers, "Link") for href in _canonical_targets(value)]


def _canonical_targets(value: str) -> Iterator[str]:
    for target in _LINK_HEADER.finditer(value):
        rel = _REL_PARAMETER.search(target[2])
        if rel and "canonical" in (rel[1] or rel[2] or "").lower().split():
            yield target[1]


def _joined(base: str, href: str) -> str | None:
    href = href.strip(_MARGIN)
    if href[:12].lower().startswith(_ELSEWHERE) or _HOSTLESS.match(href):
        return None
    try:
        return url_key(urljoin(base, href.replace("\\", "/")))
    except (Invalid, ValueError):
        return None


def _plainly_joined(folder: str, href: str) -> str | None:
    """What `_joined` gives, if `href` is so plain that it only has to be appended."""
    if not _PLAIN.fullmatch(href) or len(folder) + len(href) > MAX_URL_LENGTH or "//" in folder[8:]:
        return None
    return _top(folder) + href[1:] if href[0] == "/" else folder + href


def _top(folder: str) -> str:
    """The folder that contains all of a site: its scheme, its authority and a slash."""
    return folder[: folder.find("/", 8) + 1] or folder


def _css_string(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", lambda found: f"\\{ord(found[0]):x} ", text)
