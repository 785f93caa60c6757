"""Targets that read what servers and files hold besides documents: listings, headers, URLs, encodings, archives.

Bytes come in; a broken law is an `AssertionError`, any other exception a finding. Called by `targets`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from hashlib import sha256
from io import BytesIO

import yarl
from multidict import CIMultiDict, CIMultiDictProxy
from tests.fuzz.laws import NOW, OURS, URL, check_key, check_text, check_time, parts, text_of

from tidemill.archive import pack_format
from tidemill.archive.warc.entry import parse_warc_date
from tidemill.archive.warc.read import read_warc
from tidemill.crawl.directives import directives
from tidemill.crawl.discover.dates import read_feed_time, read_w3c_time
from tidemill.crawl.discover.feed import looks_like_feed, read_feed
from tidemill.crawl.discover.json_api import read_api
from tidemill.crawl.discover.listing import Listing
from tidemill.crawl.discover.sitemap import read_sitemap
from tidemill.crawl.links import LinkReader, Links
from tidemill.crawl.patterns import family
from tidemill.crawl.robots import read_robots
from tidemill.crawl.verdicts import judge, needs_browser
from tidemill.errors import Transient
from tidemill.markup import decode, parse_html
from tidemill.models.host import retry_after_s
from tidemill.models.source import ApiRules
from tidemill.models.url import path_of, url_folder, url_host, url_key, url_origin
from tidemill.net.badge import basic_credential
from tidemill.net.cookies import CookieKeeper
from tidemill.net.decode import content_encoding, open_decoder
from tidemill.net.heads import body_length, parse_request, read_head, response_for_browser, response_status
from tidemill.net.hosts import normal_host
from tidemill.net.response import clean_headers
from tidemill.process.extract.spelled import read_spelled
from tidemill.process.extract.times import iso_with_zone, parse_aware_time, parse_time
from tidemill.process.extract.typed.values import minutes_of, number_of
from tidemill.search.highlight import Wanted, highlight
from tidemill.search.query import parse

_MOST_BODY_BYTES = 4 * 1024 * 1024
_API = ApiRules(items="data.items", url="https://mill.example/articles/{id}", next_url="next")
_COUNTED = ApiRules(url="link", follow=True, page_parameter="page")


def links(data: bytes) -> None:
    """A page as the crawl reads it: its links, its wishes, and whether it is a wall."""
    with suppress(*OURS):
        markup, _ = decode(data, "text/html")
        tree = parse_html(markup)
        found = LinkReader("tidemill").read(tree, URL, {})
        _check_links(found)
        directives(found.robots, {}, "tidemill")
        for status in (200, 403, 503):
            judge(status, {}, tree, markup, URL)
        needs_browser(tree, markup, URL)


def _check_links(found: Links) -> None:
    for key in (*found.pages, *found.feeds, *filter(None, [found.canonical])):
        check_key(key)
    assert found.nofollow <= set(found.pages)


def feed_listing(data: bytes) -> None:
    """A feed as a list of pages."""
    looks_like_feed(data)
    for media_type in ("application/rss+xml", "application/feed+json", ""):
        with suppress(*OURS):
            _check_listing(read_feed(data, URL, media_type))


def sitemap(data: bytes) -> None:
    """A sitemap or an index of them, gzipped or not."""
    with suppress(*OURS):
        _check_listing(read_sitemap(data, max_bytes=_MOST_BODY_BYTES))


def api(data: bytes) -> None:
    """One answer of a paged API."""
    for rules in (_API, _COUNTED):
        with suppress(*OURS):
            _check_listing(read_api(data, "https://mill.example/api?page=2", rules))


def _check_listing(listing: Listing) -> None:
    for listed in listing.pages:
        check_time(listed.modified_at)
        with suppress(*OURS):
            check_key(url_key(listed.url))


def robots(data: bytes) -> None:
    """A robots.txt, asked as us and as others."""
    book = read_robots(data.decode("utf-8", "replace").replace("\0", ""))
    for agent in ("tidemill", "googlebot", "*"):
        rules = book.of(agent)
        rules.can_fetch(URL, agent)
        delay = rules.crawl_delay(agent)
        assert delay is None or float(delay) >= 0 or float(delay) != float(delay)


def charset(data: bytes) -> None:
    """A body with its Content-Type: the text of any bytes."""
    content_type, body = parts(data, 2)
    text, flags = decode(body.encode("latin-1"), content_type)
    assert len(text) <= 4 * len(body) + 4
    assert set(flags) <= {"charset_misdeclared"}


def times(data: bytes) -> None:
    """Everything that a time or a duration may be written as."""
    given = text_of(data)
    check_time(parse_aware_time(given)[0])
    parse_time(given)
    iso_with_zone(given)
    read_spelled(given)
    for read in (read_w3c_time, read_feed_time, parse_warc_date):
        check_time(read(given))
    directives([("robots", f"unavailable_after: {given}")], {}, "tidemill").forbids_index(NOW)
    for number in (minutes_of(given), number_of(given), retry_after_s(given, NOW)):
        assert number is None or number == number


def url(data: bytes) -> None:
    """The identity of a page, and what is derived from it."""
    given = text_of(data)
    with suppress(*OURS):
        key = url_key(given)
        check_key(key)
        assert url_origin(key).endswith(url_host(key))
        assert key.startswith(url_folder(key))
        family(key, 10)
    with suppress(*OURS):
        assert path_of(given).is_absolute()
    with suppress(*OURS):
        host = normal_host(given)
        assert normal_host(host) == host


def headers(data: bytes) -> None:
    """A head of HTTP/1 as the client and the proxy read it, and the headers that we read ourselves."""
    raw = [line.partition(b":")[::2] for line in data.split(b"\n")]
    named = CIMultiDictProxy(CIMultiDict((name.decode("latin-1"), value.decode("latin-1")) for name, value in raw))
    with suppress(*OURS):
        clean = clean_headers(raw, named, 65_536)
        _check_links(LinkReader("tidemill").read(parse_html("<p>x"), URL, clean))
        directives([], clean, "tidemill").forbids_index(NOW)
        decode(b"x", clean.get("Content-Type", ""))
        content_encoding(clean.getall("Content-Encoding", []))
    retry_after_s(named.get("Retry-After", ""), NOW)
    basic_credential(named.get("Authorization"))
    with suppress(*OURS, Transient):
        _check_head(asyncio.run(_lines(data, named.getall("Set-Cookie", []))))


async def _lines(data: bytes, cookies: list[str]) -> tuple[bytes, ...]:
    """The lines of the head; what needs a loop is done on the way."""
    keeper = CookieKeeper()
    keeper.keep(cookies, yarl.URL(URL))
    keeper.cookies_for(yarl.URL(URL))
    reader = asyncio.StreamReader(limit=65_536)
    reader.feed_data(data)
    reader.feed_eof()
    return await read_head(reader, 65_536)


def _check_head(lines: tuple[bytes, ...]) -> None:
    with suppress(*OURS, Transient):
        response_status(lines)
        written = response_for_browser(lines)
        assert written.endswith(b"\r\n\r\n")
        assert b"\r\n\r\n" not in written[:-4]
    assert body_length(parse_request(lines)) >= 0


def encoding(data: bytes) -> None:
    """A body under one of the content encodings, in two pieces."""
    name, body = parts(data, 2)
    with suppress(*OURS, Transient):
        decoder = open_decoder(content_encoding([name]), max_bytes=_MOST_BODY_BYTES, max_inflation=200)
        raw = body.encode("latin-1")
        for piece in (raw[: len(raw) // 2], raw[len(raw) // 2 :]):
            decoder.feed(piece)
        assert len(decoder.finish()) == decoder.size <= _MOST_BODY_BYTES


def warc(data: bytes) -> None:
    """A WARC file of any tool."""
    skipped: Counter[str] = Counter()
    with suppress(*OURS):
        for entry in read_warc(BytesIO(data), max_body_bytes=_MOST_BODY_BYTES, skipped=skipped):
            assert len(entry.body) <= _MOST_BODY_BYTES
            assert entry.fetched_at.tzinfo is not None
            for name, value in entry.headers:
                check_text(name + value)
            check_text(entry.url)


def pack(data: bytes) -> None:
    """A pack of the archive: records that are found can be cut out, and those that can be read are what they say."""
    found = list(pack_format.scan(BytesIO(data), 0, len(data)))
    end = 0
    for record in found:
        assert end <= record.offset
        end = record.offset + record.length
        assert end <= len(data)
        with suppress(pack_format.Damaged):
            body = pack_format.decode(data[record.offset : end], record.digest)
            assert sha256(body).digest() == record.digest


def query(data: bytes) -> None:
    """What people type into the search box, and the marking of it in a text."""
    given = text_of(data)
    parse(given)
    words = tuple(given.lower().split()[:20])
    wanted = Wanted(forms=frozenset(words), prefixes=words, sequences=(words,) if words else ())
    for fragment in highlight(given, wanted):
        assert "<script" not in fragment.lower()
