"""What a real Chromium makes of pages on loopback. All of them are looked at with one browser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.contract.browser_house import BROWSER_TESTS, House, Pages, answer, browsing, housed

from tidemill.crawl.browser.rendered import Redirect, Rendered
from tidemill.errors import Permanent, Transient
from tidemill.settings.tree import BrowserSettings

pytestmark = BROWSER_TESTS


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[House]:
    async with housed() as house:
        yield house


SCRIPTED = """<!doctype html><title>t</title><p id=a>empty</p><script>
fetch('/api').then(r => r.text()).then(t => { a.textContent = t; history.pushState({}, '', '/pushed') })</script>"""


async def test_a_page_that_needs_scripts_is_rendered(house: House) -> None:
    site, browser = house.serving({"/": SCRIPTED, "/api": answer("from the API", kind="Content-Type: text/plain")})
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
    pages: Pages = {
        "/": answer("<script>fetch('/api')</script>", "Set-Cookie: seen=1"),
        "/api": "x",
    }
    site, browser = house.serving(pages)
    headers = {"Cookie": "own=1; other=2", "X-Secret": "s", "Accept-Language": "fo"}
    await browser.fetch(site.url(), headers=headers)
    assert "X-Secret: s\r\n" in site.heads["/"]
    assert [line for line in site.heads["/"].splitlines() if line.lower().startswith("accept-language")] == [
        "Accept-Language: fo"
    ]
    assert "X-Secret" not in site.heads["/api"]
    assert "Cookie: own=1; other=2; seen=1\r\n" in site.heads["/api"]
    await browser.fetch(site.url())
    assert "Cookie" not in site.heads["/"]


async def test_who_asks_may_be_somebody_else_and_is_that_for_the_whole_page(house: House) -> None:
    site, browser = house.serving({"/": "<p id=a><script>a.textContent = navigator.userAgent; fetch('/api')</script>"})
    page = await browser.fetch(site.url(), headers={"User-Agent": "other/2"})
    assert '<p id="a">other/2' in page.html
    assert all(site.heads[path].count("User-Agent: other/2\r\n") == 1 for path in ("/", "/api"))


async def test_a_redirect_is_reported_and_not_followed(house: House) -> None:
    moved = {
        f"/{status}": answer("gone", "Location: /next?a=1", status=f"{status} Elsewhere")
        for status in (301, 302, 303, 307, 308)
    }
    site, browser = house.serving({**moved, "/next?a=1": "never"})
    for page in await asyncio.gather(*(browser.fetch(site.url(path)) for path in moved)):
        assert page.redirects == (Redirect(page.url, page.status, site.url("/next?a=1")),)
        assert page.url == site.url(f"/{page.status}")
        assert (page.headers["Location"], page.html, page.shown) == ("/next?a=1", "", False)
    assert sorted(site.requests) == sorted(moved)


LEAVING = (
    "<p>kept<script>location.href = '/next'</script>",
    "<p>kept<script>onload = () => location.replace('/next')</script>",
    "<p>kept<script>setTimeout(() => location = '/next', 50)</script>",
    "<meta http-equiv=refresh content='0;url=/next'><p>kept",
    "<form action=/next method=post></form><p>kept<script>document.forms[0].submit()</script>",
)


async def test_a_script_that_wants_to_go_elsewhere_stays_and_its_wish_is_reported(house: House) -> None:
    pages: Pages = {f"/{number}": page for number, page in enumerate(LEAVING)}
    site, browser = house.serving({**pages, "/next": "never"})
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
    site, browser = house.serving({"/": page, "/always": "<script>location.reload()</script>"})
    found = await browser.fetch(site.url())
    assert '<p id="a">second' in found.html
    assert found.redirects == ()
    assert site.requests == ["/", "/"]
    again = await browser.fetch(site.url("/always"))
    assert again.redirects[0].location == site.url("/always")
    assert site.requests.count("/always") == 3


async def test_what_is_no_page_is_not_rendered(house: House) -> None:
    pages: Pages = {
        "/pdf": answer("%PDF-", kind="Content-Type: application/pdf"),
        "/file": answer("<p>x", "Content-Disposition: attachment"),
        "/none": b"HTTP/1.1 204 No Content\r\n\r\n",
        "/same": b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n",
        "/big": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 99999999999\r\n\r\n<p>",
    }
    site, browser = house.serving(pages)
    found = await asyncio.gather(*(browser.fetch(site.url(path)) for path in ("/pdf", "/file", "/none", "/same")))
    assert [(page.status, page.media_type) for page in found] == [
        (200, "application/pdf"),
        (200, "text/html"),
        (204, ""),
        (304, ""),
    ]
    assert {(page.shown, page.html) for page in found} == {(False, "")}
    with pytest.raises(Permanent) as large:
        await browser.fetch(site.url("/big"))
    assert large.value.reason == "too_large"


async def test_an_error_page_is_a_page(house: House) -> None:
    site, browser = house.serving({})
    page = await browser.fetch(site.url("/404"))
    assert (page.status, page.shown) == (404, True)
    assert "no /404" in page.html


async def test_images_and_trackers_are_left_out_but_not_of_a_picture(house: House) -> None:
    page = """<link rel=stylesheet href=/a.css><img src=/a.png><video src=/a.mp4></video><p>text
    <style>@font-face { font-family: own; src: url(/a.woff2) } p { font-family: own }</style>
    <script src=https://www.google-analytics.com/ga.js></script>"""
    site, browser = house.serving({"/": page})
    plain = await browser.fetch(site.url())
    assert site.requests == ["/", "/a.css"]
    assert (plain.requests, plain.screenshot) == (2, None)
    assert plain.blocked >= 3
    site.requests.clear()
    painted = await browser.fetch(site.url(), screenshot=True)
    assert (painted.screenshot or b"").startswith(b"\x89PNG\r\n")
    assert {"/a.css", "/a.png", "/a.woff2"} <= set(site.requests)
    assert painted.refused == ()  # nobody tried to look up the tracker
    assert painted.blocked >= 1


