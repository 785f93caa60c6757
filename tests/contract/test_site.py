"""The sample site is true to itself: its links, its truth and its words agree, and nothing depends on a clock."""

from __future__ import annotations

import gzip
import io
import re
from collections import Counter
from collections.abc import Iterable
from datetime import date
from functools import cache
from html import unescape
from itertools import combinations

import pypdfium2
import pytest
from tests.site.articles import article_main, articles
from tests.site.expected import Expected
from tests.site.hostile import BOMB_BYTES, bomb
from tests.site.identity import page_key
from tests.site.links import links_of_html, links_of_xml
from tests.site.page import Page
from tests.site.queries import QUERIES
from tests.site.truth import truth
from tests.site.website import Website

BASE = "http://127.0.0.1:8765"
TODAY = date(2026, 11, 23)
PAGES = 230


@cache
def site() -> Website:
    return Website(hostile=True, pages=PAGES)


@cache
def everything() -> dict[str, Expected]:
    return truth(hostile=True, pages=PAGES, today=TODAY)


def page_of(path: str) -> Page:
    page = site().find(path)
    assert page is not None, path
    return page


@cache
def links(path: str) -> list[str]:
    """Give what a crawler finds on a page that it may fetch."""
    page = page_of(path)
    if location := dict(page.headers).get("Location"):
        return links_of_html(f'<a href="{location.replace("{base}", BASE)}">', BASE + path)
    if page.status != 200 or "Content-Encoding" in dict(page.headers):
        return []
    body = site().body(page, BASE)
    body = gzip.decompress(body) if path.endswith(".gz") else body
    if "xml" in page.media_type or path.endswith(".gz"):
        return links_of_xml(body.decode(), BASE + path)
    encoding = "utf-16" if body.startswith(b"\xff\xfe") else "utf-8"
    return links_of_html(body.decode(encoding, "replace"), BASE + path) if "html" in page.media_type else []


def reached(start: Iterable[str], known: dict[str, Expected], kinds: tuple[str, ...]) -> set[str]:
    """Give what can be reached from these paths through pages of these kinds of `via`."""
    queue, seen = list(start), set(start)
    while queue:
        path = queue.pop()
        expected = known[path]
        requested = expected.outcome != "skipped" or expected.reason in ("sitemap", "feed")
        for target in links(path) if requested and _may_pass(expected, kinds) else ():
            if target not in seen:
                assert target in known, f"{path} links to {target}, of which the truth knows nothing"
                seen.add(target)
                queue.append(target)
    return seen


def _may_pass(expected: Expected, kinds: tuple[str, ...]) -> bool:
    channel = {"sitemap": "sitemap", "feed": "feed", "redirect": "redirect"}.get(expected.kind, "links")
    return channel in kinds and (expected.kind, expected.outcome) != ("redirect", "failed")


def visible(path: str) -> str:
    """Give the text of a page as a reader sees it."""
    page = page_of(path)
    body = site().body(page, BASE)
    named = re.search(r"charset=([\w-]+)", page.media_type)
    encoding = "utf-16" if body.startswith(b"\xff\xfe") else named[1] if named else "utf-8-sig"
    if path in ("/charset/misdeclared.html", "/charset/meta-only.html"):
        encoding = "cp1252"
    html = re.sub(r"(?s)<script.*?</script>|<!--.*?-->|<head>.*?</head>", " ", body.decode(encoding))
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


def test_every_url_of_the_truth_is_reached_and_nothing_else() -> None:
    known = everything()
    assert reached(["/", "/sitemap_index.xml"], known, ("links", "sitemap", "feed", "redirect")) == set(known)


@pytest.mark.parametrize("channel", ["sitemap", "feed", "redirect"])
def test_what_has_only_one_way_has_no_other(channel: str) -> None:
    known = everything()
    others = tuple(one for one in ("links", "sitemap", "feed", "redirect") if one != channel)
    start = ["/"] if channel == "sitemap" else ["/", "/sitemap_index.xml"]
    missed = set(known) - reached(start, known, others)
    assert missed == {path for path, expected in known.items() if expected.via == channel}


def test_there_are_enough_pages_and_few_of_them_are_slow() -> None:
    quick = truth(today=TODAY)
    assert sum(expected.outcome == "stored" for expected in quick.values()) >= 120
    assert not any(path.startswith("/hostile/") for path in quick)
    outcomes = Counter(expected.outcome for expected in quick.values())
    assert set(outcomes) == {
        "stored", "duplicate", "invalid", "redirected", "skipped", "blocked", "gone", "failed"
    }  # fmt: skip


def test_each_url_is_its_own_identity() -> None:
    assert [path for path in everything() if page_key(path) != path] == []


def test_tracking_sessions_fragments_and_order_make_no_new_page() -> None:
    plain = page_key("/archive/?order=date&page=2")
    for other in ("/archive/?page=2&order=date", "/archive/?gclid=1&order=date&page=2&utm_source=x#top"):
        assert page_key(other) == plain
    assert page_key("/a.html;jsessionid=99?PHPSESSID=1") == "/a.html"
    assert page_key("/A.html") != page_key("/a.html")


def test_bodies_are_the_same_in_any_order_of_asking() -> None:
    one, two = Website(hostile=True, pages=5), Website(hostile=True, pages=5)
    paths = [path for path in one.pages if "bomb" not in path]
    first = {path: one.answer(path, BASE, {}).body for path in paths}
    second = {path: two.answer(path, BASE, {}).body for path in reversed(paths)}
    assert first == second


