"""The guarded proxy with real connections on loopback: what passes, what is refused, and that it always ends."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import psutil
import pytest
from tests.harness.beside import within

from tidemill.net.badge import Badge
from tidemill.net.proxy import GuardedProxy, ProxyLimits
from tidemill.settings import NetSettings

Handler = Callable[["Exchange"], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Exchange:
    """One connection as a server sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.head = ""

    async def read(self) -> str:
        self.head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        return self.head

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()


class Listener:
    """A server on 127.0.0.1 that counts its connections."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.connections = 0
        self.heads: list[str] = []
        self.port = 0
        self.left = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def pair(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        exchange = Exchange(reader, writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            await self.handler(exchange)
        self.heads.append(exchange.head)
        writer.close()
        self.left.set()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Listener]:
        async with within(self._serve, self._tasks) as self.port:
            yield self


async def say_ok(exchange: Exchange) -> None:
    await exchange.read()
    await exchange.send(OK)


async def echo(exchange: Exchange) -> None:
    while data := await exchange.reader.read(65536):
        await exchange.send(data)


async def be_silent(exchange: Exchange) -> None:
    await exchange.reader.read()


class Names:
    """A name service that gives a name's next answer each time, and its last for ever."""

    def __init__(self, **answers: list[Sequence[str]]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        answers = self.answers[host.partition(".")[0]]
        return answers.pop(0) if len(answers) > 1 else answers[0]


@asynccontextmanager
async def proxied(
    handler: Handler = say_ok, *, limits: ProxyLimits | None = None, names: Names | None = None, **net: Any
) -> AsyncIterator[tuple[Listener, GuardedProxy, Badge]]:
    async with Listener(handler).listening() as server:
        settings = NetSettings(**{"allow_hosts": (server.pair,), **net})
        async with GuardedProxy(settings, limits=limits, lookup=names) as proxy, proxy.badge() as badge:
            yield server, proxy, badge


def credential(badge: Badge) -> str:
    pair = base64.b64encode(f"{badge.name}:{badge.password}".encode()).decode()
    return f"Proxy-Authorization: Basic {pair}\r\n"


@asynccontextmanager
async def connected(proxy: GuardedProxy) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def ask(proxy: GuardedProxy, request: str) -> str:
    """Send a request as it stands, and give all that comes back within five seconds."""
    async with connected(proxy) as (reader, writer), asyncio.timeout(5):
        writer.write(request.encode("latin-1"))
        return (await reader.read()).decode("latin-1")


async def get(proxy: GuardedProxy, badge: Badge, url: str, headers: str = "") -> str:
    return await ask(proxy, f"GET {url} HTTP/1.1\r\nHost: x\r\n{credential(badge)}{headers}\r\n")


@asynccontextmanager
async def tunnel(
    proxy: GuardedProxy, badge: Badge, target: str
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    async with connected(proxy) as (reader, writer):
        writer.write(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{credential(badge)}\r\n".encode())
        status = await reader.readuntil(b"\r\n\r\n")
        assert status.startswith(b"HTTP/1.1 200"), status
        yield reader, writer


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(3):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def reason(answer: str) -> tuple[int, str]:
    """The status of a refusal, and its reason."""
    lines = answer.split("\r\n")
    return int(lines[0].split(" ")[1]), next(line[20:] for line in lines if line.startswith("X-Tidemill-Refused: "))


async def test_a_plain_request_passes_and_is_counted() -> None:
    async with proxied() as (server, proxy, badge):
        answer = await get(proxy, badge, f"http://{server.pair}/a?b=1", "X-Own: 1\r\n")
        assert answer.endswith("\r\n\r\nok")
        assert "Connection: close\r\n" in answer
        assert server.heads[0].startswith(f"GET /a?b=1 HTTP/1.1\r\nHost: {server.pair}\r\nConnection: close\r\n")
        assert "X-Own: 1\r\n" in server.heads[0]
        assert "Proxy-Authorization" not in server.heads[0]
        assert (badge.requests, proxy.requests, badge.refused) == (1, 1, 0)
        assert badge.received_bytes == proxy.received_bytes == len(OK)
        assert badge.sent_bytes == len(server.heads[0])


async def test_a_body_goes_with_its_request_and_nothing_after_it() -> None:
    async def read_body(exchange: Exchange) -> None:
        await exchange.read()
        exchange.head += (await exchange.reader.read(100)).decode()
        await asyncio.sleep(0.05)
        await exchange.send(OK)

    async with proxied(read_body) as (server, proxy, badge):
        url = f"http://{server.pair}/"
        answer = await ask(proxy, f"POST {url} HTTP/1.1\r\n{credential(badge)}Content-Length: 5\r\n\r\nhello")
        assert answer.endswith("ok")
        assert server.heads[0].endswith("\r\n\r\nhello")
        second = f"GET http://{server.pair}/second HTTP/1.1\r\n\r\n"
        with suppress(ConnectionResetError):
            await ask(proxy, f"POST {url} HTTP/1.1\r\n{credential(badge)}Content-Length: 5\r\n\r\nhello{second}")
        await until(lambda: len(server.heads) == 2)
        assert "second" not in server.heads[1]


async def test_a_tunnel_passes_bytes_both_ways() -> None:
    async with proxied(echo) as (server, proxy, badge), tunnel(proxy, badge, server.pair) as (reader, writer):
        payload = bytes(range(256)) * 4096
        writer.write(payload)
        assert await reader.readexactly(len(payload)) == payload
        assert badge.sent_bytes == badge.received_bytes == len(payload)


@pytest.mark.parametrize("form", ["absolute", "connect"])
async def test_nobody_passes_without_a_badge(form: str) -> None:
    async with proxied() as (server, proxy, badge):
        line = f"GET http://{server.pair}/ HTTP/1.1" if form == "absolute" else f"CONNECT {server.pair} HTTP/1.1"
        stranger = Badge(private=True, max_bytes=1)
        wrong = Badge(private=True, max_bytes=1, name=badge.name)
        async with proxy.badge() as returned:
            pass
        for header in ("", "Proxy-Authorization: Basic eDp5\r\n", *map(credential, (stranger, wrong, returned))):
            answer = await ask(proxy, f"{line}\r\n{header}\r\n")
            assert answer.startswith("HTTP/1.1 407 ")
            assert "Proxy-Authenticate: Basic" in answer
        assert server.connections == 0


PRIVATE = (
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "0.0.0.0",
    "10.0.0.1",
    "169.254.169.254",
    "192.168.1.1",
    "inside.test",
    "mixed.test",
    "localhost",
)


async def test_no_private_address_is_reached_however_it_is_written() -> None:
    names = Names(inside=[["127.0.0.1"]], mixed=[["93.184.216.34", "127.0.0.1"]], localhost=[["127.0.0.1"]])
    async with Listener(say_ok).listening() as canary, proxied(names=names) as (_, proxy, badge):
        for host in PRIVATE:
            absolute = await get(proxy, badge, f"http://{host}:{canary.port}/")
            connect = await ask(proxy, f"CONNECT {host}:{canary.port} HTTP/1.1\r\n{credential(badge)}\r\n")
            assert reason(absolute) == reason(connect) == (403, "private_address"), host
        assert canary.connections == 0
        assert badge.refused == proxy.refused == 2 * len(PRIVATE)
        assert badge.faults["127.0.0.1", canary.port].reason == "private_address"


async def test_what_was_checked_is_what_is_connected_to() -> None:
    async with Listener(say_ok).listening() as server:
        names = Names(site=[["127.0.0.1"], ["10.0.0.1"]])
        settings = NetSettings(allow_hosts=(f"site.test:{server.port}",))
        async with GuardedProxy(settings, lookup=names) as proxy, proxy.badge() as badge:
            assert (await get(proxy, badge, f"http://site.test:{server.port}/")).endswith("ok")
            assert "Host: site.test:" in server.heads[0]
            assert reason(await get(proxy, badge, f"http://site.test:{server.port + 1}/"))[1] == "private_address"
            assert names.asked == ["site.test"]


async def test_a_badge_may_be_for_private_addresses_and_another_not() -> None:
    async with Listener(say_ok).listening() as server, GuardedProxy(NetSettings()) as proxy:
        url = f"http://{server.pair}/"
        async with proxy.badge(allow_private=True) as inside, proxy.badge() as outside:
            assert (await get(proxy, inside, url)).endswith("ok")
            assert reason(await get(proxy, outside, url)) == (403, "private_address")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("GET ftp://example.com/ HTTP/1.1", (403, "scheme_not_allowed")),
        ("GET file:///etc/passwd HTTP/1.1", (400, "bad_url")),
        ("GET https://example.com/ HTTP/1.1", (403, "scheme_not_allowed")),
        ("GET http://example.com:22/ HTTP/1.1", (403, "port_not_allowed")),
        ("CONNECT example.com:22 HTTP/1.1", (403, "port_not_allowed")),
        ("CONNECT example.com HTTP/1.1", (400, "bad_url")),
        ("CONNECT user@example.com:443 HTTP/1.1", (400, "bad_url")),
        ("CONNECT example.com:443/x HTTP/1.1", (400, "bad_url")),
        ("CONNECT http://example.com:443 HTTP/1.1", (400, "bad_url")),
        ("GET /origin-form HTTP/1.1", (400, "bad_url")),
        ("GET http://user:pass@example.com/ HTTP/1.1", (400, "bad_url")),  # pragma: allowlist secret
        ("OPTIONS * HTTP/1.1", (400, "bad_url")),
    ],
)
async def test_what_may_not_be_asked_for_is_refused_with_its_reason(line: str, expected: tuple[int, str]) -> None:
    async with proxied(allowed_ports=(80, 443), names=Names(example=[["127.0.0.1"]])) as (server, proxy, badge):
        assert reason(await ask(proxy, f"{line}\r\n{credential(badge)}\r\n")) == expected
        assert server.connections == 0


async def test_a_request_without_a_known_length_is_refused() -> None:
    async with proxied() as (server, proxy, badge):
        answer = await get(proxy, badge, f"http://{server.pair}/", "Transfer-Encoding: chunked\r\n")
        assert reason(answer) == (411, "length_required")
        assert server.connections == 0


async def test_a_server_that_is_not_there_is_a_bad_gateway() -> None:
    async with Listener(say_ok).listening() as gone:
        pass
    async with proxied(allow_private=True) as (_, proxy, badge):
        assert reason(await get(proxy, badge, f"http://127.0.0.1:{gone.port}/")) == (502, "connect")
        assert badge.faults["127.0.0.1", gone.port].reason == "connect"
        assert badge.refused == 0


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (b"", "reset"),
        (b"220 mail ready\r\n\r\n", "protocol"),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "protocol"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20_000, "headers_too_large"),
        (b"HTTP/1.1 200 OK\r\nA: " + b"b" * 100_000, "headers_too_large"),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100, "protocol"),
        (b"HTTP/1.1 200 OK\r\nA: b", "truncated"),
    ],
)
async def test_a_broken_answer_is_a_bad_gateway(sent: bytes, why: str) -> None:
    async def handler(exchange: Exchange) -> None:
        await exchange.read()
        await exchange.send(sent)

    async with proxied(handler) as (server, proxy, badge):
        assert reason(await get(proxy, badge, f"http://{server.pair}/")) == (502, why)


