"""RSS (0.9 to 2.0), RDF and Atom with the extensions in use (Dublin Core, content, media, iTunes).

Comes in: the body of a feed; goes out: its entries. Called by `feed`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from tidemill.errors import Permanent
from tidemill.markup.xml import elements, local_name
from tidemill.process.extract.feed_entry import MAX_ENTRIES, Entry, Feed

if TYPE_CHECKING:
    from lxml import etree

_NAMESPACES = {
    "http://purl.org/dc/elements/1.1/": "dc", "http://purl.org/dc/terms/": "dcterms",
    "http://purl.org/rss/1.0/modules/content/": "content", "http://search.yahoo.com/mrss/": "media",
    "http://search.yahoo.com/mrss": "media", "http://www.itunes.com/dtds/podcast-1.0.dtd": "itunes",
    "http://www.w3.org/2005/atom": "", "http://purl.org/atom/ns#": "", "http://purl.org/rss/1.0/": "",
    "http://my.netscape.com/rdf/simple/0.9/": "", "http://backend.userland.com/rss2": "", "": "",
}  # fmt: skip
_TEXTS = {
    "title": "title", "guid": "id", "id": "id", "pubdate": "published_at", "published": "published_at",
    "issued": "published_at", "created": "published_at", "dc:date": "published_at", "dcterms:issued": "published_at",
    "dcterms:created": "published_at", "updated": "modified_at", "modified": "modified_at",
    "dcterms:modified": "modified_at", "lastbuilddate": "modified_at", "language": "language",
    "dc:language": "language",
}  # fmt: skip
_MARKED_UP = {
    "content:encoded": "content", "content": "content", "description": "description", "summary": "description",
    "dc:description": "description", "media:description": "description", "itunes:summary": "description",
    "subtitle": "description", "tagline": "description",
}  # fmt: skip
_LISTS = {
    "dc:creator": "author", "itunes:author": "author", "dc:subject": "tags", "category": "tags",
    "media:keywords": "tags", "itunes:keywords": "tags",
}  # fmt: skip
_IN_ONE = frozenset(("media:keywords", "itunes:keywords"))  # parted by commas
_WITH_MARKS = frozenset(("html", "text/html", "application/xhtml+xml", "xhtml"))
_XML = "{http://www.w3.org/XML/1998/namespace}"
_BASES = 3  # A link lies in its entry, that in a feed or channel; what is nested deeper is made to cost time.
_MAIL_AND_NAME = re.compile(r"[^\s()]+@[^\s()]+\s*\((.+)\)\s*")
_MAIL = re.compile(r"[^\s()]+@[^\s()]+")
_MAX_ENCLOSURES = 50
_HTML_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9]{0,19}")
_ROOT = re.compile(rb"<(?:rss|feed|rdf:rdf)\b", re.IGNORECASE)


def read_xml_feed(body: bytes, url: str) -> Feed:
    """The entries of the feed that lies at `url`. Raises `Permanent`: `bad_xml`, `too_large`, `not_a_feed`."""
    feed = Feed("rss")
    is_feed = _ROOT.search(body[:2048]) is not None  # One that breaks off never ends its root.
    for name, element in elements(body):
        if name in ("item", "entry") and len(feed.entries) < MAX_ENTRIES:
            feed.entries.append(_entry(element, url))
            element.clear()
        elif name in ("item", "entry"):
            feed.truncated = True
            break
        elif local_name(element.getparent()) in ("feed", "channel"):
            _read(feed.own, element, url)
        if name in ("rss", "feed", "rdf", "channel"):
            is_feed = True
            feed.format = "atom" if name == "feed" else feed.format
            if name != "channel":
                feed.own.put("language", element.get(_XML + "lang"), "xml:lang")
    if not feed.entries and not is_feed:
        raise Permanent(f"{url} is no feed: neither rss, feed nor rdf:RDF, and no item in it", reason="not_a_feed")
    return feed


def _entry(element: etree._Element, url: str) -> Entry:
    entry = Entry()
    for child in _children(element):
        _read(entry, child, url)
    entry.put("language", element.get(_XML + "lang"), "xml:lang")
    return entry


def _children(element: etree._Element) -> Iterator[etree._Element]:
    """The parts of an entry, and those of media:group in it."""
    for child in element:
        if isinstance(child.tag, str):
            yield child
            if local_name(child) == "group":
                yield from (part for part in child if isinstance(part.tag, str))


def _read(entry: Entry, element: etree._Element, url: str) -> None:
    """Keep what one element says."""
    name = _name(element)
    text = (element.text or "").strip()
    if name in _TEXTS:
        _put_text(entry, name, element, text)
    elif name in _MARKED_UP:
        entry.put(_MARKED_UP[name], _markup(element), name)
    elif name in _LISTS:
        said = text or element.get("label") or element.get("term") or ""
        for part in said.split(",") if name in _IN_ONE else (said,):
            entry.add(_LISTS[name], part, name)
    elif name == "author":
        entry.add("author", _person(element, text), name)
    else:
        _read_link(entry, name, element, text, url)


def _put_text(entry: Entry, name: str, element: etree._Element, text: str) -> None:
    if name == "title":
        entry.put("title", _markup(element), name)
        return
    entry.put(_TEXTS[name], text, name)
    if name == "guid" and element.get("isPermaLink", "true").lower() != "false" and _is_web(text):
        entry.put("permanent_url", text, name)


def _read_link(entry: Entry, name: str, element: etree._Element, text: str, url: str) -> None:
    """Links, enclosures and images."""
    kind, target = element.get("type", ""), element.get("href") or element.get("url") or ""
    if name == "link" and element.get("rel", "alternate") == "alternate":
        entry.put("canonical_url", _based(element, target or text, url), name)
    elif name == "enclosure" or (name == "link" and element.get("rel") == "enclosure"):
        _enclose(entry, _based(element, target, url), kind, element.get("length") or "")
        if kind.startswith("image/"):
            entry.put("image_url", _based(element, target, url), name)
    elif name in ("media:thumbnail", "itunes:image") or (
        name == "media:content" and (kind.startswith("image/") or element.get("medium") == "image")
    ):
        entry.put("image_url", _based(element, target, url), name)
    elif name == "media:content":
        _enclose(entry, _based(element, target, url), kind, element.get("fileSize") or "")


def _enclose(entry: Entry, url: str, kind: str, length: str) -> None:
    if not url or len(entry.enclosures) >= _MAX_ENCLOSURES:
        return
    size = int(length) if length.isascii() and length.isdecimal() and len(length) < 16 else None
    entry.enclosures.append({"url": url, **({"type": kind} if kind else {}), **({"size_bytes": size} if size else {})})


def _name(element: etree._Element) -> str:
    """`dc:creator`, `title`: names as they are usually written, whatever prefix stands there."""
    namespace, _, local = str(element.tag).rpartition("}")
    prefix = _NAMESPACES.get(namespace.lstrip("{").lower(), "?")
    return f"{prefix}:{local}".lower() if prefix else local.lower()


def _markup(element: etree._Element) -> str:
    """A text construct as HTML or plain text: escaped, in CDATA, or as elements.

    What Atom declares to be plain text is escaped, so that it is not taken for HTML later.
    """
    if len(element):
        return _inner(element)
    text = element.text or ""
    kind = element.get("type", "").lower()
    is_plain = kind in ("text", "text/plain") or (not kind and _namespace(element).endswith("2005/atom"))
    return html.escape(text, quote=False) if is_plain and "<" in text else text


def _namespace(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[0].lstrip("{").lower()


def _inner(element: etree._Element) -> str:
    """The elements in a construct as HTML."""
    from lxml import etree

    for part in element.iter():
        if isinstance(part.tag, str):
            local = part.tag.rpartition("}")[2]
            part.tag = local if _HTML_NAME.fullmatch(local) else "span"  # The parser reads more than it writes.
    etree.cleanup_namespaces(element)
    parts = (str(etree.tostring(child, method="html", encoding="unicode")) for child in element)
    return html.escape(element.text or "", quote=False) + "".join(parts)


def _person(element: etree._Element, text: str) -> str:
    """A name: Atom has it in an element of its own, RSS behind an address in parentheses."""
    for child in element:
        if local_name(child) == "name" and child.text:
            return str(child.text)
    found = _MAIL_AND_NAME.fullmatch(text)
    return found[1] if found else "" if _MAIL.fullmatch(text) else text


def _is_web(text: str) -> bool:
    return text.lower().startswith(("http://", "https://"))


def _based(element: etree._Element, link: str, url: str) -> str:
    """The link, joined to the `xml:base` of its element and of the nearest around it, and to the feed's own address."""
    link = link.strip()
    if not link:
        return ""
    try:
        for holder in (element, *islice(element.iterancestors(), _BASES)):
            link = urljoin(holder.get(_XML + "base", ""), link)
        return urljoin(url, link)
    except ValueError:
        return ""
