"""Sitemaps as they are found: XML, index, text, gzip; and what strangers put in their place."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.crawl.discover.listing import Listed, Listing
from tidemill.crawl.discover.sitemap import read_sitemap
from tidemill.errors import Permanent
from tidemill.markup import bounds

NAMESPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
ONE = f"<urlset {NAMESPACE}><url><loc> http://a/1 </loc><lastmod>2026-01-01</lastmod></url><url><loc>http://a/2</loc></url></urlset>"


DAY_END = datetime(2026, 1, 1, 23, 59, 59, tzinfo=UTC)
"""What the `<lastmod>` of the first page says: it may change until its day is over."""


def read(body: str | bytes, max_bytes: int = 1_000_000) -> Listing:
    return read_sitemap(body.encode() if isinstance(body, str) else body, max_bytes=max_bytes)


def urls(body: str | bytes, max_bytes: int = 1_000_000) -> tuple[str, ...]:
    return tuple(page.url for page in read(body, max_bytes).pages)


def modified(text: str) -> datetime | None:
    return read(f"<urlset><url><loc>http://a/1</loc><lastmod>{text}</lastmod></url></urlset>").pages[0].modified_at


@pytest.mark.parametrize(
    "body",
    [
        ONE,
        f'<?xml version="1.0" encoding="UTF-8"?>\n{ONE}',
        f"\ufeff  \n{ONE}",
        ONE.replace(f" {NAMESPACE}", ""),
        ONE.upper().replace("HTTP://A/", "http://a/").replace(NAMESPACE.upper(), ""),
        ONE.replace("</url></urlset>", ""),
        ONE.replace("<url>", "<!-- x --><url><title>Tom & Jerry &nbsp;</title>", 1),
        ONE.replace("<url>", "\x00\x01<url>", 1),
        ONE.replace("</url>", ""),
        ONE.replace(
            "<loc> http://a/1 </loc><lastmod>2026-01-01</lastmod>", "<lastmod>2026-01-01</lastmod><loc>http://a/1</loc>"
        ),
        ONE.encode("utf-16"),
        f'<?xml version="1.0" encoding="UTF-16"?>{ONE}'.encode("utf-16"),
    ],
)
def test_pages(body: str | bytes) -> None:
    assert read(body) == Listing(pages=(Listed("http://a/1", DAY_END), Listed("http://a/2")))


@pytest.mark.parametrize("body", ["http://a/1\nhttp://a/2\n", "\ufeffhttp://a/1\r\n\r\n# no\r\nhttp://a/2"])
def test_pages_of_a_text(body: str) -> None:
    assert read(body) == Listing(pages=(Listed("http://a/1"), Listed("http://a/2")))


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026", datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("2024-02", datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)),
        ("2026-12", datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (" 2026-01-01\n", DAY_END),
        ("2026-01-01T10:30Z", datetime(2026, 1, 1, 10, 30, tzinfo=UTC)),
        ("2026-01-01T10:30:20+02:00", datetime(2026, 1, 1, 8, 30, 20, tzinfo=UTC)),
        ("2026-01-01T10:30:20.123456789-0530", datetime(2026, 1, 1, 16, 0, 20, 123456, tzinfo=UTC)),
        ("2026-01-01 10:30:20", datetime(2026, 1, 1, 10, 30, 20, tzinfo=UTC)),
        *(
            (junk, None)
            for junk in ("", "yesterday", "2026-13-01", "2026-02-30", "01/02/2026", "20260101", "0001-01-01")
        ),
        *(
            (junk, None)
            for junk in ("2026-01-01T25:00Z", "2026-01-01T10:00:00+99:00", "9" * 5000, "-2026-01-01", "2026-1-1")
        ),
        ("9999-12-31T23:59:59-12:00", None),
    ],
)
def test_lastmod_is_the_latest_moment_that_it_can_mean(text: str, time: datetime | None) -> None:
    assert modified(text) == time


@given(st.datetimes(min_value=datetime(1990, 1, 1), timezones=st.timezones() | st.just(UTC)))  # noqa: DTZ001
def test_every_time_that_is_written_by_the_book_is_read(time: datetime) -> None:
    offset = time.utcoffset()
    if (
        offset is not None
        and not offset.seconds % 60
        and datetime(1990, 1, 2, tzinfo=UTC) < time < datetime(9999, 1, 1, tzinfo=UTC)
    ):
        assert modified(time.isoformat()) == time.astimezone(UTC)


@given(st.dates(min_value=datetime(1990, 1, 1).date(), max_value=datetime(9998, 1, 1).date()))  # noqa: DTZ001
def test_the_shorter_a_date_the_later_it_is(day: object) -> None:
    year, month, whole = (modified(str(day)[:length]) for length in (4, 7, 10))
    assert year is not None and month is not None and whole is not None  # noqa: PT018
    assert year >= month >= whole


def test_lastmod_of_one_entry_is_not_that_of_the_next() -> None:
    body = "<urlset><url><loc>http://a/1</loc><lastmod>2026-01-01</lastmod><url><loc>http://a/2</loc></url></urlset>"
    assert read(body).pages == (Listed("http://a/1", DAY_END), Listed("http://a/2"))


def test_an_index_lists_sitemaps() -> None:
    index = f"<sitemapindex {NAMESPACE}><sitemap><loc>http://a/s1.xml</loc></sitemap><sitemap><loc>/s2</loc></sitemap></sitemapindex>"
    assert read(index) == Listing(further=("http://a/s1.xml", "/s2"))


@pytest.mark.parametrize("gzipped", [False, True])
def test_a_feed_may_stand_in_its_place(gzipped: bool) -> None:
    feed = b"""<rss version="2.0"><channel><link>http://a/</link><item><link>http://a/1</link>
    <pubDate>Thu, 01 Jan 2026 23:59:59 GMT</pubDate></item></channel></rss>"""
    assert read(gzip.compress(feed) if gzipped else feed) == Listing(pages=(Listed("http://a/1", DAY_END),))


def test_a_sitemap_that_speaks_of_feeds_is_none() -> None:
    assert urls("<urlset><!-- <feed> --><url><loc>http://a/1</loc></url></urlset>") == ("http://a/1",)


def test_pictures_and_entities_of_other_kinds_are_no_pages() -> None:
    body = f"""<urlset {NAMESPACE} xmlns:image="http://www.google.com/schemas/sitemap-image/1.1"><url><loc>http://a/1?x&amp;y</loc>
    <image:image><image:loc>http://a/i.png</image:loc></image:image></url><loc>http://a/stray</loc><url><loc></loc></url></urlset>"""
    assert read(body) == Listing(pages=(Listed("http://a/1?x&y"),))


