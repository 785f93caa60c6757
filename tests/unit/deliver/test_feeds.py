"""Feeds are well-formed whatever the pages said, and say where everything is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.deliver.test_formats import document

from tidemill.deliver.feeds import Feed, atom, rss
from tidemill.models.document import Draft

ATOM = "{http://www.w3.org/2005/Atom}"
MOMENT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
DRAFT = Draft("article", title="Tide & <mill>", author="Ada", summary="<b>x</b>", published_at=MOMENT, tags=("a",))


def feed(*drafts: Draft) -> Feed:
    documents = [replace(document(each), id=f"{number:032}") for number, each in enumerate(drafts)]
    return Feed("tide · Tidemill", "https://t.example/feed?q=a&b", "https://t.example/search?q=a", documents)


def test_rss() -> None:
    channel = ElementTree.fromstring(rss(feed(DRAFT, Draft("article")))).find("channel")
    assert channel is not None
    first, second = channel.findall("item")
    assert first.findtext("title") == "Tide & <mill>"
    assert first.findtext("link") == "https://s.example/"
    assert first.findtext("guid") == f"urn:uuid:{0:032}"
    assert first.findtext("pubDate") == "Wed, 04 Mar 2026 05:06:07 +0000"
    assert first.findtext("description") == "&lt;b&gt;x&lt;/b&gt;", "readers take it for HTML"
    assert second.findtext("title") == "https://s.example/", "an entry without a title is called by its address"
    own = channel.find(f"{ATOM}link")
    assert own is not None
    assert own.attrib["href"] == "https://t.example/feed?q=a&b"


def test_atom() -> None:
    root = ElementTree.fromstring(atom(feed(DRAFT)))
    assert root.tag == f"{ATOM}feed"
    assert root.findtext(f"{ATOM}updated") == "2026-03-04T05:06:07Z"
    entry = root.find(f"{ATOM}entry")
    assert entry is not None
    assert entry.findtext(f"{ATOM}title") == "Tide & <mill>"
    assert entry.findtext(f"{ATOM}summary") == "<b>x</b>"
    assert entry.findtext(f"{ATOM}author/{ATOM}name") == "Ada"
    assert ElementTree.fromstring(atom(feed())).findtext(f"{ATOM}updated") == "1970-01-01T00:00:00Z"


@given(st.text(max_size=30))
def test_any_text_makes_well_formed_xml(text: str) -> None:
    drafts = feed(Draft("article", title=text, author=text, summary=text, tags=(text,)))
    for content in (rss(drafts), atom(drafts)):
        ElementTree.fromstring(content)
