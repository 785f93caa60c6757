"""What a real Chromium makes of pages on loopback. All of them are looked at with one browser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.contract.browser_house import BROWSER_TESTS, House, Pages, answer, housed

from tidemill.crawl.browser.rendered import Redirect
from tidemill.errors import Permanent, Transient

pytestmark = BROWSER_TESTS


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[House]:
    async with housed() as house:
        yield house


SCRIPTED = """<!doctype html><title>t</title><p id=a>empty</p><script>
fetch('/api').then(r => r.text()).then(t => { a.textContent = t; history.pushState({}, '', '/pushed') })</script>"""


async def test_a_page_that_needs_scripts_is_rendered(house: House) -> None:
    async with browsing({"/": SCRIPTED, "/api": answer("from the API", kind="Content-Type: text/plain")}) as (
        site,
        browser,
    ):
        page = await browser.fetch(site.url())
        assert '<p id="a">from the API</p>' in page.html
        assert page.html.startswith("<!DOCTYPE html>")
        assert (page.status, page.media_type, page.redirects) == (200, "text/html", ())
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert page.final_url == site.url("/pushed")
        assert (page.requests, page.blocked, page.refused, page.complete) == (2, 0, (), True)
        assert page.received_bytes == len(answer(SCRIPTED)) + len(site.pages["/api"] or b"")
        assert "User-Agent: tidemill-test/1\r\n" in site.heads["/"]
        assert "Proxy-Authorization" not in site.heads["/"]


async def test_each_page_knows_nothing_of_the_others_and_headers_go_with_the_document_only(house: House) -> None:
    pages: dict[str, str | bytes | None] = {
        "/": answer("<script>fetch('/api')</script>", "Set-Cookie: seen=1"),
        "/api": "x",
    }
    async with browsing(pages) as (site, browser):
        headers = {"Cookie": "own=1; other=2", "X-Secret": "s"}
        await browser.fetch(site.url(), headers=headers)
        assert "X-Secret: s\r\n" in site.heads["/"]
        assert "X-Secret" not in site.heads["/api"]
        assert "Cookie: own=1; other=2; seen=1\r\n" in site.heads["/api"]
        await browser.fetch(site.url())
        assert "Cookie" not in site.heads["/"]


async def test_a_redirect_is_reported_and_not_followed(house: House) -> None:
    from tidemill.crawl.browser import Redirect

    async with browsing({"/next?a=1": "never"}) as (site, browser):
        for status in (301, 302, 303, 307, 308):
            site.pages["/"] = answer("gone", "Location: /next?a=1", status=f"{status} Elsewhere")
            page = await browser.fetch(site.url())
            assert page.redirects == (Redirect(site.url(), status, site.url("/next?a=1")),)
            assert (page.status, page.headers["Location"], page.html) == (status, "/next?a=1", "")
        assert set(site.requests) == {"/"}


LEAVING = (
    "<p>kept<script>location.href = '/next'</script>",
    "<p>kept<script>onload = () => location.replace('/next')</script>",
    "<p>kept<script>setTimeout(() => location = '/next', 50)</script>",
    "<meta http-equiv=refresh content='0;url=/next'><p>kept",
    "<form action=/next method=post></form><p>kept<script>document.forms[0].submit()</script>",
)


async def test_a_script_that_wants_to_go_elsewhere_stays_and_its_wish_is_reported(house: House) -> None:
    pages: dict[str, str | bytes | None] = {f"/{number}": page for number, page in enumerate(LEAVING)}
    async with browsing({**pages, "/next": "never"}) as (site, browser):
        found = await asyncio.gather(*(browser.fetch(site.url(path), timeout_s=8) for path in pages))
        for page in found:
            assert [(each.status, each.location) for each in page.redirects][:1] == [(0, site.url("/next"))], page
            assert "<p>kept" in page.html
            assert (page.status, page.final_url) == (200, page.url)
            assert page.elapsed_s < 4
        assert "/next" not in site.requests


async def test_a_page_that_sets_a_cookie_and_loads_itself_again_is_read_after_that(house: House) -> None:
    page = """<p id=a>first<script>
    if (document.cookie.includes('ok=1')) a.textContent = 'second'; else { document.cookie = 'ok=1'; location.reload() }
    </script>"""
    async with browsing({"/": page, "/always": "<script>location.reload()</script>"}) as (site, browser):
        found = await browser.fetch(site.url())
        assert '<p id="a">second' in found.html
        assert found.redirects == ()
        assert site.requests == ["/", "/"]
        again = await browser.fetch(site.url("/always"))
        assert again.redirects[0].location == site.url("/always")
        assert site.requests.count("/always") == 3


async def test_what_is_no_page_is_not_rendered(house: House) -> None:
    pages: dict[str, str | bytes | None] = {
        "/pdf": answer("%PDF-", kind="Content-Type: application/pdf"),
        "/file": answer("<p>x", "Content-Disposition: attachment"),
        "/none": b"HTTP/1.1 204 No Content\r\n\r\n",
        "/same": b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n",
        "/big": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 99999999999\r\n\r\n<p>",
    }
    async with browsing(pages) as (site, browser):
        for path in ("/pdf", "/file"):
            with pytest.raises(Skipped) as caught:
                await browser.fetch(site.url(path))
            assert caught.value.reason == "media_type"
        assert [(await browser.fetch(site.url(path))).status for path in ("/none", "/same", "/404")] == [204, 304, 404]
        assert "no /404" in (await browser.fetch(site.url("/404"))).html
        with pytest.raises(Permanent) as large:
            await browser.fetch(site.url("/big"))
        assert large.value.reason == "too_large"


async def test_images_and_trackers_are_left_out_but_not_of_a_picture(house: House) -> None:
    page = """<link rel=stylesheet href=/a.css><img src=/a.png><video src=/a.mp4></video><p>text
    <script src=https://www.google-analytics.com/ga.js></script>"""
    async with browsing({"/": page}) as (site, browser):
        plain = await browser.fetch(site.url())
        assert site.requests == ["/", "/a.css"]
        assert (plain.requests, plain.screenshot) == (2, None)
        assert plain.blocked >= 2
        shown = await browser.fetch(site.url(), screenshot=True)
        assert (shown.screenshot or b"").startswith(b"\x89PNG\r\n")
        assert "/a.png" in site.requests