async def test_interim_answers_are_left_out() -> None:
    async def handler(exchange: Exchange) -> None:
        await exchange.read()
        await exchange.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK)

    async with proxied(handler) as (server, proxy, badge):
        assert (await get(proxy, badge, f"http://{server.pair}/")).startswith("HTTP/1.1 200 OK\r\n")


async def test_a_head_that_never_ends_does() -> None:
    limits = ProxyLimits(head_s=0.3)
    async with proxied(limits=limits) as (_, proxy, badge):
        assert reason(await ask(proxy, "GET http://a/ HTTP/1.1\r\nX: "))[0] == 400
        assert reason(await get(proxy, badge, "http://a/", "A: b\r\n" * 20_000)) == (400, "headers_too_large")


async def stream(exchange: Exchange) -> None:
    await exchange.read()
    await exchange.send(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        await exchange.send(b"x" * 65536)


@pytest.mark.parametrize(
    "limits", [ProxyLimits(connection_bytes=1_000_000), ProxyLimits(badge_bytes=1_000_000)], ids=["connection", "badge"]
)
async def test_an_endless_body_is_cut_off_and_does_not_look_whole(limits: ProxyLimits) -> None:
    async with proxied(stream, limits=limits) as (server, proxy, badge):
        with pytest.raises(ConnectionResetError):
            await get(proxy, badge, f"http://{server.pair}/")
        assert 900_000 < badge.received_bytes < 1_200_000
        assert badge.exhausted
        assert reason(await get(proxy, badge, f"http://{server.pair}/")) == (403, "too_large")


@pytest.mark.parametrize("limits", [ProxyLimits(idle_s=0.2), ProxyLimits(total_s=0.2)], ids=["idle", "total"])
async def test_a_tunnel_ends_when_nothing_moves_or_its_time_is_up(limits: ProxyLimits) -> None:
    async with proxied(be_silent, limits=limits) as (server, proxy, badge):
        async with tunnel(proxy, badge, server.pair) as (reader, _), asyncio.timeout(3):
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
        await asyncio.wait_for(server.left.wait(), 3)
        assert badge.faults["127.0.0.1", server.port].reason == "timeout"


async def test_a_server_that_does_not_answer_is_a_gateway_timeout() -> None:
    async with proxied(be_silent, limits=ProxyLimits(idle_s=0.2)) as (server, proxy, badge):
        assert reason(await get(proxy, badge, f"http://{server.pair}/")) == (504, "timeout")


async def test_a_badge_holds_so_many_connections_and_no_more() -> None:
    async with proxied(be_silent, limits=ProxyLimits(badge_connections=2)) as (server, proxy, badge):
        async with tunnel(proxy, badge, server.pair), tunnel(proxy, badge, server.pair):
            assert reason(await get(proxy, badge, f"http://{server.pair}/")) == (403, "too_many_connections")
        await until(lambda: proxy.connections == 0)
        async with tunnel(proxy, badge, server.pair):
            assert server.connections == 3


async def test_taking_a_badge_back_drops_what_it_opened() -> None:
    async with proxied(be_silent) as (server, proxy, other):
        async with proxy.badge() as badge:
            context = tunnel(proxy, badge, server.pair)
            reader, _ = await context.__aenter__()
        async with tunnel(proxy, other, server.pair), asyncio.timeout(2):
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
            await server.left.wait()
            assert proxy.connections == 1
        await context.__aexit__(None, None, None)


async def test_nothing_is_left_after_close() -> None:
    me = psutil.Process()
    tasks, sockets = len(asyncio.all_tasks()), len(me.net_connections())
    async with proxied(echo) as (server, proxy, badge):
        contexts = [tunnel(proxy, badge, server.pair) for _ in range(20)]
        for context in contexts:
            reader, writer = await context.__aenter__()
            writer.write(b"x" * 1000)
            await reader.readexactly(1000)
        assert proxy.connections == 20
    for context in contexts:
        await context.__aexit__(None, None, None)
    await asyncio.sleep(0.05)
    assert len(asyncio.all_tasks()) == tasks
    assert len(me.net_connections()) == sockets
