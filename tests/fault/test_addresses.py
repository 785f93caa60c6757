"""Row 26: no page, redirect, sitemap or robots.txt makes the crawler or its browser call this machine or its networks.

A canary listens at every address of the machine, and the site names it in every spelling of `tests.harness.forbidden`.
Only the site itself is allowed, by `net.allow_hosts`. Where it may, the last part goes further: in a network namespace
every address of the world is this machine, so that a call to 10.0.0.1 or 169.254.169.254 would arrive as well, nothing
is allowed, and a name service of the test's own changes its answers (DNS rebinding).

Webhooks are the other half of this row; there are none yet. They are to go out through the same `net.Client`, and get
their own part here when they come.
"""

from __future__ import annotations

import asyncio
import socket
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.harness.books import Books
from tests.harness.canary import Canary, canary
from tests.harness.chromium import PATIENCE_S, need_chromium, require
from tests.harness.command import Tidemill
from tests.harness.entries import settled_ledger, verdicts
from tests.harness.everywhere import CANARY_PORT, NAMES, REBINDING_PAGES, can_make_worlds, world
from tests.harness.forbidden import AUTHORITIES, PLACES, REFUSALS, Lures, hosts, keys, plain_numbers, targets
from tests.harness.reports import assert_adds_up
from tests.harness.wire import Exchange, Wire, html, wire

from tidemill.app import open_app
from tidemill.errors import Forbidden, Invalid, Permanent
from tidemill.manage.runs import start
from tidemill.models.run import RunOptions
from tidemill.net import Client
from tidemill.net.badge import Badge
from tidemill.net.proxy import GuardedProxy
from tidemill.settings import NetSettings, Settings

pytestmark = [pytest.mark.fault, pytest.mark.slow]

Verdict = tuple[str, str | None]
BAD_REDIRECT = ("failed", "bad_redirect")
UNREACHABLE = ("failed", "robots_unreachable")


@pytest.fixture
def bird() -> Iterator[Canary]:
    with canary() as listening:
        yield listening


def test_the_canary_hears_whoever_calls(bird: Canary) -> None:
    for host in ("127.0.0.1", "127.83.12.9", "0.0.0.0", "::1", "localhost"):
        with closing(socket.create_connection((host, bird.port), timeout=5)):
            pass
    with canary() as other:
        pass
    assert other.calls == []
    assert len(AUTHORITIES) > 80


def test_the_canary_heard_all_of_them() -> None:
    """Whoever calls just before the end is counted too."""
    with canary() as bird:
        for _ in range(5):
            socket.create_connection(("127.0.0.1", bird.port), timeout=5).close()
    assert len(bird.calls) == 5


# --- the crawler as a process ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Canary, Wire, dict[str, Verdict]]]:
    """A crawl of a site that leads to the canary in every spelling, from every place."""
    folder = tmp_path_factory.mktemp("lured")
    with canary() as bird, wire(Lures(bird.port), origins=1 + len(AUTHORITIES)) as server:
        allowed = ",".join(server.pairs)
        tidemill = Tidemill(folder / "data", f"net.allow_hosts={allowed}", "crawl.max_attempts=1")
        source = folder / "source.yaml"
        start_urls = [server.url("/", origin) for origin in range(len(server.ports))]
        source.write_text(f"name: lures\nstart: {start_urls}\nhosts: {[*server.pairs, *hosts(bird.port)]}\n")
        tidemill("sources", "apply", str(source)).expect(0)
        done = tidemill("crawl", "lures", "--json").expect(0)
        entries = settled_ledger(Books(tidemill.data_dir))
        assert_adds_up(done.json, entries)
        assert done.json["status"] == "completed"
        yield bird, server, verdicts(entries)


def test_the_crawler_calls_nobody_who_is_not_to_be_called(lured: tuple[Canary, Wire, dict[str, Verdict]]) -> None:
    bird, _, _ = lured
    assert bird.calls == []


@pytest.mark.parametrize("place", PLACES)
def test_each_spelling_ends_in_the_ledger_as_refused(
    lured: tuple[Canary, Wire, dict[str, Verdict]], place: str
) -> None:
    bird, server, ledger = lured
    found = {key: ledger.get(key) for key in keys(bird.port, place)}
    # A redirect to a host beyond ASCII may be none at all: a header has no charset.
    no_redirect = {
        number for number in range(len(AUTHORITIES)) if ledger.get(server.url(f"/{place}/{number}")) == BAD_REDIRECT
    }
    missing = {key for key, verdict in found.items() if verdict not in REFUSALS}
    assert {int(key.rpartition("/")[2]) for key in missing} <= no_redirect - set(plain_numbers())
    assert Counter(found.values())["skipped", "private_address"] > 65


def test_a_robots_txt_that_leads_there_is_one_that_cannot_be_had(
    lured: tuple[Canary, Wire, dict[str, Verdict]],
) -> None:
    _, server, ledger = lured
    assert ledger[server.url()] == ("stored", None)
    others = [number + 1 for number in plain_numbers()]
    assert {origin: ledger[server.url("/", origin)] for origin in others} == dict.fromkeys(others, UNREACHABLE)
    assert all(server.asked(origin) == {"/robots.txt": 1} for origin in others)