async def test_a_site_that_breaks_down_is_tried_again_later(house: House) -> None:
    pages: Pages = {"/reset": b"", "/broken": b"220 mail\r\n\r\n", "/silent": None}
    site, browser = house.serving(pages)
    secure = site.url().replace("http:", "https:")

    async def end_of(url: str, timeout_s: float) -> str:
        with pytest.raises(Transient) as caught:
            await browser.fetch(url, timeout_s=timeout_s)
        return caught.value.reason

    found = await asyncio.gather(
        end_of(site.url("/reset"), 20),
        end_of(site.url("/broken"), 20),
        end_of(site.url("/silent"), 1),
        end_of(secure, 20),
    )
    assert found == ["reset", "protocol", "timeout", "tls"]


async def test_a_page_that_never_finishes_loading_is_taken_as_it_is(house: House) -> None:
    site, browser = house.serving({"/": "<p>there<script async src=/never></script>", "/never": None})
    page = await browser.fetch(site.url(), timeout_s=2)
    assert "<p>there" in page.html
    assert not page.complete
    assert page.elapsed_s < 2


async def test_popups_dialogs_and_downloads_come_to_nothing(house: House) -> None:
    page = """<p>text<a id=d href=/file download>d</a><script>
    alert(1); document.title = String(confirm('x')) + prompt('y'); d.click(); window.open('/popup');
    onbeforeunload = () => 'stay'</script>"""
    site, browser = house.serving({"/": page, "/file": "x", "/popup": "x"})
    found = await browser.fetch(site.url())
    assert "<title>falsenull</title>" in found.html
    assert "/popup" not in site.requests


async def test_pages_are_open_side_by_side_and_never_too_many(house: House) -> None:
    stay = "new Promise(done => setTimeout(done, 300))"
    script = f"fetch('/in').then(() => {stay}).then(() => fetch('/out')).then(() => document.body.append('done'))"
    page = f"<script>{script}</script>"
    site, browser = house.serving({"/": page, "/in": "x", "/out": "x"})
    found = await asyncio.gather(*(browser.fetch(site.url()) for _ in range(5)))
    assert all("done" in each.html for each in found)
    inside = [site.requests[:end].count("/in") - site.requests[:end].count("/out") for end in range(len(site.requests))]
    assert 1 < max(inside) <= BrowserSettings().pages


async def test_a_page_is_bounded_in_its_requests_and_in_the_time_after_it_loaded() -> None:
    many = "<p>x<script>for (let i = 0; i < 25; i++) fetch('/' + i)</script>"
    restless = "<p>x<script>(function next() { fetch('/x').then(next) })()</script>"
    pages: Pages = {"/many": many, "/restless": restless, "/x": "x", "/silent": None}
    async with browsing(pages, page_requests=20, settle_s=0, timeout_s=1) as (site, browser):
        found, soon, silent = await asyncio.gather(
            browser.fetch(site.url("/many"), timeout_s=20),
            browser.fetch(site.url("/restless"), timeout_s=20),
            browser.fetch(site.url("/silent")),
            return_exceptions=True,
        )
        assert isinstance(found, Rendered)
        assert (found.requests, found.blocked) == (20, 6)
        assert isinstance(soon, Rendered)
        assert soon.elapsed_s < BrowserSettings().settle_s
        assert isinstance(silent, Transient)
        assert silent.reason == "timeout"
