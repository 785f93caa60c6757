"""What a client with a profile sends, seen from the servers and proxies that get it; and what nobody gets to see.

Servers, proxies and canaries are on loopback and speak raw bytes.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import socket
import ssl
import subprocess
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NoReturn

import aiohttp.connector
import pytest
from pydantic import SecretStr
from tests.contract.store_house import opened_store
from tests.contract.test_net_client import OK, Answer, Exchange, Names, Server, page

from tidemill.crawl.requesting import profile_of
from tidemill.errors import Forbidden, Invalid, Permanent, TidemillError, Transient
from tidemill.models.run import RunOptions
from tidemill.models.source import RequestRules, SourceSpec
from tidemill.models.visit import Found
from tidemill.net import Client, Profile
from tidemill.settings import CrawlSettings, NetSettings
from tidemill.store import runs, sources, workers

CANARY = "canary-77e1"
PUBLIC = "93.184.215.14"


class Proxy(Server):
    """A forward proxy that sends everything to `to`, whatever it is asked for, if it likes the credentials."""

    def __init__(self, to: Server | None = None, *, wants: str = "", refuses: bytes = b"") -> None:
        super().__init__(self._forward)
        self._to = to
        self._wants = wants
        self._refuses = refuses

    def url(self, path: str = "", user: str = "") -> str:
        return f"http://{user}{self.pair}{path}"

    async def _forward(self, exchange: Exchange) -> None:
        if self._wants and self._wants not in exchange.head:
            await exchange.body(b"who are you?", b"", b"HTTP/1.1 407 Proxy Authentication Required\r\n")
        elif self._refuses:
            await exchange.body(b"no", b"", b"HTTP/1.1 " + self._refuses + b"\r\n")
        elif exchange.head.startswith("CONNECT"):
            await exchange.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await self._tunnel(exchange)
        else:
            await exchange.body(b"through " + exchange.path.encode())

    async def _tunnel(self, exchange: Exchange) -> None:
        """Pass bytes both ways; the request has been read, so the reader stands at the first byte of the tunnel."""
        assert self._to is not None
        reader, writer = await asyncio.open_connection("127.0.0.1", self._to.port)
        own = exchange.reader
        try:
            await asyncio.gather(_pump(own, writer), _pump(reader, exchange.writer))
        finally:
            writer.close()
            exchange.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


@asynccontextmanager
async def client_of(
    profile: Profile, *servers: Server, names: Names | None = None, **net: Any
) -> AsyncIterator[Client]:
    """A client that may go to these servers on loopback and to nothing else there."""
    settings = NetSettings(**{"allow_hosts": tuple(server.pair for server in servers), "total_timeout_s": 5, **net})
    async with Client(settings, user_agent="tidemill-test/1", lookup=names, profile=profile) as client:
        yield client


@asynccontextmanager
async def listening(*servers: Server) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        for server in servers:
            await stack.enter_async_context(server.listening())
        yield


def sent(server: Server, position: int = -1) -> dict[str, str]:
    """The header fields of a request as the server saw them, names in lower case."""
    lines = server.requests[position].head.split("\r\n")[1:-2]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


# --- headers, cookies, passwords ------------------------------------------------------------------------------------


async def test_only_its_hosts_get_what_is_for_them() -> None:
    own, other = Server(page), Server(page)
    async with listening(own, other):
        profile = Profile(
            hosts=frozenset({own.pair}),
            user_agent="reader/2 (+https://example.org/)",
            headers={"X-Token": CANARY, "Accept-Language": "de"},
            cookies={"sid": CANARY},
            username="reader",
            password=CANARY,
            keep_cookies=True,
        )
        async with client_of(profile, own, other) as client:
            await client.get(own.url("/robots.txt"), headers={"accept-language": "en"})
            await client.get(other.url("/robots.txt"))
    assert sent(own)["x-token"] == CANARY
    assert sent(own)["accept-language"] == "en"
    assert sent(own)["cookie"] == f"sid={CANARY}"
    assert sent(own)["authorization"].startswith("Basic ")
    assert sent(other).keys() == {"host", "user-agent", "accept", "accept-encoding"}
    assert sent(own)["user-agent"] == sent(other)["user-agent"] == "reader/2 (+https://example.org/)"


async def test_a_hop_to_another_host_carries_nothing() -> None:
    """The client follows no redirect; whoever follows one asks for another URL, and that is looked at anew."""
    other = Server(page)

    async def moved(exchange: Exchange) -> None:
        status = b"HTTP/1.1 302 Found\r\n"
        await exchange.body(b"", b"Location: " + other.url("/there").encode() + b"\r\n", status)

    own = Server(moved)
    async with listening(own, other):
        profile = Profile(frozenset({own.pair}), headers={"X-Token": CANARY})
        async with client_of(profile, own, other) as client:
            hop = await client.get(own.url())
            await client.get(hop.headers["Location"])
    assert "x-token" in sent(own)
    assert CANARY not in other.requests[0].head


async def test_cookies_are_kept_for_the_life_of_the_client_and_sent_back() -> None:
    async def answer(exchange: Exchange) -> None:
        if exchange.path == "/login":
            cookies = (b"sid=new==; Path=/; HttpOnly", b"safe=1; Secure", b"in=2; Path=/in")
            await exchange.body(b"", b"".join(b"Set-Cookie: " + cookie + b"\r\n" for cookie in cookies))
        else:
            await page(exchange)

    server, other = Server(answer), Server(answer)
    async with listening(server, other):
        profile = Profile(frozenset({server.pair}), cookies={"sid": "old", "consent": "yes"}, keep_cookies=True)
        async with client_of(profile, server, other) as client:
            for path in ("/login", "/a", "/in/b"):
                await client.get(server.url(path))
            assert client.headers_for(server.url("/a")) == {"Cookie": "sid=new==; consent=yes"}
            await client.get(other.url("/login"))
            await client.get(other.url("/a"))
        async with client_of(profile, server) as client:
            await client.get(server.url("/a"))
    assert [sent(server, at)["cookie"] for at in range(4)] == [
        "sid=old; consent=yes",
        "sid=new==; consent=yes",
        "sid=new==; consent=yes; in=2",
        "sid=old; consent=yes",
    ]
    assert not any("cookie" in sent(other, at) for at in range(2))


async def test_without_a_session_nothing_is_kept() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.body(b"", b"Set-Cookie: a=1; Path=/\r\n")

    server = Server(answer)
    async with listening(server), client_of(Profile(frozenset({server.pair})), server) as client:
        for _ in range(2):
            await client.get(server.url())
    assert "cookie" not in sent(server)


async def test_a_flood_of_cookies_keeps_the_requests_small() -> None:
    async def answer(exchange: Exchange) -> None:
        lines = (b"Set-Cookie: c%s-%d=%s\r\n" % (exchange.path[1:].encode(), at, b"x" * 900) for at in range(40))
        await exchange.body(b"", b"".join(lines))

    server = Server(answer)
    async with listening(server):
        profile = Profile(frozenset({server.pair}), keep_cookies=True)
        async with client_of(profile, server) as client:
            for number in range(6):
                await client.get(server.url(f"/{number}"))
    assert len(sent(server)["cookie"]) < 100 * 1024


# --- proxies --------------------------------------------------------------------------------------------------------


async def test_proxies_take_turns_and_get_their_own_credentials() -> None:
    first, second = Proxy(wants="Proxy-Authorization: Basic dTpw"), Proxy()
    names = Names(site=[(PUBLIC,)])
    async with listening(first, second):
        profile = Profile(frozenset(), proxies=(first.url(user="u:p@"), second.url()))
        async with client_of(profile, first, second, names=names) as client:
            bodies = [(await client.get(f"http://site.example/{at}?x")).body for at in range(4)]
    assert bodies == [f"through http://site.example/{at}?x".encode() for at in range(4)]
    assert (len(first.requests), len(second.requests)) == (2, 2)
    assert "proxy-authorization" not in sent(second)


async def test_a_host_keeps_its_proxy() -> None:
    proxies = [Proxy() for _ in range(3)]
    async with listening(*proxies):
        profile = Profile(frozenset(), proxies=tuple(proxy.url() for proxy in proxies), rotation="host")
        async with client_of(profile, *proxies, names=Names(site=[(PUBLIC,)])) as client:
            for at in range(6):
                await client.get(f"http://site.example/{at}")
    assert sorted(len(proxy.requests) for proxy in proxies) == [0, 0, 6]


async def test_a_proxy_that_is_gone_is_transient_and_the_next_one_is_asked() -> None:
    gone, there = Proxy(), Proxy()
    async with listening(gone):
        pass
    async with listening(there):
        profile = Profile(frozenset(), proxies=(gone.url(), there.url()))
        async with client_of(profile, gone, there, names=Names(site=[(PUBLIC,)])) as client:
            with pytest.raises(Transient) as caught:
                await client.get("http://site.example/")
            assert (await client.get("http://site.example/")).status == 200
    assert caught.value.reason == "proxy"
    assert gone.pair in str(caught.value)


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_refused_credentials_are_final(scheme: str) -> None:
    proxy = Proxy(wants="nobody sends this")
    async with listening(proxy):
        profile = Profile(frozenset(), proxies=(proxy.url(user=f"u:{CANARY}@"),))
        async with client_of(profile, proxy, names=Names(site=[(PUBLIC,)])) as client:
            with pytest.raises(Permanent) as caught:
                await client.get(f"{scheme}://site.example/")
    assert caught.value.reason == "proxy_auth"
    assert_unseen(caught.value)


async def test_a_refused_tunnel_may_be_tried_again() -> None:
    proxy = Proxy(refuses=b"503 Busy")
    async with listening(proxy):
        profile = Profile(frozenset(), proxies=(proxy.url(),))
        async with client_of(profile, proxy, names=Names(site=[(PUBLIC,)])) as client:
            with pytest.raises(Transient) as caught:
                await client.get("https://site.example/")
    assert (caught.value.reason, "503" in str(caught.value)) == ("proxy", True)


async def test_a_proxy_whose_name_is_unknown_is_transient() -> None:
    unknown: list[Any] = [socket.gaierror(socket.EAI_NONAME, "unknown")]
    profile = Profile(frozenset(), proxies=("http://proxy.example:3128",))
    async with client_of(profile, names=Names(site=[(PUBLIC,)], proxy=unknown)) as client:
        with pytest.raises(Transient) as caught:
            await client.get("http://site.example/")
    assert (caught.value.reason, "proxy.example" in str(caught.value)) == ("proxy", True)


# --- the guard ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/", "http://0x7f.1/", "http://[::1]/", "http://localhost/", "http://inside.example/"]
)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_private_target_is_refused_before_the_proxy_hears_of_it(url: str, scheme: str) -> None:
    proxy = Proxy()
    async with listening(proxy):
        names = Names(inside=[(PUBLIC, "10.0.0.7")])
        async with client_of(Profile(frozenset(), proxies=(proxy.url(),)), proxy, names=names) as client:
            with pytest.raises(Forbidden) as caught:
                await client.get(url.replace("http", scheme, 1))
    assert caught.value.reason == "private_address"
    assert proxy.connections == 0


@pytest.mark.parametrize("named", [False, True])
async def test_a_proxy_on_a_private_address_is_refused_unless_it_is_named(named: bool) -> None:
    proxy = Proxy()
    names = Names(site=[(PUBLIC,)], proxy=[("127.0.0.1",)])
    async with listening(proxy):
        for host in ("127.0.0.1", "proxy.example"):
            profile = Profile(frozenset(), proxies=(f"http://{host}:{proxy.port}",))
            allowed = (f"{host}:{proxy.port}",) if named else ()
            async with client_of(profile, names=names, allow_hosts=allowed) as client:
                if named:
                    assert (await client.get("http://site.example/")).status == 200
                else:
                    with pytest.raises(Forbidden, match=r"net\.allow_hosts"):
                        await client.get("http://site.example/")
    assert proxy.connections == (2 if named else 0)


async def test_a_name_that_becomes_private_is_refused_though_the_proxy_is_connected() -> None:
    proxy = Proxy()
    names = Names(site=[(PUBLIC,), ("127.0.0.1",)])
    async with listening(proxy):
        profile = Profile(frozenset(), proxies=(proxy.url(),))
        async with client_of(profile, proxy, names=names) as client:
            assert (await client.get("http://site.example/")).status == 200
            client._addresses._answers.clear()  # its memory of 30 seconds is over
            with pytest.raises(Forbidden):
                await client.get("http://site.example/")
    assert len(proxy.requests) == 1


async def test_a_connection_of_a_permitted_call_is_not_used_by_one_that_is_not() -> None:
    proxy = Proxy()
    names = Names(inside=[("10.0.0.7",)])
    async with listening(proxy):
        profile = Profile(frozenset(), proxies=(proxy.url(),))
        async with client_of(profile, proxy, names=names) as client:
            assert (await client.get("http://inside.example/", allow_private=True)).status == 200
            with pytest.raises(Forbidden):
                await client.get("http://inside.example/")
    assert len(proxy.requests) == 1


async def test_a_name_service_that_never_answers_ends_with_the_connect_timeout() -> None:
    async def never(host: str) -> list[str]:
        await asyncio.sleep(60)
        return []

    settings = NetSettings(allow_hosts=("127.0.0.1:9",), connect_timeout_s=0.2)
    profile = Profile(frozenset(), proxies=("http://127.0.0.1:9",))
    async with Client(settings, user_agent="x", lookup=never, profile=profile) as client:
        with pytest.raises(Transient) as caught:
            await client.get("http://site.example/")
    assert caught.value.reason == "timeout"


# --- tunnels --------------------------------------------------------------------------------------------------------


@pytest.fixture
def identity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: Callable[[str, str], NoReturn]
) -> ssl.SSLContext:
    """A certificate for site.example and loopback that this client trusts."""
    if shutil.which("openssl") is None:
        missing("openssl", "install it")
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    form = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test -addext"
    names = "subjectAltName=DNS:site.example,IP:127.0.0.1"
    subprocess.run(
        ["openssl", *form.split(), names, "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    trusting = ssl.create_default_context(cafile=str(certificate))
    monkeypatch.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", trusting)
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(certificate, key)
    return own


async def test_https_goes_through_a_tunnel_and_the_proxy_sees_none_of_it(identity: ssl.SSLContext) -> None:
    target = Server(page)
    proxy = Proxy(target, wants="Proxy-Authorization: Basic dTpw")
    async with target.listening(identity), listening(proxy):
        profile = Profile(
            frozenset({"site.example"}),
            headers={"X-Token": CANARY},
            proxies=(proxy.url(user="u:p@"),),
            plain_http=False,
        )
        async with client_of(profile, proxy, names=Names(site=[(PUBLIC,)])) as client:
            for _ in range(2):
                assert (await client.get("https://site.example/x")).body == b"<p>hello</p>"
    assert sent(target)["x-token"] == CANARY
    assert "proxy-authorization" not in sent(target)
    (asked,) = proxy.requests
    assert asked.head.startswith("CONNECT site.example:443 HTTP/1.1\r\n")
    assert CANARY not in asked.head


async def test_a_proxy_may_be_spoken_to_over_https(identity: ssl.SSLContext) -> None:
    target = Server(page)
    proxy = Proxy(target)
    async with target.listening(identity), proxy.listening(identity):
        profile = Profile(frozenset(), proxies=(f"https://u:{CANARY}@{proxy.pair}",))
        async with client_of(profile, proxy, names=Names(site=[(PUBLIC,)])) as client:
            assert (await client.get("http://site.example/a")).body == b"through http://site.example/a"
            assert (await client.get("https://site.example/b")).body == b"<p>hello</p>"


async def test_a_proxy_with_a_wrong_certificate_is_the_proxys_fault(identity: ssl.SSLContext, monkeypatch: Any) -> None:
    monkeypatch.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", ssl.create_default_context())
    proxy = Proxy()
    async with proxy.listening(identity):
        profile = Profile(frozenset(), proxies=(f"https://{proxy.pair}",))
        async with client_of(profile, proxy, names=Names(site=[(PUBLIC,)])) as client:
            for scheme in ("http", "https"):
                with pytest.raises(Transient) as caught:
                    await client.get(f"{scheme}://site.example/")
                assert caught.value.reason == "proxy"


# --- what nobody gets to see ----------------------------------------------------------------------------------------


def assert_unseen(error: BaseException) -> None:
    """Nothing of a failure tells the secret: not its text, its causes, nor what surrounds them."""
    chain: BaseException | None = error
    while chain is not None:
        assert CANARY not in f"{chain!s} {chain!r} {vars(chain) if hasattr(chain, '__dict__') else ''}"
        chain = chain.__cause__ or chain.__context__
    assert CANARY not in "".join(traceback.format_exception(error))


def secretive(*hosts: str, proxies: tuple[str, ...] = ()) -> Profile:
    return Profile(
        frozenset(hosts),
        headers={"X-Token": CANARY, "Authorization": f"Bearer {CANARY}"},
        cookies={"sid": CANARY},
        proxies=proxies,
        keep_cookies=True,
    )


async def cut(exchange: Exchange) -> None:
    await exchange.send(OK + b"Content-Length: 100\r\n\r\nhalf")
    exchange.close()


async def nonsense(exchange: Exchange) -> None:
    await exchange.send(b"this is no HTTP\r\n\r\n")
    exchange.close()


async def closed(exchange: Exchange) -> None:
    exchange.reset()


async def silent(exchange: Exchange) -> None:
    await asyncio.sleep(60)


async def huge_headers(exchange: Exchange) -> None:
    await exchange.send(OK + b"X: " + b"y" * 200_000 + b"\r\n\r\n")


@pytest.mark.parametrize("answer", [cut, nonsense, closed, silent, huge_headers])
async def test_no_failure_tells_a_secret(answer: Answer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server = Server(answer)
    async with listening(server):
        for proxies in ((), (server.url("").removesuffix("/").replace("//", f"//u:{CANARY}@"),)):
            profile = secretive(server.pair, "site.example", proxies=proxies)
            names = Names(site=[(PUBLIC,)])
            async with client_of(profile, server, names=names, read_timeout_s=0.3) as client:
                for url in (server.url(), "https://site.example/")[: 1 + bool(proxies)]:
                    with pytest.raises(TidemillError) as caught:
                        await client.get(url)
                    assert_unseen(caught.value)
                assert CANARY not in f"{client!r} {profile!r}"
    assert CANARY not in caplog.text


async def test_no_refusal_tells_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    profile = secretive("10.0.0.1", proxies=(f"http://u:{CANARY}@10.0.0.2:3128",))
    async with client_of(profile) as client:
        for url in ("http://10.0.0.1/", f"http://u:{CANARY}@example.org/", "http://site.example:0/"):
            with pytest.raises(TidemillError) as caught:
                await client.get(url)
            assert_unseen(caught.value)
    for broken in (
        Profile(frozenset(), headers={"X": f"{CANARY}\n"}),
        Profile(frozenset(), proxies=(f"ftp://u:{CANARY}@p:1",)),
        Profile(frozenset(), proxies=(f"http://u:{CANARY}@[p:1",)),
    ):
        with pytest.raises(Invalid) as refused:
            Client(NetSettings(), user_agent="x", profile=broken)
        assert_unseen(refused.value)
    assert CANARY not in caplog.text


async def test_neither_the_stored_source_nor_its_run_holds_a_secret(tmp_path: Path) -> None:
    """A run that cannot go on is stored with what went wrong, in words."""
    rules = RequestRules(
        headers={"X-Token": "${secret:token}"}, username="u", password="${secret:token}", proxies=("${secret:proxy}",)
    )
    server = Server(cut)
    async with listening(server), opened_store(tmp_path / "t.db") as store:
        spec = SourceSpec(name="s", start=(server.url(),), request=rules)
        source, _ = await sources.apply(store, spec)
        found = [Found(url=server.url(), origin=server.url().rstrip("/"))]
        worker = await workers.register(store, "crawl")
        for secrets in (
            {"token": CANARY},
            {"token": CANARY, "proxy": CANARY},
            {"token": f"{CANARY}\n", "proxy": "http://p:1"},
            {"token": CANARY, "proxy": f"http://u:{CANARY}@{server.pair}"},
        ):
            run = await runs.create(store, source, RunOptions(), found)
            await runs.begin(store, run.id, worker.id)
            with pytest.raises(TidemillError) as caught:
                await _ask(source.spec, secrets, server)
            assert_unseen(caught.value)
            await runs.interrupt(store, run.id, f"{type(caught.value).__name__}: {caught.value}")
            assert (await runs.get(store, run.id)).error
        assert CANARY not in repr(source)
    assert sent(server)["x-token"] == CANARY
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("t.db*"))  # noqa: ASYNC240 - a test has time
    assert b"${secret:token}" in stored
    assert CANARY.encode() not in stored


async def _ask(spec: SourceSpec, secrets: dict[str, str], server: Server) -> None:
    """What a run does of all this: resolve, open a client, ask."""
    profile = profile_of(spec, CrawlSettings(), {name: SecretStr(value) for name, value in secrets.items()})
    assert profile is not None
    async with client_of(profile, server) as client:
        await client.get(server.url())