async def test_no_spelling_is_a_start_url(bird: Canary, settings: Settings) -> None:
    """What `tidemill crawl URL` and the API do first; nothing is stored."""
    async with open_app(settings) as app:
        for url in targets(bird.port, "start"):
            with pytest.raises((Forbidden, Invalid, Permanent)) as caught:
                await start(app.store, settings.net, url, RunOptions())
            assert caught.value.reason in {"private_address", "bad_url"}, url
    assert bird.calls == []


def test_a_list_of_urls_is_refused_one_by_one(bird: Canary, tmp_path: Path) -> None:
    """A list may hold URLs of any host, so that nothing but the guard stands before them."""
    listed = tmp_path / "urls.txt"
    listed.write_text("".join(f"{url}\n" for url in targets(bird.port, "list")))
    source = tmp_path / "source.yaml"
    source.write_text(f"name: list\nkind: files\nstart: ['{listed}']\n")
    tidemill = Tidemill(tmp_path / "data")
    tidemill("sources", "apply", str(source)).expect(0)
    tidemill("crawl", "list", "--json").expect(0)
    ledger = verdicts(settled_ledger(Books(tidemill.data_dir)))
    found = {key: ledger.get(key) for key in keys(bird.port, "list")}
    assert {key: verdict for key, verdict in found.items() if verdict not in REFUSALS} == {}
    assert bird.calls == []


# --- the client, and the proxy of the browser -------------------------------------------------------------------------

PRIVATE_ANSWERS = (
    ("127.0.0.1",),
    ("8.8.8.8", "127.0.0.1"),
    ("::1",),
    ("::ffff:127.0.0.1",),
    ("64:ff9b::7f00:1",),
    ("2002:7f00:1::",),
    ("169.254.169.254",),
    ("10.0.0.1",),
    ("fc00::1",),
    ("fe80::1%lo",),
    ("0.0.0.0",),
)
"""What a name that anybody can register may be made to mean."""


async def test_the_client_calls_none_of_the_matrix(bird: Canary) -> None:
    async with Client(NetSettings(), user_agent="test", lookup=_loopback) as client:
        for url in targets(bird.port, "client"):
            with pytest.raises((Forbidden, Permanent)) as caught:
                await client.get(url)
            assert caught.value.reason in {"private_address", "bad_url"}, url
    assert bird.calls == []


@pytest.mark.parametrize("addresses", PRIVATE_ANSWERS)
async def test_neither_client_nor_proxy_believes_a_name(bird: Canary, addresses: tuple[str, ...]) -> None:
    async def lookup(host: str) -> tuple[str, ...]:
        return addresses

    url = f"http://public.example:{bird.port}/"
    async with Client(NetSettings(), user_agent="test", lookup=lookup) as client:
        for _ in range(3):
            with pytest.raises(Forbidden) as caught:
                await client.get(url)
            assert caught.value.reason == "private_address"
    async with GuardedProxy(NetSettings(), lookup=lookup) as proxy, proxy.badge() as badge:
        for line in (f"GET {url}", f"CONNECT public.example:{bird.port}"):
            assert await _through(proxy, badge, line) == "403 private_address"
    assert bird.calls == []


async def test_the_proxy_calls_none_of_the_matrix(bird: Canary) -> None:
    async with GuardedProxy(NetSettings(), lookup=_loopback) as proxy, proxy.badge() as badge:
        for url in targets(bird.port, "proxy"):
            for line in (f"GET {url}", f"CONNECT {url.split('/')[2]}"):
                answer = await _through(proxy, badge, line)
                assert answer in {"403 private_address", "400 bad_url", "400 bad_request"}, line
        assert proxy.requests > len(AUTHORITIES)
    assert bird.calls == []


async def _loopback(host: str) -> tuple[str, ...]:
    return ("127.0.0.1",)


async def _through(proxy: GuardedProxy, badge: Badge, line: str) -> str:
    """Ask the proxy, and give its status with its reason."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    credential = b64encode(f"{badge.name}:{badge.password}".encode()).decode()
    writer.write(f"{line} HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic {credential}\r\n\r\n".encode())
    answer = (await asyncio.wait_for(reader.read(), 5)).decode("latin-1")
    writer.close()
    status = answer.split(" ")[1]
    reasons = [text.rpartition(": ")[2] for text in answer.splitlines() if text.lower().startswith("x-tidemill")]
    return " ".join([status, *reasons])


# --- pages in the browser ---------------------------------------------------------------------------------------------


def page_of_lures(port: int) -> str:
    """Everything in which a page can name an address: elements, scripts, frames, forms."""
    urls = [url.replace('"', "%22").replace("\\", "\\\\") for url in targets(port, "browser")]
    tags = "".join(
        f'<img src="{url}"><script src="{url}"></script><iframe src="{url}"></iframe><link rel=stylesheet href="{url}">'
        for url in urls
    )
    script = """
