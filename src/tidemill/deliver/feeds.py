"""RSS 2.0 and Atom (RFC 4287) of a search: in come a title, addresses and documents, out goes XML for feed readers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from html import escape
from xml.etree.ElementTree import Element, SubElement, register_namespace, tostring

from tidemill.models.document import Document

_ATOM = "http://www.w3.org/2005/Atom"
_DC = "http://purl.org/dc/elements/1.1/"
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SUMMARY_CHARS = 500
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
register_namespace("atom", _ATOM)
register_namespace("dc", _DC)


@dataclass(frozen=True, slots=True)
class Feed:
    """What a feed is called, its own address, that of the search as JSON, and its documents, the newest first."""

    title: str
    own_url: str
    search_url: str
    documents: Sequence[Document]

    @property
    def updated_at(self) -> datetime:
        """When the store last changed one of its documents."""
        return max((each.updated_at for each in self.documents), default=_NEVER)


def rss(feed: Feed) -> bytes:
    """As RSS 2.0. Entries are known by the document's identifier, so that a change of the title is no new one."""
    root = Element("rss", version="2.0")
    channel = SubElement(root, "channel")
    _text(channel, "title", feed.title)
    _text(channel, "link", feed.search_url)
    _text(channel, "description", f"Documents that match: {feed.title}")
    _text(channel, "lastBuildDate", format_datetime(feed.updated_at))
    SubElement(channel, f"{{{_ATOM}}}link", href=_clean(feed.own_url), rel="self", type="application/rss+xml")
    for each in feed.documents:
        item = SubElement(channel, "item")
        _text(item, "title", _title(each))
        _text(item, "link", each.url)
        _text(item, "guid", f"urn:uuid:{each.id}").set("isPermaLink", "false")
        _text(item, "pubDate", format_datetime((each.draft.published_at or each.first_seen_at).astimezone(UTC)))
        if each.draft.author:
            _text(item, f"{{{_DC}}}creator", each.draft.author)
        for tag in each.draft.tags:
            _text(item, "category", tag)
        _text(item, "description", escape(_summary(each)))
    return _document(root)


def atom(feed: Feed) -> bytes:
    """As Atom."""
    root = Element("feed", xmlns=_ATOM)
    _text(root, "id", feed.own_url)
    _text(root, "title", feed.title)
    _text(root, "updated", _moment(feed.updated_at))
    SubElement(root, "link", href=_clean(feed.own_url), rel="self", type="application/atom+xml")
    SubElement(root, "link", href=_clean(feed.search_url), rel="alternate", type="application/json")
    _text(SubElement(root, "author"), "name", "Tidemill")
    for each in feed.documents:
        entry = SubElement(root, "entry")
        _text(entry, "id", f"urn:uuid:{each.id}")
        _text(entry, "title", _title(each))
        SubElement(entry, "link", href=_clean(each.url), rel="alternate")
        _text(entry, "updated", _moment(each.updated_at))
        if each.draft.published_at is not None:
            _text(entry, "published", _moment(each.draft.published_at))
        if each.draft.author:
            _text(SubElement(entry, "author"), "name", each.draft.author)
        for tag in each.draft.tags:
            SubElement(entry, "category", term=_clean(tag))
        _text(entry, "summary", _summary(each))
    return _document(root)


def _document(root: Element) -> bytes:
    content: bytes = tostring(root, encoding="utf-8")
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + content


def _text(parent: Element, name: str, text: str) -> Element:
    element = SubElement(parent, name)
    element.text = _clean(text)
    return element


def _clean(text: str) -> str:
    """Without what XML 1.0 cannot hold, whoever wrote it."""
    return _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def _title(document: Document) -> str:
    return document.draft.title or document.url


def _summary(document: Document) -> str:
    """Plain text. In RSS readers take it for HTML, so there it is escaped twice."""
    return document.draft.summary or document.draft.content[:_SUMMARY_CHARS]


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
