"""Feeds: the pages that RSS, RDF and Atom items lead to."""

from __future__ import annotations

from tidemill.crawl.discover.xml import elements

FEED_MEDIA_TYPES = frozenset({"application/rss+xml", "application/atom+xml", "application/rdf+xml"})
_ROOTS = (b"<rss", b"<feed", b"<rdf:rdf")


def looks_like_feed(body: bytes) -> bool:
    """Whether generic XML is a feed, from how it begins."""
    return any(root in body[:2048].lower() for root in _ROOTS)


def read_feed(body: bytes) -> tuple[str, ...]:
    """The URLs of a feed's items, as they are written there. Raises `Permanent` (reason `bad_xml`)."""
    found: dict[str, None] = {}
    for name, element in elements(body.lstrip()):
        if name not in {"item", "entry"}:
            continue
        for child in element:
            if isinstance(child.tag, str) and child.tag.rpartition("}")[2].lower() == "link":
                href = child.get("href") if child.get("rel", "alternate") == "alternate" else None
                link = href or (child.text or "").strip()
                if link:
                    found[link] = None
        element.clear()
    return tuple(found)
