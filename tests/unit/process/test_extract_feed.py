"""A feed gives one document for each of its entries, whatever its format; rubbish is refused with a reason."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.process.pages import capture

from tidemill.errors import Permanent
from tidemill.models.document import Draft
from tidemill.models.source import ProcessRules
from tidemill.process.extract import feed_xml
from tidemill.process.extract.feed import extract_feed
from tidemill.process.extract.page import Page

NOON = datetime(2026, 4, 3, 12, tzinfo=UTC)
SPACES = (
    'xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:media="http://search.yahoo.com/mrss/" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"'
)
LONG = "The mill turns again after ninety years, and the first flour was ground in April."


def read(body: str | bytes, media_type: str = "application/rss+xml", rules: ProcessRules | None = None) -> list[Draft]:
    page = Page(
        capture("https://mill.example/feed", media_type),
        body if isinstance(body, bytes) else body.encode(),
        rules or ProcessRules(),
    )
    return list(extract_feed(page))


def rss(*items: str, channel: str = "<title>Mill News</title><language>en-GB</language>") -> str:
    each = "".join(f"<item>{item}</item>" for item in items)
    return f'<?xml version="1.0"?><rss version="2.0" {SPACES}><channel>{channel}{each}</channel></rss>'


def atom(*entries: str, head: str = "<title>Mill News</title>", attributes: str = "") -> str:
    each = "".join(f"<entry>{entry}</entry>" for entry in entries)
    return f'<feed xmlns="http://www.w3.org/2005/Atom" {attributes}>{head}{each}</feed>'


def one(body: str, media_type: str = "application/rss+xml") -> Draft:
    (only,) = read(body, media_type)
    return only


def test_an_item_of_rss_with_all_that_it_may_have() -> None:
    found = one(
        rss(
            "<title>Tide &amp;amp; mill</title><link>/news/1</link><guid isPermaLink='false'>n1</guid>"
            f"<description>In short</description><content:encoded><![CDATA[<h2>Flour</h2><p>{LONG}</p>"
            f"<ul><li>One <a href='/x'>link</a></li></ul>]]></content:encoded>"
            "<dc:creator>Ann Weir</dc:creator><pubDate>Fri, 03 Apr 2026 08:00:00 EDT</pubDate>"
            "<category>mills</category><category>tides</category>"
            "<enclosure url='/a.mp3' type='audio/mpeg' length='123'/><media:thumbnail url='/a.jpg'/>"
        )
    )
    assert (found.kind, found.title, found.author) == ("article", "Tide & mill", "Ann Weir")
    assert (found.published_at, found.modified_at, found.flags) == (NOON, None, ())
    assert (found.canonical_url, found.image_url) == ("https://mill.example/news/1", "https://mill.example/a.jpg")
    assert (found.site_name, found.language, found.tags) == ("Mill News", "en", ("mills", "tides"))
    assert LONG in found.content
    assert "<" not in found.content
    assert "## Flour" in found.markdown
    assert "[link](https://mill.example/x)" in found.markdown
    assert found.summary == "In short"
    assert found.fields == {
        "id": "n1",
        "enclosures": [{"url": "https://mill.example/a.mp3", "type": "audio/mpeg", "size_bytes": 123}],
    }
    assert found.provenance["content"] == "rss@1 content:encoded"
    assert found.provenance["author"] == "rss@1 dc:creator"
    assert found.provenance["site_name"] == "rss@1 feed title"


def test_an_entry_of_atom() -> None:
    found = one(
        atom(
            "<id>tag:1</id><title type='html'>A &lt;b&gt;mill&lt;/b&gt;</title><link rel='edit' href='/edit'/>"
            "<link href='1'/><link rel='enclosure' href='/a.pdf' type='application/pdf'/>"
            "<updated>2026-04-03T14:00:00+02:00</updated><published>2026-04-03T12:00:00Z</published>"
            "<author><name>Ann</name></author><author><name>Bo</name></author><category term='m' label='mills'/>"
            f"<summary>In short</summary><content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'><p>{LONG}</p>"
            "<p>2 &lt; 3</p></div></content>",
            head="<title>Mill News</title><author><name>Staff</name></author>",
            attributes="xml:lang='es' xml:base='https://mill.example/news/'",
        ),
        "application/atom+xml",
    )
    assert (found.title, found.author, found.language) == ("A mill", "Ann, Bo", "es")
    assert found.canonical_url == "https://mill.example/news/1"
    assert (found.published_at, found.modified_at) == (NOON, NOON)
    assert LONG in found.content
    assert "2 < 3" in found.content
    assert found.tags in {("mills",), ("m",)}
    assert found.provenance["content"] == "atom@1 content"


def test_an_item_of_a_json_feed() -> None:
    said = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "Mill News",
        "language": "en",
        "authors": [{"name": "Staff"}],
        "items": [
            {
                "id": 7,
                "url": "/1",
                "title": "A mill",
                "content_html": f"<p>{LONG}</p>",
                "date_published": "2026-04-03T12:00:00Z",
                "tags": ["mills", 5],
                "attachments": [{"url": "/a.mp3", "mime_type": "audio/mpeg", "size_in_bytes": 9}, "junk"],
            },
            {"id": "https://mill.example/2", "content_text": "1 <b> 2"},
            "junk",
        ],
    }
    first, second = read(json.dumps(said), "application/feed+json")
    assert (first.title, first.author, first.canonical_url) == ("A mill", "Staff", "https://mill.example/1")
    assert (first.published_at, first.tags, first.content) == (NOON, ("mills",), LONG)
    assert first.fields["enclosures"] == [{"url": "https://mill.example/a.mp3", "type": "audio/mpeg", "size_bytes": 9}]
    assert first.provenance["author"] == "jsonfeed@1 feed authors"
    assert (second.canonical_url, second.content) == ("https://mill.example/2", "1 <b> 2")


def test_an_rdf_feed() -> None:
    found = one(
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>Mill News</title></channel>'
        "<item><title>A mill</title><link>https://mill.example/1</link><dc:date>2026-04-03T12:00:00Z</dc:date></item>"
        "</rdf:RDF>",
        "application/rdf+xml",
    )
    assert (found.title, found.site_name, found.published_at) == ("A mill", "Mill News", NOON)


def test_an_entry_keeps_its_key_when_all_but_its_identifier_changes() -> None:
    first = one(rss("<guid>g</guid><title>a</title>"))
    assert first.item_key == one(rss("<guid>g</guid><title>b</title><link>/b</link>")).item_key
    assert first.item_key != one(rss("<guid>h</guid><title>a</title>")).item_key
    assert one(rss("<link>/a</link><title>a</title>")).item_key == one(rss("<link>/a</link><title>b</title>")).item_key
    assert len(read(rss("<title>a</title>", "<title>b</title>", "<title>a</title>"))) == 2


def test_a_date_without_a_zone_is_read_in_that_of_the_source_and_marked() -> None:
    item = "<title>x</title><pubDate>Fri, 03 Apr 2026 14:00:00</pubDate>"
    (found,) = read(rss(item), rules=ProcessRules(time_zone="Europe/Madrid"))
    assert (found.published_at, found.flags) == (NOON, ("zone_assumed",))


@pytest.mark.parametrize(
    ("item", "author"),
    [
        ("<author>ann@mill.example (Ann Weir)</author>", "Ann Weir"),
        ("<author>ann@mill.example</author>", None),
        ("<author>Ann Weir</author>", "Ann Weir"),
        ("<itunes:author>Ann</itunes:author><dc:creator>Ann</dc:creator><dc:creator>Bo</dc:creator>", "Ann, Bo"),
    ],
)
def test_authors_are_names(item: str, author: str | None) -> None:
    assert one(rss(f"<title>x</title>{item}")).author == author


@pytest.mark.parametrize(
    ("item", "url"),
    [
        ("<guid>https://mill.example/g</guid>", "https://mill.example/g"),
        ("<guid isPermaLink='false'>https://mill.example/g</guid>", None),
        ("<link>javascript:alert(1)</link>", None),
        ("<link>http://[</link>", None),
    ],
)
def test_the_address_of_an_item(item: str, url: str | None) -> None:
    assert one(rss(f"<title>x</title>{item}")).canonical_url == url


def test_a_description_is_the_text_of_an_item_that_has_no_other() -> None:
    found = one(rss(f"<title>x</title><description>&lt;p&gt;{LONG}&lt;/p&gt;</description>"))
    assert (found.content, found.summary) == (LONG, None)
    assert found.provenance["content"] == "rss@1 description"


def test_markup_that_no_parser_is_given_costs_only_its_entry() -> None:
    hostile = "&lt;div&gt;" * 20_000
    first, second = read(rss(f"<title>x</title><description>{hostile}</description>", "<title>good</title>"))
    assert (first.title, first.content, first.problems) == ("x", "", ("nesting_too_deep",))
    assert (second.title, second.problems) == ("good", ())


def test_a_long_feed_is_cut_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_xml, "MAX_ENTRIES", 2)
    assert [draft.flags for draft in read(rss(*(f"<title>{n}</title>" for n in range(3))))] == [("truncated",)] * 2
    assert [draft.flags for draft in read(rss(*(f"<title>{n}</title>" for n in range(2))))] == [()] * 2


def test_a_feed_that_breaks_off_gives_what_came() -> None:
    whole = rss("<title>a</title><description>one</description>", "<title>b</title>")
    cut = whole[: whole.index("<title>b") + 6]
    assert [draft.title for draft in read(cut)] == ["a"]


@pytest.mark.parametrize("body", [rss(), atom(), "<rss/>", '{"items": []}'])
def test_a_feed_without_entries_gives_none(body: str) -> None:
    assert read(body) == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "bad_xml"),
        (b"no xml", "bad_xml"),
        (bytes(range(256)) * 50, "bad_xml"),
        (b"<html><p>x</p></html>", "not_a_feed"),
        (b'<urlset><url><loc>https://mill.example/</loc></url></urlset>', "not_a_feed"),
        (b'{"items": 5}', "not_a_feed"),
        (b'{"items": [', "bad_json"),
        (b"{" + b"[" * 3_000_000, "too_large"),
        (b"<rss><channel>" + b"<a>" * 5_100_000, "too_large"),
    ],
)  # fmt: skip
def test_what_is_no_feed_is_said_to_be_none(body: bytes, reason: str) -> None:
    with pytest.raises(Permanent) as caught:
        read(body)
    assert caught.value.reason == reason


def test_elements_that_html_does_not_have_are_only_their_text() -> None:
    entry = "<title>x</title><content type='xhtml'><a:b>one</a:b><c-03T10:00Z>two</c-03T10:00Z></content>"
    assert one(atom(entry)).content == "onetwo"


def test_entities_are_not_resolved() -> None:
    bomb = (
        '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c SYSTEM "file:///etc/passwd">]>'
        + rss("<title>x &b;&c;</title><description>y</description>").partition("?>")[2]
    )
    assert [draft.title for draft in read(bomb)] in (["x"], ["x &b;&c;"])


PART = st.text(max_size=9) | st.sampled_from(
    [
        *(
            "<rss>",
            "<channel>",
            "<item>",
            "</item>",
            "<entry>",
            "</entry>",
            "<title>x</title>",
            "<link href='http://['/>",
        ),
        *(
            "<guid>",
            "<content type='xhtml'><p>",
            "]]>",
            "<![CDATA[",
            "&amp;",
            "&x;",
            "<media:content url='x'/>",
            "{",
            "}",
        ),
        *('"items":', "[", "]", '"id":', '"x",', "<author>a@b (c)</author>", "<pubDate>2026</pubDate>", "<!--", "<?x"),
    ]
)


@given(st.lists(PART, max_size=14))
def test_rubbish_is_read_or_refused_and_nothing_else(parts: list[str]) -> None:
    try:
        drafts = read("".join(parts).encode("utf-8", "replace"))
    except Permanent as error:
        assert error.reason in {"bad_xml", "bad_json", "not_a_feed"}  # noqa: PT017
    else:
        assert all(draft.title or draft.content for draft in drafts)