async def test_a_site_that_breaks_down_is_tried_again_later(house: House) -> None:
    pages: dict[str, str | bytes | None] = {"/reset": b"", "/broken": b"220 mail\r\n\r\n", "/silent": None}
    async with browsing(pages) as (site, browser):
        for path, why in (("/reset", "reset"), ("/broken", "protocol"), ("/silent", "timeout")):
            with pytest.raises(Transient) as caught:
                await browser.fetch(site.url(path), timeout_s=2)
            assert caught.value.reason == why
        with pytest.raises(Transient) as plain:
            await browser.fetch(site.url().replace("http:", "https:"))
        assert plain.value.reason == "tls"


async def test_a_page_that_never_finishes_loading_is_taken_as_it_is(house: House) -> None:
    async with browsing({"/": "<p>there<script async src=/never></script>", "/never": None}) as (site, browser):
        page = await browser.fetch(site.url(), timeout_s=3)
        assert "<p>there" in page.html
        assert not page.complete
        assert page.elapsed_s < 3


async def test_popups_dialogs_and_downloads_come_to_nothing(house: House) -> None:
    page = """<p>text<a id=d href=/file download>d</a><script>
    alert(1); document.title = String(confirm('x')) + prompt('y'); d.click(); window.open('/popup');
    onbeforeunload = () => 'stay'</script>"""
    async with browsing({"/": page, "/file": "x", "/popup": "x"}) as (site, browser):
        found = await browser.fetch(site.url())
        assert "<title>falsenull</title>" in found.html
        assert "/popup" not in site.requests


async def test_pages_are_open_side_by_side_and_never_too_many(house: House) -> None:
    page = "<script>onload = () => { let n = 0; const t = setInterval(() => fetch('/t').then(() => { if (++n > 5) "
    page += "{ clearInterval(t); document.body.textContent = 'done' } }), 30) }</script>"
    async with browsing({"/": page, "/t": "x"}, pages=3) as (site, browser):
        found = await asyncio.gather(*(browser.fetch(site.url()) for _ in range(5)))
        assert all("done" in each.html for each in found)
        assert browser.started == 1