const quietly = f => { try { const r = f(); if (r && r.catch) r.catch(() => 0); } catch (e) {} };
for (const url of URLS) {
  quietly(() => fetch(url, {mode: 'no-cors'}));
  quietly(() => new WebSocket(url.replace('http', 'ws')));
  quietly(() => navigator.sendBeacon(url, 'x'));
}
for (let n = 0; n < COUNT; n++) quietly(() => fetch('/redirect/' + n, {mode: 'no-cors'}));
setTimeout(() => { document.body.id = 'tried'; }, 700);
""".replace("URLS", str(urls)).replace("COUNT", str(len(urls)))
    text = html("Page of lures").removesuffix("</body></html>")
    return f"{text}{tags}<script>{script}</script></body></html>"


class BrowserLures(Lures):
    """The same with a page for the browser at `/`, and one that a script leaves at once for each spelling."""

    async def __call__(self, exchange: Exchange) -> None:
        path = exchange.path
        if path == "/":
            await exchange.page(page_of_lures(self.port))
        elif path.startswith("/leave/"):
            target = targets(self.port, "leave")[int(path.rpartition("/")[2])].replace("\\", "\\\\")
            await exchange.page(f"{html('Leaving')}<script>location.href = '{target}'</script>")
        elif path.startswith("/redirect/"):
            await super().__call__(exchange)
        else:
            await exchange.missing()


LEAVING = (0, 8, 14, 42, 75)
"""The spellings for which a page of its own is opened, for that takes its time."""


@pytest.mark.timeout(PATIENCE_S)
def test_a_page_in_the_browser_calls_nobody(bird: Canary, tmp_path: Path) -> None:
    chromium = need_chromium()
    with wire(BrowserLures(bird.port)) as server:
        paths = ["/", *(f"/{kind}/{number}" for kind in ("leave", "redirect") for number in LEAVING)]
        source = tmp_path / "source.yaml"
        source.write_text(
            f"name: browser\nfetch: browser\nstart: {[server.url(path) for path in paths]}\nsitemaps: false\n"
            f"hosts: {[server.pair(), *hosts(bird.port)]}\n"
        )
        tidemill = Tidemill(
            tmp_path / "data",
            f"net.allow_hosts={server.pair()}",
            f"browser.executable={chromium}",
            "browser.settle_s=1",
            "browser.page_requests=5000",
            "browser.timeout_s=15",
            "crawl.max_attempts=1",
        )
        tidemill("sources", "apply", str(source)).expect(0)
        tidemill("crawl", "browser", "--json", timeout_s=PATIENCE_S).expect(0)
        ledger = verdicts(settled_ledger(Books(tidemill.data_dir)))
        assert ledger[server.url()] == ("stored", None)
        followed = {verdict for url, verdict in ledger.items() if not url.startswith(server.url())}
        assert ("skipped", "private_address") in followed
        assert followed <= REFUSALS
        assert server.asked()["/redirect/1"] == 1, "the scripts of the page did not run"
        assert len([path for path in server.asked() if path.startswith("/redirect/")]) == len(AUTHORITIES)
    assert bird.calls == []


# --- a world in which every address is this machine -------------------------------------------------------------------


@pytest.fixture
def new_world() -> None:
    require("a network namespace", can_make_worlds(), "run this as root, on Linux, with iproute2")


@pytest.mark.usefixtures("new_world")
def test_no_address_of_the_matrix_is_called_where_all_of_them_answer(tmp_path: Path) -> None:
    seen = world("matrix", tmp_path)
    assert seen["calls"] == []
    ledger = verdicts(seen["ledger"])
    found = {key: ledger[key] for place in PLACES for key in keys(CANARY_PORT, place) if key in ledger}
    assert set(found.values()) <= REFUSALS
    assert Counter(found.values())["skipped", "private_address"] > 65 * len(PLACES)
    called = {call.rpartition(" ")[0] for call in seen["control"]}
    assert called >= {"127.0.0.1", "::1", "10.0.0.1", "169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::", "fc00::1"}


@pytest.mark.usefixtures("new_world")
def test_a_name_that_changes_its_mind_leads_nowhere_else(tmp_path: Path) -> None:
    """DNS rebinding, with a name service whose answers are good for no second.

    Within a run the name means what it meant at first, although each page takes a new connection; the next run asks
    again, learns that it means this machine now, and does not go there.
    """
    seen = world("rebinding", tmp_path)
    assert seen["calls"] == []
    first, second = (verdicts(ledger) for ledger in seen["ledgers"])
    changing = {url for url in first if "//rebind" in url}
    assert len(changing) == 2 * (REBINDING_PAGES + 1)
    assert {first[url] for url in changing} <= {("stored", None), ("duplicate", "exact_content")}
    assert {first[url] for url in first.keys() - changing} == {("skipped", "private_address")}
    assert len(first.keys() - changing) == len(NAMES) - 2
    assert set(second.values()) == {("skipped", "private_address")}
    assert second.keys() == first.keys()
    assert seen["requests"] == len(changing) + 2  # their two robots.txt
    assert [seen["dns"][f"{name} 1"] for name in ("rebind.test", "rebind6.test")] == [2, 2]
