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
        ("x #part", "http://a.example/docs/guide/x%20"),
        ("x\t#part", "http://a.example/docs/guide/x"),
        ("?#part", "http://a.example/docs/guide/page.html?v=1"),
        ("#a#b", None),
        ("http:#x", None),
        ("http:x", "http://a.example/docs/guide/x"),
        ("httpd.html", "http://a.example/docs/guide/httpd.html"),
        ("x" * 4096, None),
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
    assert links.feeds == (
        "http://a.example/rss",
        "http://a.example/docs/guide/atom.xml",
        "http://a.example/f.json",
    )
    assert links.pages == ()


@pytest.mark.parametrize("rel", ["nofollow", "NoFollow noopener", "external ugc", "sponsored"])
def test_links_that_the_page_disowns(rel: str) -> None:
    links = read(f'<a href="/own">1</a><a href="/theirs" rel="{rel}">2</a><area href="/map" rel="{rel}">')
    assert links.pages == ("http://a.example/own", "http://a.example/theirs", "http://a.example/map")
    assert links.nofollow == {"http://a.example/theirs", "http://a.example/map"}


@pytest.mark.parametrize("rel", ["", "noopener", "me", "nofollowing"])
def test_links_that_it_does_not_disown(rel: str) -> None:
    assert read(f'<a href="/x" rel="{rel}">1</a>').nofollow == frozenset()


@pytest.mark.parametrize(
    "other",
    [
        '<a href="x">again</a>',
        '<a href="./x#part" rel="author">again</a>',
        '<link rel="next" href="x">',
        '<link rel="alternate" type="application/rss+xml" href="x">',
        '<meta http-equiv="refresh" content="9;url=x">',
    ],
)
def test_one_link_that_owns_a_page_is_enough(other: str) -> None:
    assert read(f'<a href="x" rel="nofollow">1</a>{other}<a href="x#2" rel="ugc">2</a>').nofollow == frozenset()


@pytest.mark.parametrize(
    ("markup", "header", "canonical"),
    [
        ("<link rel=canonical href=/one?utm_source=x#y>", None, "http://a.example/one"),
        ("<link rel='shortlink CANONICAL' href=one>", None, "http://a.example/docs/guide/one"),
        ("<base href=/b/><link rel=canonical href=one>", None, "http://a.example/b/one"),
        ("<head><noscript><img></noscript><link rel=canonical href=/one></head>", None, "http://a.example/one"),
        ("<link rel=canonical href=/one><link rel=canonical href=/one#x>", None, "http://a.example/one"),
        ("<link rel=canonical href=/one><link rel=canonical href=/two>", None, None),
        ("<link rel=canonical href=''>", None, None),
        ("<link rel=canonical href=mailto:x>", None, None),
        ("<link rel=canonical>", None, None),
        ("<a rel=canonical href=/one>", None, None),
        ("", '</one>; rel="canonical"', "http://a.example/one"),
        ("", "<one>; title=x; REL=canonical", "http://a.example/docs/guide/one"),
        ("<base href=/b/>", '<one>; rel="canonical"', "http://a.example/docs/guide/one"),
        ("", '</x>; rel=next, </one>; rel="canonical", </y>; rel=prev', "http://a.example/one"),
        ("", "</x>; rel=preload; as=style", None),
        ("", "nonsense; rel=canonical", None),
        ("<link rel=canonical href=/one>", "</one>; rel=canonical", "http://a.example/one"),
        ("<link rel=canonical href=/one>", "</two>; rel=canonical", None),
    ],
)
def test_the_canonical_url_that_a_page_claims(markup: str, header: str | None, canonical: str | None) -> None:
    headers = {} if header is None else {"Link": header}
    assert LinkReader().read(parse_html(markup), PAGE, headers).canonical == canonical


def test_meta_elements_for_robots_are_handed_on() -> None:
    markup = """<meta name=ROBOTS content="noindex"><meta name="Tide&quot;mill" content=none>
    <meta name=otherbot content=x><meta name=description content=y><meta id=robots content=z><meta name=robots>"""
    assert LinkReader('tide"MILL').read(parse_html(markup), PAGE).robots == (
        ("ROBOTS", "noindex"),
        ('Tide"mill', "none"),
        ("robots", ""),
    )


def test_only_elements_that_link_are_links() -> None:
    markup = """<svg><use href="/icons.svg"></use><image href="/i.png"/></svg><x-y href="/custom"></x-y>
    <script src="/s.js" href="/t"></script><iframe href="/u"></iframe><svg><a href="/in-svg">1</a></svg>"""
    assert read(markup).pages == ("http://a.example/in-svg",)


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
        [
            "x",
            "../x",
            "/x",
            "//b/x",
            "?q=1",
            "#f",
            "",
            " ",
            ".",
            "..",
            "./",
            "x/../y",
            ";",
            ";p",
            "x;p?q#f",
            "a:b",
            "x/",
        ]
    ),
    st.sampled_from(["x#f", "x #f", "x ", " x", "/x#f", " /x ", "/", "http://a/x"]),
    st.sampled_from([" ?q", "\n#f", "http://c/", "https:x", "http:x", "\\x", "%2e%2e/x", "é", "x y", "\x00x", "\xa0"]),
    st.lists(st.sampled_from(list("ab/.?#;:%\\ \n\t=&é")), max_size=8).map("".join),
)
BASES = st.sampled_from(
    [
        "http://a/",
        "http://a/x",
        "http://a/d/",
        "http://a/d/x.html",
        "http://a/d/x.html?q=/r/",
        "http://a/d//e/x",
        "https://b:81/d/e/f/",
        "https://me@a/d/",
    ]
)


def expected(base: str, href: str) -> str | None:
    """What joining with the page itself gives, but for hrefs that stay on the page or name no host."""
    text = href.strip("".join(map(chr, range(0x21)))).replace("\\", "/")
    if not text or text[0] == "#" or (text[:2] == "//" and text.strip("/")[:1] in ("", "?", "#", ";")):
        return None
    with suppress(Invalid, ValueError):
        return url_key(urljoin(base, text))
    return None


@pytest.mark.thorough
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


@pytest.mark.parametrize("filler", [" ", ";", "1 ", "url ", "; ", "url="])
def test_no_refresh_takes_longer_than_its_length(filler: str) -> None:
    content = filler * (400_000 // len(filler))  # spaces alone took minutes once
    assert read(f'<meta http-equiv="refresh" content="{content}">').canonical is None


@pytest.mark.parametrize("filler", ["<", "< ", "<a", "<>;", ";"])
def test_no_link_header_takes_longer_than_its_length(filler: str) -> None:
    headers = {"Link": filler * (65_536 // len(filler))}  # as long as a header may be
    assert LinkReader().read(parse_html("<p>x"), PAGE, headers).canonical is None


def test_hrefs_longer_than_any_url_are_not_kept() -> None:
    reader = LinkReader()
    assert reader.read(parse_html(f'<a href="{"a/" * 50_000}">x</a>'), PAGE).pages == ()
    assert [href for known in reader._resolved.values() for href in known] == []
