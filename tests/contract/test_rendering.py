"""The browser as a transport: its answers are those of the HTTP client, but for what scripts made of the page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import pytest_asyncio
from tests.contract.browser_house import BROWSER_TESTS, Pages, Site, answer
from tests.harness.chromium import need_chromium

from tidemill.crawl.rendering import CONTENT_TYPE, Rendering
from tidemill.crawl.transport import Transport
from tidemill.errors import Forbidden, Invalid
from tidemill.net import Client
from tidemill.net.profile import Profile
from tidemill.settings import NetSettings
from tidemill.settings.tree import BrowserSettings

pytestmark = BROWSER_TESTS

AGENT = "tidemill-test/1"


@dataclass(slots=True)
class House:
    """A site, and the two ways to ask it."""

    site: Site
    rendering: Rendering
    client: Client

    def serving(self, pages: Pages) -> tuple[Site, Transport]:
        self.site.pages = pages
        self.site.requests.clear()
        return self.site, self.rendering


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[House]:
    need_chromium()
    async with Site({}).listening() as site:
        net = NetSettings(allow_hosts=(site.pair,))
        async with (
            Rendering(BrowserSettings(), net, user_agent=AGENT) as rendering,
            Client(net, user_agent=AGENT) as client,
        ):
            yield House(site, rendering, client)


def same(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """Headers of a message, without those of its connection."""
    return sorted((name.lower(), value) for name, value in headers.items() if name.lower() != "connection")


async def test_a_page_is_what_its_scripts_made_of_it_in_utf_8(house: House) -> None:
    page = "<title>t</title><p id=a><script>a.textContent = 'Gr\u00fc\u00dfe \u6f6e'</script>"
    latin = answer(page, "ETag: x", "Last-Modified: y", "X-Robots-Tag: noindex")
    site, transport = house.serving({"/": latin})
    found = await transport.get(site.url())
    assert '<p id="a">Gr\u00fc\u00dfe \u6f6e' in found.body.decode()
    assert (found.url, found.status, found.body_read, found.screenshot) == (site.url(), 200, True, None)
    assert found.content_type == found.headers["content-type"] == CONTENT_TYPE
    assert found.media_type == "text/html"
    assert found.received_bytes == len(latin)
    assert found.elapsed_s > 0
    assert found.headers["X-Robots-Tag"] == "noindex"


async def test_it_speaks_of_the_page_and_not_of_the_bytes_that_the_server_sent(house: House) -> None:
    """The shell of a page may be unchanged for years while its content is not."""
    site, transport = house.serving({"/": answer("<p>x", "ETag: x", "Last-Modified: y")})
    found = await transport.get(site.url(), headers={"If-None-Match": "x", "if-modified-since": "y", "X-Own": "1"})
    assert not {"etag", "last-modified", "content-length"} & {name.lower() for name in found.headers}
    assert "X-Own: 1\r\n" in site.heads["/"]
    assert "if-none-match" not in site.heads["/"].lower()
    assert "if-modified-since" not in site.heads["/"].lower()


ALIKE: Pages = {
    **{f"/{status}": answer("", "Location: /next?a=1", status=f"{status} Elsewhere") for status in (301, 302, 307)},
    "/pdf": answer("%PDF-", kind="Content-Type: Application/PDF; x=y"),
    "/gone-pdf": answer("%PDF-", kind="Content-Type: application/pdf", status="404 Not Found"),
    "/none": b"HTTP/1.1 204 No Content\r\n\r\n",
}


async def test_answers_that_no_browser_shows_are_those_of_the_client(house: House) -> None:
    site, transport = house.serving(ALIKE)

    def html_only(status: int, media_type: str) -> bool:
        return media_type == "text/html"

    rendered = await asyncio.gather(*(transport.get(site.url(path), want=html_only) for path in ALIKE))
    for found in rendered:
        plain = await house.client.get(found.url, want=html_only)
        assert (found.status, found.content_type, found.media_type) == (
            plain.status,
            plain.content_type,
            plain.media_type,
        )
        assert same(found.headers) == same(plain.headers)
        assert (found.body, found.screenshot) == (b"", None)
        assert found.body_read == (found.status == 204)


@pytest.mark.parametrize("status", ["403 Forbidden", "404 Not Found", "503 Service Unavailable"])
async def test_an_error_page_has_its_status_and_its_text(house: House, status: str) -> None:
    site, transport = house.serving({"/": answer("<p>sorry", "Retry-After: 7", status=status)})
    found = await transport.get(site.url())
    assert (found.status, found.headers["Retry-After"], found.body_read) == (int(status[:3]), "7", True)
    assert b"<p>sorry" in found.body


async def test_a_script_that_leads_elsewhere_is_told_as_a_refresh(house: House) -> None:
    site, transport = house.serving({"/": "<p>kept<script>location = '/next'</script>", "/next": "never"})
    found = await transport.get(site.url())
    assert found.headers["Refresh"] == f"0; url={site.url('/next')}"
    assert b"<p>kept" in found.body
    assert "/next" not in site.requests


async def test_what_is_not_wanted_is_not_given(house: House) -> None:
    site, transport = house.serving({"/": "<p>x"})
    found = await transport.get(site.url(), want=lambda status, media_type: False)
    assert (found.status, found.body, found.body_read) == (200, b"", False)


async def test_the_guard_stands_before_it(house: House) -> None:
    with pytest.raises(Forbidden) as caught:
        await house.rendering.get("http://127.0.0.1:1/")
    assert caught.value.reason == "private_address"
    site, transport = house.serving({"/": "<p>x"})
    assert (await transport.get(site.url(), allow_private=True)).status == 200


async def test_the_document_carries_what_the_source_says_and_the_rest_of_the_page_its_cookies() -> None:
    need_chromium()
    async with Site({"/": "<p>x<script>fetch('/api')</script>", "/api": "x"}).listening() as site:
        profile = Profile(
            hosts=frozenset({site.pair}),
            user_agent="own/3",
            headers={"X-Own": "1", "X-Both": "profile"},
            cookies={"key": "value"},
            username="u",
            password="p",
        )
        net = NetSettings(allow_hosts=(site.pair,))
        async with Rendering(BrowserSettings(), net, user_agent=AGENT, profile=profile) as rendering:
            await rendering.get(site.url(), headers={"x-both": "request"})
    document, rest = site.heads["/"], site.heads["/api"]
    for line in ("User-Agent: own/3", "X-Own: 1", "x-both: request", "Cookie: key=value", "Authorization: Basic dTpw"):
        assert f"{line}\r\n".lower() in document.lower()
    assert "profile" not in document
    assert "Cookie: key=value\r\n" in rest
    assert "User-Agent: own/3\r\n" in rest
    assert "x-own" not in rest.lower()


@pytest.mark.parametrize("keep", [True, False])
async def test_cookies_that_a_site_sets_are_kept_for_the_run_if_the_source_wants_that(keep: bool) -> None:
    need_chromium()
    first = "<p>x<script>document.cookie = 'script=2'</script>"
    pages: Pages = {
        "/": answer(first, "Set-Cookie: server=1; HttpOnly"),
        "/second": answer("<p>y", "Set-Cookie: server=; Max-Age=0"),
        "/third": "<p>z",
    }
    async with Site(pages).listening() as site:
        profile = Profile(hosts=frozenset({site.pair}), keep_cookies=keep)
        net = NetSettings(allow_hosts=(site.pair,))
        async with Rendering(BrowserSettings(), net, user_agent=AGENT, profile=profile) as rendering:
            for path in pages:
                await rendering.get(site.url(path))
    sent = [
        [line for line in site.heads[path].splitlines() if line.startswith("Cookie")] for path in ("/second", "/third")
    ]
    assert sent == ([["Cookie: server=1; script=2"], ["Cookie: script=2"]] if keep else [[], []])


async def test_headers_that_cannot_be_sent_are_refused_at_once(house: House) -> None:
    for headers in ({"X-A": "a\nb"}, {"Host": "other"}, {"X A": "b"}):
        with pytest.raises(Invalid) as caught:
            await house.rendering.get(house.site.url(), headers=headers)
        assert caught.value.reason == "bad_header"


async def test_chromium_is_started_by_the_first_page_and_ends_with_the_crawl() -> None:
    need_chromium()
    me = psutil.Process()
    before = {child.pid for child in me.children()}
    async with Site({"/": "<p>x<img src=/a.png>"}).listening() as site:
        net = NetSettings(allow_hosts=(site.pair,))
        async with Rendering(BrowserSettings(), net, user_agent=AGENT, screenshot=True) as rendering:
            assert {child.pid for child in me.children()} == before
            first, second = await asyncio.gather(rendering.get(site.url()), rendering.get(site.url()))
            assert all((found.screenshot or b"").startswith(b"\x89PNG\r\n") for found in (first, second))
            assert "/a.png" in site.requests
            started = {child.pid for child in me.children()} - before
            assert len(started) == 1  # one driver, whose child Chromium is
        assert not started & {child.pid for child in me.children() if child.status() != psutil.STATUS_ZOMBIE}
        with pytest.raises(RuntimeError, match="closed"):
            await rendering.get(site.url())


async def test_no_chromium_is_an_error_that_names_the_way_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tidemill.crawl.browser.options.shutil.which", lambda name: None)
    monkeypatch.setattr("tidemill.crawl.browser.options._DEBIAN_SHELL", tmp_path)
    monkeypatch.setattr("tidemill.crawl.browser.options._MAC_PATHS", ())
    monkeypatch.setattr("tidemill.crawl.browser.options.os.access", lambda path, mode: False)
    async with Rendering(BrowserSettings(), NetSettings(), user_agent=AGENT) as rendering:
        with pytest.raises(Invalid, match=r"apt-get install chromium.*browser\.executable") as caught:
            await rendering.get("http://127.0.0.1:1/")
    assert caught.value.reason == "no_browser"
