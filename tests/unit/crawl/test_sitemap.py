"""Sitemaps as they are found: XML, index, text, gzip; and what strangers put in their place."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.crawl.discover.sitemap import Sitemap, read_sitemap
from tidemill.errors import Permanent

NAMESPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
ONE = f"<urlset {NAMESPACE}><url><loc> http://a/1 </loc><lastmod>2026-01-01</lastmod></url><url><loc>http://a/2</loc></url></urlset>"


def read(body: str | bytes, max_bytes: int = 1_000_000) -> Sitemap:
    return read_sitemap(body.encode() if isinstance(body, str) else body, max_bytes=max_bytes)


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
        "http://a/1\nhttp://a/2\n",
        "\ufeffhttp://a/1\r\n\r\n# no\r\nhttp://a/2",
    ],
)
def test_pages(body: str) -> None:
    assert read(body) == Sitemap(pages=("http://a/1", "http://a/2"), sitemaps=())


def test_an_index_lists_sitemaps() -> None:
    index = f"<sitemapindex {NAMESPACE}><sitemap><loc>http://a/s1.xml</loc></sitemap><sitemap><loc>/s2</loc></sitemap></sitemapindex>"
    assert read(index) == Sitemap(pages=(), sitemaps=("http://a/s1.xml", "/s2"))


def test_pictures_and_entities_of_other_kinds_are_no_pages() -> None:
    body = f"""<urlset {NAMESPACE} xmlns:image="http://www.google.com/schemas/sitemap-image/1.1"><url><loc>http://a/1?x&amp;y</loc>
    <image:image><image:loc>http://a/i.png</image:loc></image:image></url><loc>http://a/stray</loc><url><loc></loc></url></urlset>"""
    assert read(body) == Sitemap(pages=("http://a/1?x&y",), sitemaps=())


def test_ampersands_that_nobody_escaped_belong_to_the_url() -> None:
    locs = "".join(f"<url><loc>{url}</loc></url>" for url in ("http://a/?x&y=1&copy=2", "<![CDATA[http://a/?x&y]]>"))
    assert read(f"<urlset>{locs}</urlset>").pages == ("http://a/?x&y=1&copy=2", "http://a/?x&y")


def test_gzip_in_one_member_and_in_several() -> None:
    assert read(gzip.compress(ONE.encode())).pages == ("http://a/1", "http://a/2")
    cut = len(ONE) // 2
    members = gzip.compress(ONE[:cut].encode()) + gzip.compress(ONE[cut:].encode()) + b"\0\0padding"
    assert read(members).pages == ("http://a/1", "http://a/2")


@pytest.mark.parametrize("members", [1, 3])
def test_a_bomb_is_refused_before_it_goes_off(members: int) -> None:
    bomb = gzip.compress(b" " * 10_000_000) * members
    with pytest.raises(Permanent, match="more than 1000000 bytes") as caught:
        read(bomb)
    assert caught.value.reason == "too_large"


def test_what_inflates_to_exactly_the_limit_is_read() -> None:
    assert read(gzip.compress(ONE.encode()), max_bytes=len(ONE)).pages == ("http://a/1", "http://a/2")
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
    assert read(body).pages == ("&file;", "&l9;", "http://a/1")


@given(st.binary(max_size=60) | st.text("<>&/urlocset \x00é!?[]'\"", max_size=60).map(str.encode))
def test_rubbish_is_read_or_refused_and_nothing_else(body: bytes) -> None:
    for prefix in (b"", b"<urlset>", b"\x1f\x8b"):
        try:
            assert isinstance(read(prefix + body), Sitemap)
        except Permanent as error:
            assert error.reason in {"bad_xml", "bad_encoding", "too_large"}  # noqa: PT017
