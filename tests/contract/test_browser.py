"""The browser with a real Chromium and pages on loopback: what it renders, what it never reaches, and that it ends.

`kept` names processes by pid and start time, so that a pid given out again is not mistaken for a survivor.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import psutil
import pytest

from tidemill.errors import Forbidden, Invalid, Permanent, Skipped, TidemillError, Transient
from tidemill.settings import NetSettings

if TYPE_CHECKING:
    from tidemill.crawl.browser import Browser

pytestmark = pytest.mark.slow

HTML = "Content-Type: text/html; charset=utf-8"
MIB = 1024 * 1024


@pytest.fixture(autouse=True)
def _browser_is_there(missing: Callable[[str, str], NoReturn]) -> None:
    if importlib.util.find_spec("playwright") is None:
        missing("playwright", "install the extra: pip install 'tidemill[browser]'")
    from tidemill.crawl.browser import find_chromium

    try:
        find_chromium()
    except Invalid as error:
        missing("Chromium", str(error))


class Site:
    """A website on 127.0.0.1: a page is its HTML, or a whole response, or None for one that never comes."""

    def __init__(self, pages: dict[str, str | bytes | None]) -> None:
        self.pages = pages
        self.requests: list[str] = []
        self.heads: dict[str, str] = {}
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def pair(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str = "/") -> str:
        return f"http://{self.pair}{path}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            start = await reader.readexactly(1)
            if start == b"\x16":  # TLS, which it does not speak
                writer.write(answer("", status="400 Bad Request"))
                writer.close()
                return
            head = (start + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            path = head.split(" ")[1]
            self.requests.append(path)
            self.heads[path] = head
            page = self.pages.get(path, answer(f"no {path}", status="404 Not Found"))
            if page is None:
                await reader.read()
            elif page == b"endless":
                writer.write(f"HTTP/1.1 200 OK\r\n{HTML}\r\n\r\n<p>".encode())
                while True:
                    writer.write(b"<i>x</i>" * 8192)
                    await writer.drain()
            else:
                writer.write(page if isinstance(page, bytes) else answer(page))
                await writer.drain()
        writer.close()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Site]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await server.wait_closed()


def answer(body: str, *headers: str, status: str = "200 OK", kind: str = HTML) -> bytes:
    lines = "".join(f"{line}\r\n" for line in (kind, *headers))
    return (
        f"HTTP/1.1 {status}\r\n{lines}Content-Length: {len(body.encode())}\r\nConnection: close\r\n\r\n{body}".encode()
    )


class Canary(asyncio.DatagramProtocol):
    """Listens on one port of loopback, TCP and UDP, IPv4 and IPv6, and notes whoever comes."""

    def __init__(self) -> None:
        self.port = 0
        self.visits: list[str] = []

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.visits.append(f"udp {data[:20]!r}")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visits.append("tcp")
        writer.close()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Canary]:
        loop = asyncio.get_running_loop()
        servers = [await asyncio.start_server(self._serve, "127.0.0.1", 0)]
        self.port = servers[0].sockets[0].getsockname()[1]
        ends = [(await loop.create_datagram_endpoint(lambda: self, ("127.0.0.1", self.port)))[0]]
        with suppress(OSError):  # no IPv6 here
            servers.append(await asyncio.start_server(self._serve, "::1", self.port))
            ends.append((await loop.create_datagram_endpoint(lambda: self, ("::1", self.port)))[0])
        try:
            yield self
        finally:
            for end in ends:
                end.close()
            for server in servers:
                server.close()
                await server.wait_closed()


@asynccontextmanager
async def browsing(
    pages: dict[str, str | bytes | None], /, *, allow_private: bool = False, **options: Any
) -> AsyncIterator[tuple[Site, Browser]]:
    """A site, and a browser that may go there and nowhere else on this machine."""
    from tidemill.crawl.browser import Browser, BrowserOptions

    async with Site(pages).listening() as site:
        net = NetSettings(allow_hosts=(site.pair,), allow_private=allow_private)
        async with Browser(net, user_agent="tidemill-test/1", options=BrowserOptions(**options)) as browser:
            yield site, browser


Kept = set[tuple[int, float]]


def kept(pids: Iterable[int]) -> Kept:
    """These processes and all below them."""
    found = set()
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            found |= {(each.pid, each.create_time()) for each in (process, *process.children(recursive=True))}
    return found


def alive(processes: Kept) -> list[str]:
    """Those of them that still run."""
    found = []
    for pid, created in processes:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            if process.create_time() == created and process.status() != psutil.STATUS_ZOMBIE:
                found.append(f"{pid} {' '.join(process.cmdline())[:100]}")
    return found


async def until(condition: Callable[[], object], within_s: float = 10) -> None:
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def named(processes: Kept, word: str) -> list[int]:
    found = []
    for pid, _ in sorted(processes):
        with suppress(psutil.NoSuchProcess):
            if word in " ".join(psutil.Process(pid).cmdline()):
                found.append(pid)
    return found


def main_pid(browser: Browser) -> int:
    """Chromium's own process: the keeper's child."""
    (keeper,) = browser.keeper_pids
    return psutil.Process(keeper).children()[0].pid


SCRIPTED = """<!doctype html><title>t</title><p id=a>empty</p><script>
fetch('/api').then(r => r.text()).then(t => { a.textContent = t; history.pushState({}, '', '/pushed') })</script>"""


async def test_a_page_that_needs_scripts_is_rendered() -> None:
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


async def test_each_page_knows_nothing_of_the_others_and_headers_go_with_the_document_only() -> None:
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


async def test_a_redirect_is_reported_and_not_followed() -> None:
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


async def test_a_script_that_wants_to_go_elsewhere_stays_and_its_wish_is_reported() -> None:
    pages: dict[str, str | bytes | None] = {f"/{number}": page for number, page in enumerate(LEAVING)}
    async with browsing({**pages, "/next": "never"}) as (site, browser):
        found = await asyncio.gather(*(browser.fetch(site.url(path), timeout_s=8) for path in pages))
        for page in found:
            assert [(each.status, each.location) for each in page.redirects][:1] == [(0, site.url("/next"))], page
            assert "<p>kept" in page.html
            assert (page.status, page.final_url) == (200, page.url)
            assert page.elapsed_s < 4
        assert "/next" not in site.requests


async def test_a_page_that_sets_a_cookie_and_loads_itself_again_is_read_after_that() -> None:
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


async def test_what_is_no_page_is_not_rendered() -> None:
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


async def test_images_and_trackers_are_left_out_but_not_of_a_picture() -> None:
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


CANARIES = """<!doctype html><link rel=preconnect href=http://C/><link rel=prefetch href=http://C/p>
<link rel=dns-prefetch href=//canary.test><link rel=stylesheet href=http://C/s.css><img src=http://C/i.png>
<img src=/away><iframe src=http://C/f></iframe><iframe src=/away></iframe><iframe src=//localhost:P/></iframe>
<iframe src=http://[::1]:P/></iframe><object data=http://C/o></object><a id=x href=http://C/ ping=http://C/ping>x</a>
<script type=speculationrules>{"prefetch":[{"urls":["http://C/sr"]}],"prerender":[{"urls":["http://C/pr"]}]}</script>
<script>
const hosts = ['127.0.0.1:P', 'localhost:P', '[::1]:P', '2130706433:P', '0x7f.1:P', '0.0.0.0:P', 'a.localhost:P'];
const quietly = f => { try { const r = f(); if (r && r.catch) r.catch(() => 0); } catch (e) {} };
for (const host of hosts) {
  quietly(() => fetch('http://' + host + '/fetch', {mode: 'no-cors'}));
  quietly(() => fetch('https://' + host + '/fetch', {mode: 'no-cors'}));
  quietly(() => new WebSocket('ws://' + host + '/'));
  quietly(() => new WebSocket('wss://' + host + '/'));
  quietly(() => new EventSource('http://' + host + '/'));
  quietly(() => navigator.sendBeacon('http://' + host + '/', 'x'));
  quietly(() => new WebTransport('https://' + host + '/').ready);
}
quietly(() => fetch('/away'));
quietly(() => fetch('/away', {method: 'POST', body: 'x', redirect: 'follow'}));
quietly(() => window.open('http://C/popup'));
quietly(() => x.click());
quietly(() => new Worker(URL.createObjectURL(new Blob(
  ["fetch('http://C/w', {mode: 'no-cors'}); new WebSocket('ws://C/'); importScripts('http://C/w.js')"]))));
