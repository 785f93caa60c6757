"""Links: everything that leads on, once, as canonical URLs; and a cache that never shows."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import urljoin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidemill.crawl.links import LinkReader, Links
from tidemill.errors import Invalid
from tidemill.markup.parse import parse_html
from tidemill.models.url import url_key

PAGE = "http://a.example/docs/guide/page.html?v=1"


def read(markup: str, url: str = PAGE) -> Links:
    return LinkReader().read(parse_html(markup), url)


def link(href: str, url: str = PAGE) -> tuple[str, ...]:
    return read(f'<a href="{href}">x</a>', url).pages


@pytest.mark.parametrize(
    ("href", "leads_to"),
    [
        ("next.html", "http://a.example/docs/guide/next.html"),
        ("./next.html", "http://a.example/docs/guide/next.html"),
        ("../", "http://a.example/docs/"),
        ("../../../../x", "http://a.example/x"),
        ("/top", "http://a.example/top"),
        ("//b.example/x", "http://b.example/x"),
        ("https://b.example/x#y", "https://b.example/x"),
        ("?v=2", "http://a.example/docs/guide/page.html?v=2"),
        (" ?v=2", "http://a.example/docs/guide/page.html?v=2"),
        ("next.html#part", "http://a.example/docs/guide/next.html"),
        (" \n next.html \t", "http://a.example/docs/guide/next.html"),
        ("\\x\\y", "http://a.example/x/y"),
        ("\\\\b.example\\x", "http://b.example/x"),
        ("ne\nxt.html", "http://a.example/docs/guide/next.html"),
        ("x y.html", "http://a.example/docs/guide/x%20y.html"),
        ("HTTP://A.example/%7Ex", "http://a.example/~x"),
        ("a:b", None),
        ("", None),
        (" ", None),
        ("#top", None),
        (" #top", None),
        ("\x01#top", None),
        ("mailto:me@a.example", None),
        ("JavaScript:void(0)", None),
        ("  javascript:void(0)", None),
        ("java\nscript:void(0)", None),
        ("tel:+49", None),
        ("data:text/html,x", None),
        ("ftp://a.example/x", None),
        ("file:///etc/passwd", None),
        ("//", None),
        ("/\\", None),
        ("//?x", None),
        ("http:", None),
        ("http://", None),
        ("HTTPS:///?x", None),
        (";", "http://a.example/docs/guide/page.html?v=1"),
        (";x", "http://a.example/docs/guide/;x"),
        ("http://[", None),
        ("http://a b/", None),
    ],
)
def test_hrefs(href: str, leads_to: str | None) -> None:
    assert link(href) == ((leads_to,) if leads_to else ())


def test_every_kind_of_link_in_the_order_of_the_page_and_once() -> None:
    markup = """
    <head><link rel="canonical" href="/canonical"><link rel="next" href="/next"><link rel=prev href=/prev>
    <link rel="stylesheet" href="/style.css"><link rel="icon" href="/icon.png"><link rel="preload" href="/x.js">
    <link rel="alternate" hreflang="es" href="/es"><link rel="alternate stylesheet" href="/other.css">
    <link rel="alternate" type="application/json" href="/x.json"><link rel="amphtml" href="/amp">
    <meta http-equiv="Refresh" content="5; URL='/moved'"></head>
    <body><a href="/a">1</a><a href="/a#again">2</a><a name="x">3</a><area href="/area"><iframe src="/inner"></iframe>
    <img src="/i.png"><script src="/s.js"></script><form action="/post"></form><a href="/b">4</a></body>"""
    paths = [url.removeprefix("http://a.example") for url in read(markup).pages]
    assert paths == ["/canonical", "/next", "/prev", "/es", "/amp", "/a", "/area", "/inner", "/b", "/moved"]


def test_frames() -> None:
    assert read('<frameset><frame src="left.html"><frame src="right.html"></frameset>', "http://a.example/").pages == (
        "http://a.example/left.html",
        "http://a.example/right.html",
    )


@pytest.mark.parametrize(
    ("content", "leads_to"),
    [
        ("0;url=/x", "/x"),
        ("0; URL = /x", "/x"),
        ('0;url="/x"', "/x"),
        ("0.5,/x", "/x"),
        (";/x", "/x"),
        ("5", None),
        ("", None),
        ("soon", None),
    ],
)
def test_meta_refresh(content: str, leads_to: str | None) -> None:
    found = read(f"<meta http-equiv=refresh content='{content}'>").pages
    assert found == ((f"http://a.example{leads_to}",) if leads_to else ())


def test_other_meta_elements_lead_nowhere() -> None:
    assert read('<meta http-equiv="x" content="0;url=/x"><meta name="refresh" content="0;url=/y">').pages == ()


def test_feeds_are_told_apart_from_pages() -> None:
    links = read(
        '<link rel="alternate" type="application/rss+xml" href="/rss"><link rel="ALTERNATE" type="Application/Atom+XML"'
        ' href="atom.xml"><a href="/rss">our feed</a><link rel="alternate" type="application/feed+json" href="/f.json">'
    )
    assert links.feeds == ("http://a.example/rss", "http://a.example/docs/guide/atom.xml")
    assert links.pages == ()


@pytest.mark.parametrize(
    ("base", "leads_to"),
    [
        ("/other/", "http://a.example/other/x"),
        ("https://b.example/y/z?q", "https://b.example/y/x"),
        ("sub/", "http://a.example/docs/guide/sub/x"),
        ("", "http://a.example/docs/guide/x"),
        ("javascript:0", "http://a.example/docs/guide/x"),
        ("http://[", "http://a.example/docs/guide/x"),
    ],
)
def test_the_base_of_a_page(base: str, leads_to: str) -> None:
    assert read(f'<base href="{base}"><a href="x">x</a>').pages == (leads_to,)


def test_only_the_first_base_counts() -> None:
    assert read('<base target="_top"><base href="/1/"><base href="/2/"><a href="x">').pages == ("http://a.example/1/x",)


HREFS = st.one_of(
    st.sampled_from(
        ["x", "../x", "/x", "//b/x", "?q=1", "#f", "", " ", ".", "..", "./", "x/../y", ";", ";p", "x;p?q#f", "a:b"]
    ),
    st.sampled_from([" ?q", "\n#f", "http://c/", "https:x", "http:x", "\\x", "%2e%2e/x", "é", "x y", "\x00x", "\xa0"]),
    st.lists(st.sampled_from(list("ab/.?#;:%\\ \n\t=&é")), max_size=8).map("".join),
)
BASES = st.sampled_from(
    ["http://a/", "http://a/x", "http://a/d/", "http://a/d/x.html", "http://a/d/x.html?q=/r/", "https://b:81/d/e/f/"]
)


def expected(base: str, href: str) -> str | None:
    """What joining with the page itself gives, but for hrefs that stay on the page or name no host."""
    text = href.strip("".join(map(chr, range(0x21)))).replace("\\", "/")
    if not text or text[0] == "#" or (text[:2] == "//" and text.strip("/")[:1] in ("", "?", "#", ";")):
        return None
    with suppress(Invalid, ValueError):
        return url_key(urljoin(base, text))
    return None


@settings(max_examples=50)
@given(st.lists(st.tuples(BASES, HREFS), min_size=1, max_size=12))
def test_the_cache_changes_nothing(asked: list[tuple[str, str]]) -> None:
    reader = LinkReader()
    tree = parse_html("<a></a>")
    for base, href in asked + asked:
        tree = parse_html("<a href=x>y</a>")
        tree.css_first("a").attrs["href"] = href
        if tree.css_first("a").attributes["href"] != href:
            continue  # the parser's own cleaning comes before ours
        found = expected(base, href)
        assert reader.read(tree, base).pages == ((found,) if found else ())


def test_a_full_cache_is_emptied_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidemill.crawl.links._CACHE_SIZE", 2)
    reader = LinkReader()
    for _ in range(2):
        for number in range(5):
            tree = parse_html(f"<a href=x{number}>y</a>")
            assert reader.read(tree, "http://a/d/").pages == (f"http://a/d/x{number}",)
