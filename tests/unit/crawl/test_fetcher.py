"""One visit: what each answer and each error means for it, and the links that it brings home."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.crawl.making import NOW, SITE, FakeClient, FakeRobots, answer, fetcher, visit

from tidemill.crawl.fetcher import Catch
from tidemill.errors import Forbidden, Permanent, TidemillError, Transient
from tidemill.models.outcome import Outcome
from tidemill.models.source import SourceSpec
from tidemill.models.visit import Fetched, Found
from tidemill.net import Response

PAGE = b"<title>x</title><p>some words"
RSS = b"<rss><channel><item><link>/item</link></item><item><link>http://else.example/</link></item></channel></rss>"


async def catch(found: Response | TidemillError, *, kind: str = "page", **validators: str) -> Catch:
    return await fetcher(FakeClient({SITE: found})).fetch(visit(kind=kind, **validators))


async def fetched(found: Response | TidemillError, *, kind: str = "page", **validators: str) -> Fetched:
    return (await catch(found, kind=kind, **validators)).fetched


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (401, Outcome.BLOCKED),
        (403, Outcome.BLOCKED),
        (407, Outcome.BLOCKED),
        (451, Outcome.BLOCKED),
        (404, Outcome.GONE),
        (410, Outcome.GONE),
        (300, Outcome.FAILED),
        (302, Outcome.FAILED),
        (304, Outcome.FAILED),
        (400, Outcome.FAILED),
        (405, Outcome.FAILED),
        (418, Outcome.FAILED),
        (501, Outcome.FAILED),
        (999, Outcome.FAILED),
    ],
)
async def test_statuses_that_are_final(status: int, outcome: Outcome) -> None:
    result = await fetched(answer(status, "an error page"))
    assert (result.outcome, result.reason, result.status_code) == (outcome, f"http_{status}", status)
    assert (result.requests, result.received_bytes) == (1, 13)
    assert result.capture is None
    assert result.retry_at is None


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_statuses_that_pass(status: int) -> None:
    client = FakeClient({SITE: answer(status)})
    again = (await fetcher(client, max_attempts=3).fetch(visit(attempts=1))).fetched
    assert (again.outcome, again.reason, again.status_code) == (None, f"http_{status}", status)
    assert again.retry_at is not None
    assert again.retry_at >= NOW
    last = (await fetcher(client, max_attempts=3).fetch(visit(attempts=2))).fetched
    assert (last.outcome, last.reason, last.retry_at) == (Outcome.FAILED, f"http_{status}", None)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30),
        (" 30 ", 30),
        ("0", 0),
        ("86400", 60),
        ("9" * 500, 60),
        ("Mon, 23 Nov 2026 12:00:30 GMT", 30),
        ("Mon, 23 Nov 2026 12:00:30 -0000", 30),
        ("Mon, 23 Nov 2026 13:00:30 +0100", 30),
        ("Sun, 22 Nov 2026 12:00:00 GMT", 0),
        ("Mon, 23 Nov 2099 12:00:00 GMT", 60),
        ("", 0),
        ("soon", 0),
        ("-5", 0),
        ("1.5", 0),
        ("²", 0),
        ("٣", 0),
        ("Mon, 99 Nov 2026 12:00:30 GMT", 0),
        ("Mon, 23 Nov 99999999999 12:00:30 GMT", 0),
        ("Mon, 23 Nov 2026 12:00:30 +99999999999999", 0),
    ],
)
async def test_retry_after(header: str, seconds: float) -> None:
    result = await fetched(answer(503, retry_after=header))
    assert result.retry_at is not None
    delay = (result.retry_at - NOW).total_seconds()
    assert seconds <= delay <= max(seconds, 1.0)


@given(
    st.text(max_size=20)
    | st.from_regex(r"[A-Z][a-z]{2}, [0-9 ]{1,4} [A-Za-z]{3} [0-9]{1,12} [0-9:]{1,12} [-+A-Z0-9]{1,9}")
)
async def test_no_retry_after_breaks_anything(header: str) -> None:
    result = await fetched(answer(429, retry_after=header))
    assert result.retry_at is not None
    assert NOW <= result.retry_at <= NOW + timedelta(seconds=60)


@pytest.mark.parametrize(
    ("error", "outcome", "reason"),
    [
        (Transient("x", reason="timeout"), None, "timeout"),
        (Permanent("x", reason="too_large"), Outcome.FAILED, "too_large"),
        (Forbidden("x", reason="private_address"), Outcome.SKIPPED, "private_address"),
    ],
)
async def test_errors_of_the_client(error: TidemillError, outcome: Outcome | None, reason: str) -> None:
    result = await fetched(error)
    assert (result.outcome, result.reason, result.requests) == (outcome, reason, 0)
    assert (result.retry_at is not None) == (outcome is None)


async def test_the_last_try_of_a_transient_error_is_a_failure() -> None:
    client = FakeClient({SITE: Transient("x", reason="connect")})
    result = (await fetcher(client, max_attempts=1).fetch(visit())).fetched
    assert (result.outcome, result.reason) == (Outcome.FAILED, "connect")


async def test_a_page_is_captured_with_its_validators() -> None:
    got = await catch(answer(200, PAGE, etag='"1"', last_modified="yesterday"))
    capture = got.fetched.capture
    assert capture is not None
    assert (capture.body_hash, capture.size_bytes, got.body) == (sha256(PAGE).hexdigest(), len(PAGE), PAGE)
    assert (capture.url, capture.fetched_at, capture.status_code, capture.media_type) == (SITE, NOW, 200, "text/html")
    assert (got.fetched.etag, got.fetched.last_modified) == ('"1"', "yesterday")
    assert got.fetched.outcome is None


@pytest.mark.parametrize(
    ("validators", "headers"),
    [
        ({}, {}),
        ({"etag": 'W/"1"'}, {"If-None-Match": 'W/"1"'}),
        ({"last_modified": "then"}, {"If-Modified-Since": "then"}),
        ({"etag": "1", "last_modified": "then"}, {"If-None-Match": "1", "If-Modified-Since": "then"}),
        ({"body_hash": "0"}, {}),
    ],
)
async def test_conditional_requests(validators: dict[str, str], headers: dict[str, str]) -> None:
    client = FakeClient({SITE: answer(200, PAGE)})
    await fetcher(client).fetch(visit(**validators))
    assert client.asked == [(SITE, headers)]


async def test_not_modified_is_unchanged_if_that_was_the_question() -> None:
    result = await fetched(answer(304), etag='"1"')
    assert (result.outcome, result.reason, result.capture) == (Outcome.UNCHANGED, "not_modified", None)
    unasked = await fetched(answer(304), body_hash="0")
    assert (unasked.outcome, unasked.reason) == (Outcome.FAILED, "http_304")


async def test_under_other_rules_pages_are_asked_for_whole_and_their_links_read() -> None:
    body = b"<a href=/next>x</a>"
    client = FakeClient({SITE: answer(200, body)})
    asked = visit(etag='"1"', body_hash=sha256(body).hexdigest())
    got = (await fetcher(client, relink=True).fetch(asked)).fetched
    assert client.asked == [(SITE, {})]
    assert (got.outcome, [found.url for found in got.found]) == (Outcome.UNCHANGED, [f"{SITE}next"])
    again = (await fetcher(client).fetch(asked)).fetched
    assert (again.outcome, again.found) == (Outcome.UNCHANGED, ())


async def test_the_same_bytes_are_unchanged_and_still_told_of() -> None:
    got = await catch(answer(200, PAGE), body_hash=sha256(PAGE).hexdigest())
    assert (got.fetched.outcome, got.fetched.reason) == (Outcome.UNCHANGED, "same_bytes")
    assert got.fetched.capture is not None


@pytest.mark.parametrize(
    ("content_type", "body", "media_type"),
    [
        ("text/html", PAGE, "text/html"),
        ("Text/HTML; charset=x", PAGE, "text/html"),
        ("application/xhtml+xml", PAGE, "application/xhtml+xml"),
        ("application/pdf", b"%PDF-1.4", "application/pdf"),
        ("text/plain", b"words", "text/plain"),
        ("", b"  <p>x", "text/html"),
        ("", b"%PDF-1.4", "application/pdf"),
        ("", b"words", "text/plain"),
        ("", b"", "text/plain"),
    ],
)
async def test_media_types_that_are_kept(content_type: str, body: bytes, media_type: str) -> None:
    result = await fetched(answer(200, body, content_type))
    assert result.capture is not None
    assert result.capture.media_type == media_type
    assert result.capture.content_type == content_type


@pytest.mark.parametrize(
    ("content_type", "body", "reason"),
    [
        ("application/xml", b"<urlset/>", "media_type"),
        ("text/xml", b"<x/>", "media_type"),
        ("application/rss+xml", RSS, "feed"),
        ("application/xml", RSS, "feed"),
        ("text/xml", RSS, "feed"),
    ],
)
async def test_xml_is_a_feed_or_nothing(content_type: str, body: bytes, reason: str) -> None:
    result = await fetched(answer(200, body, content_type))
    assert (result.outcome, result.reason, result.capture) == (Outcome.SKIPPED, reason, None)


async def test_other_media_types_are_not_even_read() -> None:
    client = FakeClient({SITE: answer(200, b"", "image/png", body_read=False)})
    result = (await fetcher(client).fetch(visit())).fetched
    assert (result.outcome, result.reason) == (Outcome.SKIPPED, "media_type")
    wants = {media: client.wanted[0](200, media) for media in ("image/png", "video/mp4", "application/zip", "text/css")}
    assert not any(wants.values())
    kept = ("text/html", "application/pdf", "", "text/plain", "application/rss+xml", "text/xml")
    assert all(client.wanted[0](200, media) for media in kept)


@pytest.mark.parametrize("kind", ["sitemap", "feed"])
async def test_a_sitemap_or_feed_is_read_under_any_media_type(kind: str) -> None:
    client = FakeClient({SITE: answer(200, RSS, "application/octet-stream")})
    await fetcher(client).fetch(visit(kind=kind))
    assert client.wanted[0](200, "application/octet-stream")


async def test_a_feed_brings_its_items() -> None:
    result = await fetched(answer(200, RSS, "text/plain"), kind="feed")
    assert (result.outcome, result.reason, result.out_of_scope) == (Outcome.SKIPPED, "feed", 1)
    assert result.found == (Found(url=f"{SITE}item", origin=SITE[:-1], depth=1),)


async def test_a_sitemap_brings_pages_and_sitemaps_of_its_own_site() -> None:
    index = "<sitemapindex><sitemap><loc>http://site.example/s2</loc></sitemap><sitemap><loc>http://else.example/s</loc></sitemap>"
    result = await fetched(
        answer(200, f"{index}<url><loc>http://site.example/p</loc></url></sitemapindex>"), kind="sitemap"
    )
    assert [(found.url, found.kind) for found in result.found] == [(f"{SITE}p", "page"), (f"{SITE}s2", "sitemap")]
    assert result.out_of_scope == 0


async def test_hosts_that_nobody_can_read_end_no_list() -> None:
    body = "http://[broken\nhttp://site.example/p\nftp://x/\n"
    result = await fetched(answer(200, body, "text/plain"), kind="sitemap")
    assert [found.url for found in result.found] == [f"{SITE}p"]


@pytest.mark.parametrize(
    ("kind", "body", "reason"),
    [
        ("sitemap", b"\x1f\x8b broken", "bad_encoding"),
        ("sitemap", b"<", "bad_xml"),
        ("sitemap", b"", "not_a_sitemap"),
        ("sitemap", b"nothing to see here", "not_a_sitemap"),
        ("sitemap", b"<html><body><p>Sorry, not found</p></body></html>", "not_a_sitemap"),
        ("feed", b"{}", "bad_json"),
        ("feed", b"<html><body><p>Sorry, not found</p></body></html>", "not_a_feed"),
    ],
)
async def test_broken_lists_are_failures(kind: str, body: bytes, reason: str) -> None:
    result = await fetched(answer(200, body), kind=kind)
    assert (result.outcome, result.reason) == (Outcome.FAILED, reason)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_visits_of_their_own(status: int) -> None:
    client = FakeClient({SITE: answer(status, location="/new?b=1&a=2#x")})
    result = (await fetcher(client).fetch(visit(depth=3, hops=2))).fetched
    target = f"{SITE}new?a=2&b=1"
    assert (result.outcome, result.reason, result.redirect_to) == (Outcome.REDIRECTED, f"http_{status}", target)
    assert result.found == (Found(url=target, origin=SITE[:-1], depth=3, hops=3),)


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("", "redirect_loop"),
        (SITE, "redirect_loop"),
        ("#x", "redirect_loop"),
        ("http://[", "bad_redirect"),
        ("javascript:0", "bad_redirect"),
        ("ftp://site.example/", "bad_redirect"),
    ],
)
async def test_redirects_to_nowhere(location: str, reason: str) -> None:
    result = await fetched(answer(302, location=location))
    assert (result.outcome, result.reason, result.found) == (Outcome.FAILED, reason, ())


async def test_too_many_hops() -> None:
    client = FakeClient({SITE: answer(302, location="/x")})
    assert (await fetcher(client, max_hops=2).fetch(visit(hops=1))).fetched.outcome is Outcome.REDIRECTED
    result = (await fetcher(client, max_hops=2).fetch(visit(hops=2))).fetched
    assert (result.outcome, result.reason, result.found) == (Outcome.FAILED, "too_many_redirects", ())
    assert result.redirect_to == f"{SITE}x"


@pytest.mark.parametrize("kind", ["page", "sitemap", "feed"])
async def test_no_redirect_leads_away_from_the_source(kind: str) -> None:
    result = await fetched(answer(302, location="http://else.example/"), kind=kind)
    assert (result.outcome, result.reason) == (Outcome.REDIRECTED, "out_of_scope")
    assert (result.found, result.out_of_scope) == ((), 1)


async def test_a_redirect_into_a_trap_is_accounted_for() -> None:
    result = await fetched(answer(302, location="/calendar/2050/01/"))
    assert [found.skip for found in result.found] == ["trap"]


@pytest.mark.parametrize(
    ("url", "depth", "reason"),
    [
        ("http://else.example/", 0, "out_of_scope"),
        (f"{SITE}deep", 3, "depth"),
        (f"{SITE}x/x/x/x", 1, "trap"),
    ],
)
async def test_what_the_rules_refuse_is_not_asked_for(url: str, depth: int, reason: str) -> None:
    client = FakeClient()
    result = (await fetcher(client, max_depth=2).fetch(visit(url, depth=depth))).fetched
    assert (result.outcome, result.reason, result.requests) == (Outcome.SKIPPED, reason, 0)
    assert client.asked == []


async def test_robots_refuse() -> None:
    client = FakeClient({f"{SITE}public": answer(200, PAGE)})
    robots = FakeRobots("User-agent: tidemill\nDisallow: /private/\n\nUser-agent: *\nDisallow: /")
    refused = (await fetcher(client, robots=robots).fetch(visit(f"{SITE}private/x"))).fetched
    assert (refused.outcome, refused.reason, refused.requests) == (Outcome.SKIPPED, "robots", 0)
    assert (await fetcher(client, robots=robots).fetch(visit(f"{SITE}public"))).fetched.capture
    disobeying = fetcher(client, robots=robots, obey=False)
    assert (await disobeying.fetch(visit(f"{SITE}private/x"))).fetched.reason == "http_404"


async def test_while_robots_cannot_be_had_the_visit_waits() -> None:
    result = (await fetcher(FakeClient(), robots=FakeRobots("http_503", status="deny_all")).fetch(visit())).fetched
    assert (result.outcome, result.reason, result.requests) == (None, "robots_unreachable", 0)
    assert result.retry_at is not None


async def test_an_origin_that_the_guard_refuses_is_skipped() -> None:
    robots = FakeRobots(error=Forbidden("x", reason="private_address"))
    result = (await fetcher(FakeClient(), robots=robots).fetch(visit())).fetched
    assert (result.outcome, result.reason) == (Outcome.SKIPPED, "private_address")


async def test_what_robots_cost_and_declare_comes_with_the_first_visit() -> None:
    sitemaps = "".join(f"Sitemap: {url}\n" for url in (f"{SITE}s.xml", "http://else.example/s.xml", "http://[x/"))
    text = f"{sitemaps}User-agent: *\nDisallow: /no"
    once = fetcher(FakeClient({SITE: answer(200, PAGE)}), robots=FakeRobots(text, fresh=True))
    first, second = (await once.fetch(visit())).fetched, (await once.fetch(visit())).fetched
    assert (first.aside_requests, first.aside_bytes, first.requests) == (1, 77, 1)
    assert first.found == (Found(url=f"{SITE}s.xml", origin=SITE[:-1], kind="sitemap"),)
    assert (second.aside_requests, second.aside_bytes, second.found) == (0, 0, ())
    refused = fetcher(FakeClient(), robots=FakeRobots(text, fresh=True))
    assert len((await refused.fetch(visit(f"{SITE}no"))).fetched.found) == 1
    without = fetcher(FakeClient({SITE: answer(200, PAGE)}), robots=FakeRobots(text, fresh=True), sitemaps=False)
    assert (await without.fetch(visit())).fetched.found == ()


LINKS = """<link rel="alternate" type="application/rss+xml" href="/rss"><a href="/a">1</a><a href="b/">2</a>
<a href="http://else.example/">3</a><a href="/x/x/x/x">4</a><a href="/a#again">5</a>"""


@pytest.mark.parametrize("page", ["", "deep/er/page.html"])
async def test_a_relative_sitemap_is_relative_to_robots_txt_and_not_to_the_page_that_came_first(page: str) -> None:
    robots = FakeRobots("Sitemap: maps/all.xml", fresh=True)
    crawl = fetcher(FakeClient({f"{SITE}{page}": answer(200, PAGE)}), robots=robots)
    assert [found.url for found in (await crawl.fetch(visit(f"{SITE}{page}"))).fetched.found] == [f"{SITE}maps/all.xml"]


async def test_the_links_of_a_page() -> None:
    result = await fetched(answer(200, LINKS))
    assert [(found.url.removeprefix(SITE), found.kind, found.depth, found.skip) for found in result.found] == [
        ("a", "page", 1, None),
        ("b/", "page", 1, None),
        ("x/x/x/x", "page", 1, "trap"),
        ("rss", "feed", 0, None),
    ]
    assert result.out_of_scope == 1


async def test_links_are_reported_once() -> None:
    crawl = fetcher(FakeClient({SITE: answer(200, LINKS), f"{SITE}2": answer(200, LINKS)}))
    assert len((await crawl.fetch(visit())).fetched.found) == 4
    assert [found.kind for found in (await crawl.fetch(visit(f"{SITE}2"))).fetched.found] == ["feed"]


async def test_links_too_deep_are_accounted_for() -> None:
    crawl = fetcher(FakeClient({SITE: answer(200, "<a href=/a>x</a>")}), max_depth=0)
    assert [(found.depth, found.skip) for found in (await crawl.fetch(visit())).fetched.found] == [(1, "depth")]


async def test_a_page_that_is_a_trap_for_parsers_is_captured_without_links() -> None:
    result = await fetched(answer(200, "<a href=/a>x</a>" + "<div>" * 100_000))
    assert result.capture is not None
    assert result.found == ()


async def test_other_documents_have_no_links() -> None:
    assert (await fetched(answer(200, "<a href=/a>x</a>", "text/plain"))).found == ()


async def test_scope_of_a_source_with_rules() -> None:
    spec = SourceSpec(name="s", start=(SITE,), deny=("/a$",))
    result = (await fetcher(FakeClient({SITE: answer(200, LINKS)}), spec=spec).fetch(visit())).fetched
    assert [found.url for found in result.found if found.kind == "page"] == [f"{SITE}b/", f"{SITE}x/x/x/x"]
    assert result.out_of_scope == 2


@given(
    st.binary(max_size=200),
    st.sampled_from(["text/html", "text/plain", "application/xml", "", "text/html; charset=utf-16"]),
)
async def test_no_body_breaks_a_visit(body: bytes, content_type: str) -> None:
    for kind in ("page", "sitemap", "feed"):
        result = await fetched(answer(200, body, content_type), kind=kind)
        assert (result.outcome is None) == (result.capture is not None)


async def test_a_wall_ends_as_blocked_and_a_missing_page_as_gone_and_both_are_archived() -> None:
    missing = (
        b"<title>Page not found</title><h1>404: Page not found</h1><p>Sorry, we cannot find it. <a href=/x>Home</a>"
    )
    got = await catch(answer(200, missing))
    assert (got.fetched.outcome, got.fetched.reason) == (Outcome.GONE, "soft_404")
    assert got.body == missing
    assert got.fetched.capture is not None
    assert got.fetched.found == ()
    wall = b"<title>Just a moment...</title><div id=challenge-form></div><script src=/cdn-cgi/challenge-platform/x>"
    blocked = (await catch(answer(200, wall))).fetched
    assert (blocked.outcome, blocked.reason) == (Outcome.BLOCKED, "challenge")


@pytest.mark.parametrize(
    "name", ["Set-Cookie", "authorization", "Proxy-Authorization", "Authentication-Info", "X-CSRF-Token", "X-Api-Key"]
)
async def test_what_an_answer_gives_to_us_alone_is_not_kept(name: str) -> None:
    found = answer(200, PAGE, **{name.replace("-", "_"): "canary"})
    assert name in found.headers
    assert "canary" not in str((await fetched(found)).headers)


async def test_a_part_that_nobody_asked_for_is_not_the_page() -> None:
    result = await fetched(answer(206, PAGE))
    assert (result.outcome, result.reason, result.capture) == (Outcome.FAILED, "http_206", None)


@pytest.mark.thorough
async def test_a_large_listing_holds_up_nobody_while_it_is_read() -> None:
    body = b"<urlset>" + b"".join(b"<url><loc>%s%d</loc></url>" % (SITE.encode(), each) for each in range(20_000))
    reading = asyncio.create_task(fetched(answer(200, body + b"</urlset>"), kind="sitemap"))
    turns = 0
    while not reading.done():
        turns += 1
        await asyncio.sleep(0)
    assert len((await reading).found) == 20_000
    assert turns > 20


@pytest.mark.parametrize("kind", ["files", "warc"])
@pytest.mark.parametrize("media_type", ["text/xml", "application/rss+xml"])
async def test_a_feed_among_the_files_of_a_folder_leads_nowhere(kind: str, media_type: str) -> None:
    spec = SourceSpec(name="s", kind=kind, start=("/srv/pages",))
    client = FakeClient({SITE: answer(200, RSS, media_type)})
    result = (await fetcher(client, spec=spec).fetch(visit())).fetched
    assert (result.outcome, result.reason, result.found) == (Outcome.SKIPPED, "media_type", ())


async def test_not_modified_says_nothing_if_the_page_was_asked_for_whole() -> None:
    result = (await fetcher(FakeClient({SITE: answer(304)}), relink=True).fetch(visit(etag='"a"'))).fetched
    assert (result.outcome, result.reason) == (Outcome.FAILED, "http_304")


async def test_a_validator_that_no_header_can_hold_is_left_out() -> None:
    client = FakeClient({SITE: answer(200, PAGE)})
    await fetcher(client).fetch(visit(etag='"\x01"', last_modified="Mon\x00"))
    assert client.asked == [(SITE, {})]