quietly(() => navigator.serviceWorker.register('/sw.js'));
quietly(async () => {
  const peer = new RTCPeerConnection({iceServers: [
    {urls: ['stun:127.0.0.1:P', 'stun:localhost:P', 'stun:[::1]:P']},
    {urls: ['turn:127.0.0.1:P?transport=udp', 'turn:127.0.0.1:P?transport=tcp', 'turns:127.0.0.1:P?transport=tcp'],
     username: 'u', credential: 'c'}]});
  peer.createDataChannel('x');
  await peer.setLocalDescription(await peer.createOffer());
  document.title = 'peer';
  await peer.setRemoteDescription({type: 'answer', sdp: peer.localDescription.sdp
    .replace('a=setup:actpass', 'a=setup:active')});
  await peer.addIceCandidate({candidate: 'candidate:1 1 udp 2122260223 127.0.0.1 P typ host', sdpMLineIndex: 0});
  await peer.addIceCandidate({candidate: 'candidate:2 1 tcp 1518280447 127.0.0.1 P typ host tcptype passive',
    sdpMLineIndex: 0});
});
setTimeout(() => { document.body.id = 'done' }, 1000);
fetch('/later');
</script><p>text"""


def canaries(site: Site, port: int) -> None:
    site.pages["/"] = (
        CANARIES.replace("//C", f"//127.0.0.1:{port}").replace(":P", f":{port}").replace(" P ", f" {port} ")
    )
    site.pages["/away"] = answer("", f"Location: http://127.0.0.1:{port}/r", status="302 Found")
    site.pages["/sw.js"] = answer("fetch('/sw')", kind="Content-Type: text/javascript")
    site.pages["/later"] = None


async def test_nothing_in_a_page_reaches_a_private_address() -> None:
    async with Canary().listening() as canary, browsing({}) as (site, browser):
        canaries(site, canary.port)
        page = await browser.fetch(site.url(), screenshot=True, timeout_s=8)
        assert canary.visits == []
        assert '<body id="done">' in page.html
        assert "<title>peer</title>" in page.html
        assert "/away" in site.requests
        assert "/sw" not in site.requests
        reasons = dict(page.refused)
        assert reasons[f"127.0.0.1:{canary.port}"] == "private_address"
        assert {"127.0.0.1", "localhost", "::1", "0.0.0.0", "a.localhost"} <= {
            each.rpartition(":")[0] for each in reasons
        }
        assert set(reasons.values()) == {"private_address"}
        assert page.blocked > 10


async def test_the_canary_would_have_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    from tidemill.crawl.browser import chromium

    flags = [flag for flag in chromium.chromium_flags() if "webrtc" not in flag]
    monkeypatch.setattr(chromium, "chromium_flags", lambda: flags)
    async with Canary().listening() as canary, browsing({}, allow_private=True) as (site, browser):
        canaries(site, canary.port)
        await browser.fetch(site.url())
        assert "tcp" in canary.visits
        assert any(visit.startswith("udp") for visit in canary.visits)


REFUSED = {
    "http://127.0.0.1:1/": (Forbidden, "private_address"),
    "http://inside.test/": (Forbidden, "private_address"),
    "https://inside.test/": (Forbidden, "private_address"),
    "http://nowhere.test/": (Permanent, "dns_no_such_host"),
    "https://nowhere.test/": (Permanent, "dns_no_such_host"),
    "file:///etc/passwd": (Forbidden, "scheme_not_allowed"),
    "chrome://version/": (Forbidden, "scheme_not_allowed"),
}


async def test_a_refused_page_is_refused_with_the_reason_of_the_guard() -> None:
    from tidemill.crawl.browser import Browser

    async def lookup(host: str) -> tuple[str, ...]:
        return {"inside.test": ("10.0.0.1",)}.get(host, ())

    async with Browser(NetSettings(), user_agent="t", lookup=lookup) as browser:
        for url, expected in REFUSED.items():
            with pytest.raises(TidemillError) as caught:
                await browser.fetch(url)
            assert (type(caught.value), caught.value.reason) == expected


async def test_a_site_that_breaks_down_is_tried_again_later() -> None:
    pages: dict[str, str | bytes | None] = {"/reset": b"", "/broken": b"220 mail\r\n\r\n", "/silent": None}
    async with browsing(pages) as (site, browser):
        for path, why in (("/reset", "reset"), ("/broken", "protocol"), ("/silent", "timeout")):
            with pytest.raises(Transient) as caught:
                await browser.fetch(site.url(path), timeout_s=2)
            assert caught.value.reason == why
        with pytest.raises(Transient) as plain:
            await browser.fetch(site.url().replace("http:", "https:"))
        assert plain.value.reason == "tls"


async def test_hostile_pages_end_by_their_own_limit_and_harm_no_other() -> None:
    pages: dict[str, str | bytes | None] = {
        "/good": "<p>good",
        "/loop": "<p>x<script>for (;;);</script>",
        "/late-loop": "<p>x<script>onload = () => { for (;;); }</script>",
        "/alerts": "<p>x<script>for (;;) { alert(1); confirm(2); prompt(3) }</script>",
        "/endless": b"endless",
        "/grows": "<p><script>for (let i = 0; i < 4; i++) document.body.append('word '.repeat(1e5))</script>",
    }
    ends = {
        "/loop": (Transient, "timeout"),
        "/late-loop": (Transient, "timeout"),
        "/alerts": (Transient, "timeout"),
        "/endless": (Permanent, "too_large"),
        "/grows": (Permanent, "too_large"),
    }
    async with browsing(pages, pages=3, page_bytes=4 * MIB, max_html_bytes=MIB) as (site, browser):

        async def end_of(path: str) -> tuple[type[TidemillError], str]:
            with pytest.raises(TidemillError) as caught:
                await browser.fetch(site.url(path), timeout_s=2.5)
            return type(caught.value), caught.value.reason

        started = time.monotonic()
        found = await asyncio.gather(*map(end_of, ends))
        assert dict(zip(ends, found, strict=True)) == ends
        assert time.monotonic() - started < 15
        assert "<p>good" in (await browser.fetch(site.url("/good"), timeout_s=5)).html


async def test_a_page_that_never_finishes_loading_is_taken_as_it_is() -> None:
    async with browsing({"/": "<p>there<script async src=/never></script>", "/never": None}) as (site, browser):
        page = await browser.fetch(site.url(), timeout_s=3)
        assert "<p>there" in page.html
        assert not page.complete
        assert page.elapsed_s < 3


async def test_a_page_that_eats_memory_is_killed_and_its_neighbour_is_not() -> None:
    hog = """<p>x<script>const all = []; setInterval(() => { all.push(new Uint8Array(2e7).fill(1)) }, 5);
    fetch('/never')</script>"""
    slow = "<p id=a>slow<script>setTimeout(() => fetch('/tick').then(() => a.textContent = 'done'), 150)</script>"
    pages: dict[str, str | bytes | None] = {"/hog": hog, "/slow": slow, "/tick": "x", "/never": None}
    async with browsing(pages, page_memory_mb=400, settle_s=6) as (site, browser):
        first = asyncio.create_task(browser.fetch(site.url("/hog"), timeout_s=10))
        await until(lambda: "/hog" in site.requests)
        assert ">done<" in (await browser.fetch(site.url("/slow"))).html
        with pytest.raises(Transient) as caught:
            await first
        assert caught.value.reason == "browser_crashed"
        assert ">done<" in (await browser.fetch(site.url("/slow"))).html
        assert browser.started == 1


async def test_popups_dialogs_and_downloads_come_to_nothing() -> None:
    page = """<p>text<a id=d href=/file download>d</a><script>
    alert(1); document.title = String(confirm('x')) + prompt('y'); d.click(); window.open('/popup');
    onbeforeunload = () => 'stay'</script>"""
    async with browsing({"/": page, "/file": "x", "/popup": "x"}) as (site, browser):
        found = await browser.fetch(site.url())
        assert "<title>falsenull</title>" in found.html
        assert "/popup" not in site.requests


async def test_pages_are_open_side_by_side_and_never_too_many() -> None:
    page = "<script>onload = () => { let n = 0; const t = setInterval(() => fetch('/t').then(() => { if (++n > 5) "
    page += "{ clearInterval(t); document.body.textContent = 'done' } }), 30) }</script>"
    async with browsing({"/": page, "/t": "x"}, pages=3) as (site, browser):
        found = await asyncio.gather(*(browser.fetch(site.url()) for _ in range(5)))
        assert all("done" in each.html for each in found)
        assert browser.started == 1


async def test_a_browser_is_replaced_after_its_pages_and_ends() -> None:
    async with browsing({"/": "<p>x"}, recycle_after=2) as (site, browser):
        seen: Kept = set()
        for _ in range(3):
            await browser.fetch(site.url())
            seen |= kept(browser.keeper_pids)
        assert browser.started == 2
        await until(lambda: len(browser.keeper_pids) == 1 and len(alive(seen - kept(browser.keeper_pids))) == 0)


async def test_a_browser_is_replaced_when_it_holds_too_much() -> None:
    page = "<p>x<script>setInterval(() => fetch('/t'), 50)</script>"
    async with browsing({"/": page, "/t": "x"}, memory_mb=200, page_memory_mb=4000, settle_s=1.5) as (site, browser):
        with suppress(Transient):
            await browser.fetch(site.url())
        with suppress(Transient):
            await browser.fetch(site.url())
        assert browser.started == 2


async def end_of(browser: Browser, site: Site, harm: Callable[[], None], timeout_s: float = 6) -> str:
    """Do harm while a page is loading; give the reason of its failure, when the next page is rendered again."""
    work = asyncio.create_task(browser.fetch(site.url("/slow"), timeout_s=timeout_s))
    await until(lambda: "/tick" in site.requests)
    before = kept(browser.keeper_pids)
    harm()
    with pytest.raises(Transient) as caught:
        await work
    assert "<p>good" in (await browser.fetch(site.url("/good"))).html
    await until(lambda: not alive(before))
    return caught.value.reason


def driver_pid() -> int:
    return next(each.pid for each in psutil.Process().children() if "run-driver" in each.cmdline())


SLOW: dict[str, str | bytes | None] = {
    "/slow": "<p>slow<script>setInterval(() => fetch('/tick'), 50)</script>",
    "/tick": "x",
    "/good": "<p>good",
}


async def test_a_browser_that_crashes_costs_its_page_and_is_started_anew() -> None:
    async with browsing(SLOW) as (site, browser):
        assert await end_of(browser, site, lambda: os.kill(main_pid(browser), signal.SIGKILL)) == "browser_crashed"
        site.requests.clear()
        (keeper,) = browser.keeper_pids
        assert await end_of(browser, site, lambda: os.kill(keeper, signal.SIGKILL)) == "browser_crashed"
        assert browser.started == 3


async def test_a_browser_that_hangs_costs_its_page_and_is_started_anew() -> None:
    async with browsing(SLOW, close_timeout_s=1) as (site, browser):
        assert await end_of(browser, site, lambda: os.kill(main_pid(browser), signal.SIGSTOP), 2) in (
            "timeout",
            "browser_crashed",
        )


async def test_a_driver_that_crashes_costs_its_page_and_is_started_anew() -> None:
    async with browsing(SLOW, close_timeout_s=1) as (site, browser):
        assert await end_of(browser, site, lambda: os.kill(driver_pid(), signal.SIGKILL)) == "browser_crashed"


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder for temporary files with a short path, as Chromium's sockets need it."""
    with tempfile.TemporaryDirectory(prefix="tm-") as folder:
        yield Path(folder)