def test_pages_contain_what_the_truth_says() -> None:
    for path, expected in everything().items():
        page = page_of(path)
        if expected.documents and page.media_type.startswith("text/html"):
            text = visible(path)
            for sentence in (*expected.must_contain, *expected.items):
                assert sentence in text, (path, sentence)


def test_documents_are_promised_only_by_pages_that_are_stored() -> None:
    for path, expected in everything().items():
        assert (expected.documents > 0) == (expected.outcome == "stored"), path


def test_articles_have_150_to_600_words_and_little_in_common() -> None:
    for language in ("en", "es"):
        shingles = []
        for article in articles(language):
            words = re.sub(r"<[^>]+>", " ", article_main(article)).split()
            assert 150 <= len(words) <= 600, (article.path, len(words))
            shingles.append({tuple(words[i : i + 3]) for i in range(len(words) - 2)})
        closest = max(len(a & b) / len(a | b) for a, b in combinations(shingles, 2))
        assert closest < 0.5, closest


def test_duplicates_are_equal_and_near_duplicates_are_not() -> None:
    for path, expected in everything().items():
        original = expected.duplicate_of or expected.near_duplicate_of
        if original:
            same = site().body(page_of(path), BASE) == site().body(page_of(original), BASE)
            assert same == (expected.near_duplicate_of is None), path
        if expected.near_duplicate_of:
            assert visible(path) != visible(expected.near_duplicate_of)
        if expected.duplicate_of and not expected.canonical:
            assert expected.duplicate_of < path


def test_a_copy_that_the_client_has_is_not_sent_again() -> None:
    path = next(path for path in site().pages if "ETag" in site().answer(path, BASE, {}).headers)
    sent = site().answer(path, BASE, {})
    for header, value in (
        ("If-None-Match", sent.headers["ETag"]),
        ("If-Modified-Since", sent.headers["Last-Modified"]),
    ):
        again = site().answer(path, BASE, {header: value})
        assert (again.status, again.body) == (304, b"")
    assert site().answer(path, BASE, {"If-None-Match": '"other"'}).status == 200


def test_a_few_pages_send_no_validators_and_some_are_zipped() -> None:
    answers = [site().answer(a.path, BASE, {"Accept-Encoding": "gzip"}) for a in articles("en")]
    bare = [answer for answer in answers if "ETag" not in answer.headers]
    zipped = [answer for answer in answers if answer.headers.get("Content-Encoding") == "gzip"]
    assert 0 < len(bare) < 20
    assert 10 < len(zipped) < 40
    assert b"<html" in gzip.decompress(zipped[0].body)


def test_stiff_doors_open_at_the_third_push_and_busy_ones_at_the_second() -> None:
    stiff = [site().answer("/status/stiff.html", BASE, {}, attempt).status for attempt in (1, 2, 3, 4)]
    busy = [site().answer("/status/busy.html", BASE, {}, attempt) for attempt in (1, 2)]
    assert stiff == [500, 500, 200, 200]
    assert [answer.status for answer in busy] == [429, 200]
    assert busy[0].headers["Retry-After"] == "1"


def test_robots_is_kinder_to_us_than_to_others() -> None:
    lines = site().answer("/robots.txt", BASE, {}).body.decode()
    everybody, ours = lines.partition("User-agent: tidemill")[::2]
    assert "Disallow: /articles/" in everybody
    assert "Disallow: /articles/" not in ours
    assert f"Sitemap: {BASE}/sitemap_index.xml" in lines


def test_the_calendar_is_true_up_to_two_years_ahead() -> None:
    near, far = truth(today=date(2026, 1, 1)), truth(today=date(2028, 2, 29))
    assert near["/calendar/2028/12/"].outcome == "stored"
    assert near["/calendar/2029/01/"].allows("skipped", "trap")
    assert "/calendar/2029/02/" not in near
    assert far["/calendar/2030/12/"].outcome == "stored"
    assert far["/calendar/2031/01/"].allows("skipped", "trap")


def test_the_bomb_is_small_and_inflates() -> None:
    packed = bomb()
    assert len(packed) < 2_000_000
    with gzip.open(io.BytesIO(packed)) as unpacked:
        assert unpacked.read(5_000_000).startswith(b"<!DOCTYPE html>")
    assert BOMB_BYTES <= int.from_bytes(packed[-4:], "little") < BOMB_BYTES + 2_000_000


def test_the_pdf_is_read_by_a_real_reader() -> None:
    expected = everything()["/files/tide-tables.pdf"]
    document = pypdfium2.PdfDocument(site().body(page_of(expected.path), BASE))
    text = " ".join(page.get_textpage().get_text_range() for page in document)
    assert len(document) == 2
    assert document.get_metadata_dict()["Title"] == expected.title
    assert all(sentence in text for sentence in expected.must_contain)


def test_a_phrase_stands_on_one_page_and_its_copies_only() -> None:
    html = [
        path for path, e in everything().items() if e.documents and page_of(path).media_type.startswith("text/html")
    ]
    texts = {path: visible(path).lower() for path in html}
    for query in QUERIES:
        assert everything()[query.first].outcome == "stored"
        assert all(path in everything() for path in query.absent)
        if query.phrase:
            assert [path for path, text in texts.items() if query.phrase.lower() in text] == [query.first]
