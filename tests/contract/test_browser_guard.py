"""What a page in the browser never reaches, whatever it tries: nothing but the network that the guard allows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest
from tests.contract.browser_house import BROWSER_TESTS, Site, answer, browsing

from tidemill.errors import Forbidden, Permanent, TidemillError

if TYPE_CHECKING:
    from tidemill.crawl.browser.browser import Browser

pytestmark = BROWSER_TESTS


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
    async with Canary().listening() as canary, browsing({}, settle_s=1.3) as (site, browser):
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
    async with (
        Canary().listening() as canary,
        browsing({}, settle_s=1.3, net={"allow_private": True}) as (site, browser),
    ):
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
    async def lookup(host: str) -> tuple[str, ...]:
        return {"inside.test": ("10.0.0.1",)}.get(host, ())

    async def refusal(browser: Browser, url: str) -> tuple[type[TidemillError], str]:
        with pytest.raises(TidemillError) as caught:
            await browser.fetch(url)
        return type(caught.value), caught.value.reason

    async with browsing({}, lookup=lookup) as (_, browser):
        found = await asyncio.gather(*(refusal(browser, url) for url in REFUSED))
        assert dict(zip(REFUSED, found, strict=True)) == REFUSED