def test_ampersands_that_nobody_escaped_belong_to_the_url() -> None:
    locs = "".join(f"<url><loc>{url}</loc></url>" for url in ("http://a/?x&y=1&copy=2", "<![CDATA[http://a/?x&y]]>"))
    assert urls(f"<urlset>{locs}</urlset>") == ("http://a/?x&y=1&copy=2", "http://a/?x&y")


def test_gzip_in_one_member_and_in_several() -> None:
    assert urls(gzip.compress(ONE.encode())) == ("http://a/1", "http://a/2")
    cut = len(ONE) // 2
    members = gzip.compress(ONE[:cut].encode()) + gzip.compress(ONE[cut:].encode()) + b"\0\0padding"
    assert urls(members) == ("http://a/1", "http://a/2")


@pytest.mark.thorough
@pytest.mark.parametrize("members", [1, 3])
def test_a_bomb_is_refused_before_it_goes_off(members: int) -> None:
    bomb = gzip.compress(b" " * 10_000_000) * members
    with pytest.raises(Permanent, match="more than 1000000 bytes") as caught:
        read(bomb)
    assert caught.value.reason == "too_large"


def test_what_inflates_to_exactly_the_limit_is_read() -> None:
    assert urls(gzip.compress(ONE.encode()), max_bytes=len(ONE)) == ("http://a/1", "http://a/2")
    with pytest.raises(Permanent):
        read(gzip.compress(ONE.encode()), max_bytes=len(ONE) - 1)


def test_broken_gzip_is_said_to_be_so() -> None:
    with pytest.raises(Permanent) as caught:
        read(b"\x1f\x8b\x08\x00 this is no gzip")
    assert caught.value.reason == "bad_encoding"


@pytest.mark.parametrize("body", ["<", "<<<", "<?xml version='1.0'?>"])
def test_what_is_no_xml_is_said_to_be_so(body: str) -> None:
    with pytest.raises(Permanent) as caught:
        read(body)
    assert caught.value.reason == "bad_xml"


def test_entities_are_neither_fetched_nor_multiplied(tmp_path_factory: pytest.TempPathFactory) -> None:
    secret = tmp_path_factory.mktemp("s") / "secret"
    secret.write_text("http://secret/")
    lol = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
    body = f"""<!DOCTYPE urlset [<!ENTITY file SYSTEM "file://{secret}"><!ENTITY l0 "http://lol/">{lol}]>
    <urlset><url><loc>&file;</loc></url><url><loc>&l9;</loc></url><url><loc>http://a/1</loc></url></urlset>"""
    assert urls(body) == ("&file;", "&l9;", "http://a/1")


@pytest.mark.parametrize("body", ["<urlset/>", "<sitemapindex></sitemapindex>", "<x:urlset xmlns:x='y'/>"])
def test_an_empty_sitemap_is_one(body: str) -> None:
    assert urls(body) == ()


@given(st.binary(max_size=60) | st.text("<>&/urlocset \x00é!?[]'\"", max_size=60).map(str.encode))
def test_rubbish_is_read_or_refused_and_nothing_else(body: bytes) -> None:
    for prefix in (b"", b"<urlset>", b"\x1f\x8b"):
        try:
            assert isinstance(read(prefix + body), Listing)
        except Permanent as error:
            assert error.reason in {"bad_xml", "bad_encoding", "too_large", "not_a_sitemap"}  # noqa: PT017


def test_cdata_that_nobody_closes_is_looked_for_once() -> None:
    body = f"<urlset><url><loc>http://a/?x=1&y=2</loc></url>{'<![CDATA[' * 200_000}"
    assert urls(body) == ("http://a/?x=1&y=2",)  # took minutes once


def test_a_file_of_nothing_but_gzip_members_is_refused() -> None:
    with pytest.raises(Permanent, match="members") as caught:
        read(gzip.compress(b"") * 2_000)
    assert caught.value.reason == "bad_encoding"


@pytest.mark.parametrize("filler", [b"<a/>", b"& "])
def test_what_would_take_all_memory_is_refused_before_it_is_parsed(
    filler: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "MOST_TAGS", 1_000)
    monkeypatch.setattr(bounds, "MOST_STRAY_AMPERSANDS", 1_000)
    assert read(b"<urlset>" + filler * 900 + b"&amp;" * 2_000).pages == ()
    with pytest.raises(Permanent) as caught:
        read(b"<urlset>" + filler * 1_001)
    assert caught.value.reason == "too_large"