def entries(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()]


async def test_nothing_is_left_after_close(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr("tempfile.tempdir", None)
    me, tasks, sockets = psutil.Process(), len(asyncio.all_tasks()), len(psutil.Process().net_connections())
    async with browsing(SLOW) as (site, browser):
        work = asyncio.create_task(browser.fetch(site.url("/slow")))
        await until(lambda: "/tick" in site.requests)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert "<p>good" in (await browser.fetch(site.url("/good"))).html
        everything = kept(each.pid for each in me.children())
        assert named(everything, "--type=")
        assert entries(temporary)
    assert alive(everything) == []
    assert entries(temporary) == []
    await asyncio.sleep(0.05)
    assert len(asyncio.all_tasks()) == tasks
    assert len(me.net_connections()) == sockets


OWNER = """
import asyncio, sys
from tidemill.crawl.browser import Browser
from tidemill.settings import NetSettings

async def main():
    pair = sys.argv[1]
    async with Browser(NetSettings(allow_hosts=(pair,)), user_agent="t") as browser:
        await browser.fetch(f"http://{pair}/good")
        print("ready", flush=True)
        await browser.fetch(f"http://{pair}/loop", timeout_s=60)

asyncio.run(main())
"""


@pytest.mark.parametrize("victims", ["owner", "owner and driver", "owner, with the driver stopped"])
async def test_no_process_outlives_an_owner_that_was_killed(temporary: Path, victims: str) -> None:
    pages = {**SLOW, "/loop": "<script>fetch('/tick').then(() => { for (;;); })</script>"}
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(temporary)}
    async with Site(pages).listening() as site:
        owner = subprocess.Popen([sys.executable, "-c", OWNER, site.pair], env=environment)  # noqa: ASYNC220
        try:
            await until(lambda: "/tick" in site.requests or owner.poll() is not None, 20)
            everything = kept([owner.pid])
            assert named(everything, "--type=renderer")
            (driver,) = named(everything, "run-driver")
            if victims == "owner, with the driver stopped":
                os.kill(driver, signal.SIGSTOP)
            owner.kill()
            if victims == "owner and driver":
                os.kill(driver, signal.SIGKILL)
            owner.wait()
            if victims == "owner, with the driver stopped":
                await until(lambda: len(alive(everything)) == 1)
                os.kill(driver, signal.SIGCONT)
            await until(lambda: not alive(everything))
            await until(lambda: not entries(temporary))
        finally:
            owner.kill()
            owner.wait()


async def test_a_machine_without_chromium_says_so(tmp_path: Path) -> None:
    from tidemill.crawl.browser import Browser, BrowserOptions

    options = BrowserOptions(executable=tmp_path / "none")
    with pytest.raises(Invalid, match="none"):
        async with Browser(NetSettings(), user_agent="t", options=options):
            pass
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o700)
    async with Browser(NetSettings(), user_agent="t", options=BrowserOptions(executable=broken)) as browser:
        with pytest.raises(Transient) as caught:
            await browser.fetch("http://127.0.0.1:1/", allow_private=True)
        assert caught.value.reason == "browser_crashed"
