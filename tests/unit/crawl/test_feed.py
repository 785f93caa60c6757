"""Feeds: the pages that their items lead to."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.crawl.discover.feed import looks_like_feed, read_feed
from tidemill.crawl.discover.listing import Listed, Listing
from tidemill.errors import Permanent
from tidemill.models.capture import FEED_MEDIA_TYPES

RSS = b"""<?xml version="1.0"?><rss version="2.0"><channel><title>t</title><link>http://a/</link>
<item><title>1</title><link> http://a/1 </link><guid>http://a/guid</guid></item>
<item><title>2</title><link><![CDATA[http://a/2?x&y]]></link></item><item><title>none</title></item>
<item><link>http://a/1</link></item></channel></rss>"""
ATOM = b"""<feed xmlns="http://www.w3.org/2005/Atom"><link href="http://a/"/><link rel="self" href="http://a/feed"/>
<entry><link rel="enclosure" href="http://a/x.mp3"/><link href="http://a/1"/><link rel="alternate" href="/2"/></entry>
<entry><id>http://a/id</id></entry></feed>"""
RDF = b"""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">
<channel rdf:about="http://a/"><link>http://a/</link></channel><item rdf:about="http://a/1"><link>http://a/1</link></item></rdf:RDF>"""
JSON_FEED = {
    "version": "https://jsonfeed.org/version/1.1",
    "title": "t",
    "items": [
        {"id": "1", "url": "http://a/1", "external_url": "http://b/", "date_published": "2026-01-01T10:00:00Z"},
        {"id": "2", "external_url": "http://b/2"},
        {"id": "http://a/3"},
        {"id": "4"},
        {"id": 5, "url": ["no"]},
        "no item",
    ],
}


def in_rss(item: str, channel: str = "") -> bytes:
    return f'<rss version="2.0" xmlns:a="http://www.w3.org/2005/Atom"><channel>{channel}<item>{item}</item></channel></rss>'.encode()


def in_atom(entry: str, feed: str = "") -> bytes:
    return f'<feed xmlns="http://www.w3.org/2005/Atom">{feed}<entry>{entry}</entry></feed>'.encode()


def urls_of(body: bytes) -> tuple[str, ...]:
    return tuple(page.url for page in read_feed(body, "http://a/feed", "application/xml").pages)


@pytest.mark.parametrize(
    ("body", "urls"),
    [
        (RSS, ("http://a/1", "http://a/2?x&y")),
        (ATOM, ("http://a/1", "/2")),
        (RDF, ("http://a/1",)),
        (b"\n \t" + RSS, ("http://a/1", "http://a/2?x&y")),
        (RSS.replace(b"</channel></rss>", b""), ("http://a/1", "http://a/2?x&y")),
        (RSS.replace(b"<title>1</title>", b"<title>Tom & Jerry</title>"), ("http://a/1", "http://a/2?x&y")),
        (in_rss("<guid>http://a/permanent</guid>"), ("http://a/permanent",)),
        (in_rss('<guid isPermaLink="false">http://a/not</guid>'), ()),
        (in_rss("<guid>tag:a,1</guid>"), ()),
        (in_rss('<a:link rel="self" href="http://a/self"/><a:link href="http://a/1"/>'), ("http://a/1",)),
        (in_atom('<source><link href="http://elsewhere/"/></source><link href="http://a/1"/>'), ("http://a/1",)),
        (in_atom('<link href="1"/>', "").replace(b"<entry>", b'<entry xml:base="http://b/x/">'), ("http://b/x/1",)),
        (
            b'<feed xml:base="http://b/x/"><entry xml:base="y/"><link xml:base="z/" href="1"/><link href="2"/></entry>',
            ("http://b/x/y/z/1", "http://b/x/y/2"),
        ),
        (in_atom('<link xml:base="http://b/"/><link/><link href=" "/>'), ()),
        (json.dumps(JSON_FEED).encode(), ("http://a/1", "http://b/2", "http://a/3")),
        (b"\xef\xbb\xbf " + json.dumps(JSON_FEED).encode(), ("http://a/1", "http://b/2", "http://a/3")),
    ],
)
def test_items(body: bytes, urls: tuple[str, ...]) -> None:
    assert urls_of(body) == urls


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("body", "time"),
    [
        (in_rss("<link>http://a/1</link><pubDate>Thu, 01 Jan 2026 12:00:00 GMT</pubDate>"), NOON),
        (in_rss("<link>http://a/1</link><pubDate>01 Jan 26 07:00 EST</pubDate>"), NOON),
        (in_rss("<link>http://a/1</link><pubDate>2026-01-01T13:00:00+01:00</pubDate>"), NOON),
        (in_rss("<link>http://a/1</link><pubDate>Thu, 01 Jan 2026 12:00:00 -0000</pubDate>"), NOON),
        (
            in_rss("<link>http://a/1</link><dc:date xmlns:dc='x'>2026-01-01</dc:date>"),
            NOON.replace(hour=23, minute=59, second=59),
        ),
        (in_rss("<link>http://a/1</link><pubDate>soon</pubDate>"), None),
        (in_rss("<link>http://a/1</link><pubDate>Thu, 01 Jan 0026 99:99:99 +9999</pubDate>"), None),
        (
            in_atom(
                '<link href="/1"/><published>2025-01-01T00:00:00Z</published><updated>2026-01-01T12:00:00Z</updated>'
            ),
            NOON,
        ),
        (
            in_atom(
                '<link href="/1"/><updated>2025-01-01T00:00:00Z</updated><published>2026-01-01T12:00:00Z</published>'
            ),
            NOON,
        ),
        (in_atom('<link href="/1"/><source><updated>2026-06-01T12:00:00Z</updated></source>'), None),
        (
            json.dumps(
                {
                    "items": [
                        {
                            "url": "http://a",
                            "date_published": "2025-01-01T00:00:00Z",
                            "date_modified": "2026-01-01T12:00:00Z",
                        }
                    ]
                }
            ).encode(),
            NOON,
        ),
        (json.dumps({"items": [{"url": "http://a", "date_modified": 12}]}).encode(), None),
    ],
)
def test_an_item_was_last_changed_at_the_latest_of_its_dates(body: bytes, time: datetime | None) -> None:
    (item,) = read_feed(body, "http://a/feed", "").pages
    assert item.modified_at == time


def test_an_item_that_stands_there_twice_has_its_latest_date() -> None:
    twice = in_rss("<link>/1</link><pubDate>2025</pubDate>").replace(
        b"</channel>",
        b"<item><link>/1</link><pubDate>2026-01-01T12:00:00Z</pubDate></item><item><link>/1</link></item></channel>",
    )
    assert read_feed(twice) == Listing(pages=(Listed("/1", NOON),))


@pytest.mark.parametrize(
    ("body", "further"),
    [
        (in_atom('<link href="/1"/>', '<link rel="next" href="/feed?page=2"/>'), ("/feed?page=2",)),
        (in_rss("<link>/1</link>", '<a:link rel="next" href="http://a/feed?page=2"/>'), ("http://a/feed?page=2",)),
        (in_atom('<link href="/1"/><link rel="next" href="/article/2"/>'), ()),
        (in_atom('<link href="/1"/>', '<link rel="next" href="/feed"/><link rel="next"/>'), ()),
        (json.dumps({**JSON_FEED, "next_url": "feed?page=2"}).encode(), ("feed?page=2",)),
        (json.dumps({**JSON_FEED, "next_url": "http://a/feed"}).encode(), ()),
        (json.dumps({**JSON_FEED, "next_url": None}).encode(), ()),
    ],
)
def test_a_paged_feed_leads_on_but_never_to_itself(body: bytes, further: tuple[str, ...]) -> None:
    assert read_feed(body, "http://a/feed", "").further == further


@pytest.mark.parametrize("body", [b"{", b'{"items": 1}', b"{}", b'{"items": {}}'])
def test_what_is_no_json_feed_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(Permanent) as caught:
        read_feed(body, "http://a/feed", "application/feed+json")
    assert caught.value.reason == "bad_json"


def test_json_feeds_are_known_by_type_or_version() -> None:
    assert "application/feed+json" in FEED_MEDIA_TYPES
    assert looks_like_feed(json.dumps(JSON_FEED).encode())
    assert looks_like_feed(b'{"items": [], "version" : "https:\\/\\/jsonfeed.org\\/version\\/1"}')
    assert not looks_like_feed(b'{"version": "1.1", "items": []}')


@pytest.mark.parametrize("body", [RSS, ATOM, RDF, b"<?xml version='1.0'?><!-- x --><RSS>"])
def test_feeds_look_like_feeds(body: bytes) -> None:
    assert looks_like_feed(body)


@pytest.mark.parametrize("body", [b"", b"<urlset><url/></urlset>", b"<html>", b" " * 3000 + b"<rss>"])
def test_other_documents_do_not(body: bytes) -> None:
    assert not looks_like_feed(body)


@pytest.mark.parametrize("body", [b"", b"   ", b"plain text"])
def test_what_is_no_xml_is_said_to_be_so(body: bytes) -> None:
    with pytest.raises(Permanent) as caught:
        read_feed(body)
    assert caught.value.reason == "bad_xml"


@given(st.binary(max_size=60) | st.text("<>&/itemlnkry \x00é!?[]'\"", max_size=60).map(str.encode))
def test_rubbish_is_read_or_refused_and_nothing_else(body: bytes) -> None:
    for prefix in (b"", b"<rss><item>", b'{"items": ['):
        try:
            assert isinstance(read_feed(prefix + body), Listing)
        except Permanent as error:
            assert error.reason in {"bad_xml", "bad_json", "not_a_feed"}  # noqa: PT017
