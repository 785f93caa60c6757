"""Feeds: the pages that their items lead to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.crawl.discover.feed import looks_like_feed, read_feed
from tidemill.errors import Permanent

RSS = b"""<?xml version="1.0"?><rss version="2.0"><channel><title>t</title><link>http://a/</link>
<item><title>1</title><link> http://a/1 </link><guid>http://a/guid</guid></item>
<item><title>2</title><link><![CDATA[http://a/2?x&y]]></link></item><item><title>none</title></item>
<item><link>http://a/1</link></item></channel></rss>"""
ATOM = b"""<feed xmlns="http://www.w3.org/2005/Atom"><link href="http://a/"/><link rel="self" href="http://a/feed"/>
<entry><link rel="enclosure" href="http://a/x.mp3"/><link href="http://a/1"/><link rel="alternate" href="/2"/></entry>
<entry><id>http://a/id</id></entry></feed>"""
RDF = b"""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">
<channel rdf:about="http://a/"><link>http://a/</link></channel><item rdf:about="http://a/1"><link>http://a/1</link></item></rdf:RDF>"""


@pytest.mark.parametrize(
    ("body", "urls"),
    [
        (RSS, ("http://a/1", "http://a/2?x&y")),
        (ATOM, ("http://a/1", "/2")),
        (RDF, ("http://a/1",)),
        (b"\n \t" + RSS, ("http://a/1", "http://a/2?x&y")),
        (RSS.replace(b"</channel></rss>", b""), ("http://a/1", "http://a/2?x&y")),
        (RSS.replace(b"<title>1</title>", b"<title>Tom & Jerry</title>"), ("http://a/1", "http://a/2?x&y")),
        (b"<html><body><a href='/x'>no feed</a></body></html>", ()),
    ],
)
def test_items(body: bytes, urls: tuple[str, ...]) -> None:
    assert read_feed(body) == urls


@pytest.mark.parametrize("body", [RSS, ATOM, RDF, b"<?xml version='1.0'?><!-- x --><RSS>"])
def test_feeds_look_like_feeds(body: bytes) -> None:
    assert looks_like_feed(body)


@pytest.mark.parametrize("body", [b"", b"<urlset><url/></urlset>", b"<html>", b" " * 3000 + b"<rss>"])
def test_other_documents_do_not(body: bytes) -> None:
    assert not looks_like_feed(body)


@pytest.mark.parametrize("body", [b"", b"   ", b"{}", b"plain text"])
def test_what_is_no_xml_is_said_to_be_so(body: bytes) -> None:
    with pytest.raises(Permanent) as caught:
        read_feed(body)
    assert caught.value.reason == "bad_xml"


@given(st.binary(max_size=60) | st.text("<>&/itemlnkry \x00é!?[]'\"", max_size=60).map(str.encode))
def test_rubbish_is_read_or_refused_and_nothing_else(body: bytes) -> None:
    for prefix in (b"", b"<rss><item>"):
        try:
            assert isinstance(read_feed(prefix + body), tuple)
        except Permanent as error:
            assert error.reason == "bad_xml"  # noqa: PT017
