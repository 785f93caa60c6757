"""The guarded client against servers on loopback: every cap by its own hostile server, and the canary nobody reaches.

The servers speak raw bytes, so that they can do what no proper server does.
"""

from __future__ import annotations

import asyncio
import gzip
import itertools
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import brotli
import pytest
from backports import zstd
from tests.harness.beside import within

from tidemill.errors import Forbidden, Invalid, Permanent, TidemillError, Transient
from tidemill.net import Client, Response
from tidemill.settings import NetSettings

Answer = Callable[["Exchange"], Awaitable[None]]
MIB = 1024 * 1024
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"


class Exchange:
    """One request as a server sees it. A server that returns from its answer keeps the connection open."""

    def __init__(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.head = head.decode("latin-1")
        self.path = self.head.split(" ")[1]
        self.reader = reader
        self.writer = writer

    async def send(self, *parts: bytes) -> None:
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()

    async def body(self, content: bytes, extra: bytes = b"", status: bytes = OK) -> None:
        await self.send(status + extra + b"Content-Length: %d\r\n\r\n" % len(content) + content)

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.writer.transport.abort()


class Server:
    """A listener on 127.0.0.1 that counts connections and remembers requests."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.connections = 0
        self.requests: list[Exchange] = []
        self.asked = asyncio.Event()
        self.port = 0
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def pair(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str = "/") -> str:
        return f"http://{self.pair}{path}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while not writer.is_closing():
                exchange = Exchange(await reader.readuntil(b"\r\n\r\n"), reader, writer)
                self.requests.append(exchange)
                self.asked.set()
                await self.answer(exchange)
        writer.close()

    @asynccontextmanager
    async def listening(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
        async with within(self._serve, self._serving, tls) as self.port:
            yield self


class Names:
    """A name service: each name has a list of answers, the last of which stays."""

    def __init__(self, **answers: list[Sequence[str] | Exception]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        answers = self.answers[host.partition(".")[0]]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@asynccontextmanager
async def serving(answer: Answer, *, names: Names | None = None, slots: int = 100, **net: Any) -> AsyncIterator[Any]:
    """A server, and a client that may go to it and nowhere else on this machine."""
    async with Server(answer).listening() as server:
        settings = NetSettings(**{"allow_hosts": (server.pair,), "total_timeout_s": 5, **net})
        async with Client(settings, user_agent="tidemill-test/1", concurrency=slots, lookup=names) as client:
            yield server, client


async def failure(answer: Answer, kind: type[TidemillError] = Transient, **net: Any) -> str:
    """Give the reason with which a request fails, which must be an error of the expected class and name the server."""
    async with serving(answer, **net) as (server, client):
        with pytest.raises(TidemillError) as caught:
            await client.get(server.url())
        assert type(caught.value) is kind, caught.value
        assert server.pair in str(caught.value)
        return caught.value.reason


async def page(exchange: Exchange) -> None:
    await exchange.body(b"<p>hello</p>")


# --- what a proper answer gives -------------------------------------------------------------------------------------


async def test_a_page_comes_back_with_all_that_is_known_of_it() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.body(b"<p>hello</p>", b'ETag: "1"\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n')

    async with serving(answer) as (server, client):
        response: Response = await client.get(server.url("/a%7Eb?x=%20"), headers={"If-None-Match": '"0"'})
        again = await client.get(server.url("/b"))
    assert (response.status, response.body, response.body_read) == (200, b"<p>hello</p>", True)
    assert (response.content_type, response.media_type) == ("text/html; charset=utf-8", "text/html")
    assert response.headers["etag"] == response.headers["ETAG"] == '"1"'
    assert response.url == server.url("/a%7Eb?x=%20")
    assert response.received_bytes == 12
    assert 0 < response.elapsed_s < 5
    assert again.status == 200
    head = server.requests[0].head
    assert head.startswith("GET /a%7Eb?x=%20 HTTP/1.1\r\n")
    assert 'If-None-Match: "0"' in head
    assert "User-Agent: tidemill-test/1" in head
    assert "Accept-Encoding: gzip, deflate, br, zstd" in head
    assert "Cookie" not in server.requests[1].head
    assert server.connections == 1


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(b"tide" * 5000)),
        ("deflate", zlib.compress(b"tide" * 5000)),
        ("deflate", zlib.compress(b"tide" * 5000, wbits=-15)),
        ("br", brotli.compress(b"tide" * 5000)),
        ("zstd", zstd.compress(b"tide" * 5000)),
        ("identity", b"tide" * 5000),
    ],
    ids=["gzip", "deflate", "raw deflate", "br", "zstd", "identity"],  # gzip tells the time
)
async def test_each_encoding_is_decoded_and_counted_as_received(encoding: str, packed: bytes) -> None:
    async def answer(exchange: Exchange) -> None:
        half = len(packed) // 2
        await exchange.send(OK + f"Content-Encoding: {encoding}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        for part in (packed[:half], packed[half:]):
            await exchange.send(b"%x\r\n" % len(part) + part + b"\r\n")
            await asyncio.sleep(0.01)
        await exchange.send(b"0\r\n\r\n")

    async with serving(answer) as (server, client):
        for _ in range(2):
            response = await client.get(server.url())
            assert response.body == b"tide" * 5000
            assert response.received_bytes == len(packed)
    assert server.connections == 1


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.body(b"moved", b"Location: /there\r\n", b"HTTP/1.1 302 Found\r\n")

    async with serving(answer) as (server, client):
        response = await client.get(server.url("/here"))
    assert (response.status, response.headers["Location"], response.body) == (302, "/there", b"moved")
    assert [exchange.path for exchange in server.requests] == ["/here"]


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
async def test_answers_without_a_body_keep_the_connection(status: bytes) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 " + status + b"\r\nContent-Encoding: gzip\r\nETag: x\r\n\r\n")

    async with serving(answer) as (server, client):
        for _ in range(3):
            response = await client.get(server.url())
            assert (response.body, response.body_read) == (b"", True)
    assert server.connections == 1


async def test_a_body_without_a_length_ends_with_the_connection() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.0 200 OK\r\n\r\nall of it")
        exchange.close()

    async with serving(answer) as (server, client):
        response = await client.get(server.url())
    assert (response.body, response.media_type) == (b"all of it", "")


async def test_foreign_bytes_in_headers_become_text_that_can_be_stored() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.body(
            b"", b"Location: /caf\xe9/\xc3\xbc\r\nX-A: na\xefve\r\nX-B: na\xc3\xafve\r\n", b"HTTP/1.1 301 M\r\n"
        )

    async with serving(answer) as (server, client):
        headers = (await client.get(server.url())).headers
    assert (headers["location"], headers["x-a"], headers["x-b"]) == ("/caf%E9/%C3%BC", "naïve", "naïve")


# --- want and error pages -------------------------------------------------------------------------------------------


async def test_an_unwanted_body_is_not_read() -> None:
    asked: list[tuple[int, str]] = []

    def want(status: int, media_type: str) -> bool:
        asked.append((status, media_type))
        return False

    async def answer(exchange: Exchange) -> None:
        await exchange.send(
            b"HTTP/1.1 200 OK\r\nContent-Type: Video/MP4; x=1\r\nContent-Length: 999999999\r\n\r\nstart"
        )

    async with serving(answer, max_body_bytes=1024) as (server, client):
        response = await client.get(server.url(), want=want)
        server.answer = page
        assert (await client.get(server.url())).body == b"<p>hello</p>"
    assert asked == [(200, "video/mp4")]
    assert (response.body, response.body_read, response.received_bytes) == (b"", False, 0)
    assert server.connections == 2


@pytest.mark.parametrize(("size", "whole", "connections"), [(500, True, 1), (64 * 1024, True, 1), (200_000, False, 2)])
async def test_an_error_page_is_kept_up_to_64_kib(size: int, whole: bool, connections: int) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.body(b"e" * size, status=b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n")

    async with serving(answer) as (server, client):
        response = await client.get(server.url(), want=lambda status, media_type: True)
        await client.get(server.url())
    assert (response.status, response.headers["retry-after"]) == (503, "7")
    assert (len(response.body), response.body_read) == (min(size, 64 * 1024), whole)
    assert server.connections == connections


async def test_what_is_wrong_with_an_error_page_does_not_hide_its_status() -> None:
    broken = (
        (b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nplain", b""),
        (b"Content-Encoding: rot13\r\nContent-Length: 5\r\n\r\nplain", b""),
        (b"Content-Length: 50\r\n\r\nplain", b"plain"),
        (b"Transfer-Encoding: chunked\r\n\r\nfffff\r\nplain", b"plain"),
    )
    for rest, body in broken:

        async def answer(exchange: Exchange, rest: bytes = rest) -> None:
            await exchange.send(b"HTTP/1.1 404 Gone\r\n" + rest)
            exchange.close()

        async with serving(answer) as (server, client):
            response = await client.get(server.url())
        assert (response.status, response.body, response.body_read) == (404, body, False)


# --- every cap ------------------------------------------------------------------------------------------------------


async def drip(exchange: Exchange, start: bytes, drop: bytes) -> None:
    await exchange.send(start)
    while True:
        await asyncio.sleep(0.02)
        await exchange.send(drop)


async def test_slow_headers_end_with_the_total_deadline() -> None:
    async def answer(exchange: Exchange) -> None:
        await drip(exchange, b"HTTP/1.1 200 OK\r\nX-Slow: ", b"a")

    assert await failure(answer, total_timeout_s=0.2, read_timeout_s=0.1) == "timeout"


async def test_a_slow_body_ends_with_the_total_deadline() -> None:
    async def answer(exchange: Exchange) -> None:
        await drip(exchange, OK + b"Content-Length: 100000\r\n\r\n", b"a")

    assert await failure(answer, total_timeout_s=0.2, read_timeout_s=0.1) == "timeout"


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\n", OK + b"Content-Length: 9\r\n\r\nabc"])
async def test_silence_ends_with_the_read_timeout(start: bytes) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(start)
        await asyncio.sleep(3)

    async with serving(answer, read_timeout_s=0.1) as (server, client):
        with pytest.raises(Transient, match=r"silent for 0\.1 s") as caught:
            await client.get(server.url())
    assert caught.value.reason == "timeout"


async def test_a_name_service_that_never_answers_ends_with_the_connect_timeout() -> None:
    async def never(host: str) -> Sequence[str]:
        await asyncio.sleep(3)
        return ["8.8.8.8"]

    async with Client(NetSettings(connect_timeout_s=0.1), user_agent="t", lookup=never) as client:
        with pytest.raises(Transient, match="connect_timeout_s") as caught:
            await client.get("http://slow.example/")
    assert caught.value.reason == "timeout"


async def test_an_address_that_never_answers_ends_with_the_connect_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    async def connect(sock: socket.socket, address: tuple[str, int]) -> None:
        await asyncio.sleep(3)

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", connect)
    async with Client(NetSettings(connect_timeout_s=0.1), user_agent="t") as client:
        with pytest.raises(Transient, match="connect_timeout_s") as caught:
            await client.get("http://8.8.8.8/")
    assert caught.value.reason == "timeout"


async def test_endless_chunks_end_at_the_cap() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(OK + b"Transfer-Encoding: chunked\r\n\r\n")
        while True:
            await exchange.send(b"1000\r\n" + b"x" * 4096 + b"\r\n")

    assert await failure(answer, Permanent, max_body_bytes=100_000) == "too_large"


async def test_an_announced_length_above_the_cap_is_refused_without_reading() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(OK + b"Content-Length: 100001\r\n\r\n")

    assert await failure(answer, Permanent, max_body_bytes=100_000, read_timeout_s=3) == "too_large"


async def test_a_body_of_exactly_the_cap_passes_and_one_byte_more_does_not() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(OK + b"\r\n" + b"x" * int(exchange.path[1:]))
        exchange.close()

    async with serving(answer, max_body_bytes=2048) as (server, client):
        assert len((await client.get(server.url("/2048"))).body) == 2048
        with pytest.raises(Permanent) as caught:
            await client.get(server.url("/2049"))
    assert caught.value.reason == "too_large"


BOMB = bytes(32 * MIB)
BOMBS = {
    "gzip": gzip.compress(BOMB),
    "deflate": zlib.compress(BOMB),
    "br": brotli.compress(BOMB, quality=4),
    "zstd": zstd.compress(BOMB),
}


@pytest.mark.parametrize("encoding", BOMBS)
@pytest.mark.parametrize(
    ("net", "reason"), [({"max_inflation": 20}, "inflation"), ({"max_inflation": 10**9}, "too_large")]
)
async def test_a_bomb_is_refused_by_its_ratio_and_by_its_size(encoding: str, net: dict[str, int], reason: str) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.body(BOMBS[encoding], f"Content-Encoding: {encoding}\r\n".encode())

    assert await failure(answer, Permanent, max_body_bytes=4 * MIB, **net) == reason


@pytest.mark.parametrize(
    "flood",
    [
        b"X-Long: " + b"a" * 5000 + b"\r\n",
        b"".join(b"X-%d: %s\r\n" % (number, b"a" * 100) for number in range(50)),
        b"".join(b"X-%d: a\r\n" % number for number in range(300)),
    ],
    ids=["one long header", "many headers", "a flood of small headers"],
)
async def test_header_floods_are_refused(flood: bytes) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(OK + flood + b"Content-Length: 0\r\n\r\n")

    assert await failure(answer, Permanent, max_header_bytes=4096) == "headers_too_large"


async def test_headers_without_end_are_refused_while_they_come() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(OK)
        for number in itertools.count():
            await exchange.send(b"X-%d: %s\r\n" % (number, b"a" * 1000))

    assert await failure(answer, Permanent, read_timeout_s=3) == "headers_too_large"


async def test_headers_below_the_limit_pass() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.body(b"ok", b"X-Long: " + b"a" * 30_000 + b"\r\n")

    async with serving(answer) as (server, client):
        assert (await client.get(server.url())).body == b"ok"


# --- broken answers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [
        OK + b"Content-Length: 100\r\n\r\nonly this",
        OK + b"Transfer-Encoding: chunked\r\n\r\n64\r\nonly this",
        OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nonly\r\n",
        OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"tide" * 99)[:-9],
    ],
    ids=["content-length", "within a chunk", "between chunks", "gzip without length"],
)
@pytest.mark.parametrize("ending", ["close", "reset"])
async def test_a_cut_body_is_truncated(sent: bytes, ending: str) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(sent)
        await asyncio.sleep(0.02)
        getattr(exchange, ending)()

    assert await failure(answer) == "truncated"


async def test_a_body_without_length_that_ends_in_a_reset_is_truncated() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(OK + b"\r\nhalf of ")
        await asyncio.sleep(0.02)
        exchange.reset()

    assert await failure(answer) == "truncated"


@pytest.mark.parametrize("ending", ["close", "reset"])
async def test_a_connection_broken_before_the_headers_is_a_reset(ending: str) -> None:
    async def answer(exchange: Exchange) -> None:
        getattr(exchange, ending)()

    assert await failure(answer) == "reset"


@pytest.mark.parametrize(
    "sent",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
        OK + b"Content-Length: -5\r\n\r\n",
        OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
        OK + b"X-Null: a\x00b\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_a_protocol_error(sent: bytes) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(sent)
        await asyncio.sleep(3)

    assert await failure(answer, read_timeout_s=2) == "protocol"


async def test_a_bad_chunk_in_the_middle_does_not_wait_for_the_deadline() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nonly\r\n")
        await asyncio.sleep(0.05)
        await exchange.send(b"zz\r\nnonsense\r\n")
        await asyncio.sleep(3)

    assert await failure(answer, total_timeout_s=2) == "protocol"


@pytest.mark.parametrize("encoding", [b"rot13", b"gzip, br", b"utf-8"])
async def test_unknown_and_stacked_encodings_are_named(encoding: bytes) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.body(b"hello", b"Content-Encoding: " + encoding + b"\r\n")

    assert await failure(answer, Permanent) == "bad_encoding"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
async def test_a_body_in_another_encoding_than_it_says_is_named(encoding: str) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.body(b"<html>plain</html>" * 99, f"Content-Encoding: {encoding}\r\n".encode())

    assert await failure(answer, Permanent) == "bad_encoding"


async def test_tls_with_a_server_that_has_none_is_a_tls_error() -> None:
    async def garble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(garble, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, Client(NetSettings(allow_private=True), user_agent="t") as client:
        with pytest.raises(Transient) as caught:
            await client.get(f"https://127.0.0.1:{port}/")
    assert caught.value.reason == "tls"


async def test_a_refused_connection_is_transient() -> None:
    async with Server(page).listening() as server:
        url = server.url()
    async with Client(NetSettings(allow_private=True), user_agent="t") as client:
        with pytest.raises(Transient, match="no connection") as caught:
            await client.get(url)
    assert caught.value.reason == "connect"


# --- connections are reused and never poisoned ------------------------------------------------------------------------


async def test_a_capped_body_does_not_poison_the_next_request() -> None:
    async def answer(exchange: Exchange) -> None:
        if exchange.path == "/big":
            await exchange.body(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil" * 5000)
        else:
            await exchange.body(b"good")

    async with serving(answer, max_body_bytes=2048) as (server, client):
        for _ in range(3):
            with pytest.raises(Permanent):
                await client.get(server.url("/big"))
            assert (await client.get(server.url("/small"))).body == b"good"


async def test_a_kept_connection_the_server_has_closed_is_replaced() -> None:
    async with serving(page) as (server, client):
        await client.get(server.url())
        server.requests[0].close()
        await asyncio.sleep(0.02)
        assert (await client.get(server.url())).status == 200
    assert server.connections == 2


async def test_a_connection_that_breaks_at_the_request_is_tried_once_more_and_no_more() -> None:
    async def answer(exchange: Exchange) -> None:
        exchange.close()

    async with serving(answer) as (server, client):
        with pytest.raises(Transient) as caught:
            await client.get(server.url())
    assert caught.value.reason == "reset"
    assert len(server.requests) == 2


@pytest.mark.parametrize("extra", [{}, {"If-None-Match": '"ü"', "X-Own": "1"}])
async def test_the_short_way_says_the_same_as_the_long_one(extra: dict[str, str]) -> None:
    async with serving(page) as (server, client):
        short = await client.get(server.url("/a?b=c%20d"), headers=extra)
        long = await client.get(server.url("/a?b=c%20d"), headers={**extra, "Accept": "*/*"})
    heads = [exchange.head.encode("latin-1").split(b"\r\n") for exchange in server.requests]
    assert heads[0][0] == heads[1][0] == b"GET /a?b=c%20d HTTP/1.1"
    assert sorted(heads[0]) == sorted(heads[1])
    assert (short.status, short.body, dict(short.headers)) == (long.status, long.body, dict(long.headers))


async def test_cancellation_passes_through_and_frees_the_slot() -> None:
    async def answer(exchange: Exchange) -> None:
        if exchange.path == "/hang":
            await asyncio.sleep(3)
        await page(exchange)

    async with serving(answer, slots=1) as (server, client):
        hanging = asyncio.create_task(client.get(server.url("/hang")))
        await server.asked.wait()
        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging
        assert (await client.get(server.url("/"))).status == 200


@pytest.mark.parametrize(("concurrency", "per_host", "most"), [(3, 0, 3), (100, 2, 2), (0, 0, 12)])
async def test_no_more_requests_are_in_flight_than_allowed(concurrency: int, per_host: int, most: int) -> None:
    running = peak = 0

    async def answer(exchange: Exchange) -> None:
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        await asyncio.sleep(0.02)
        running -= 1
        await page(exchange)

    async with Server(answer).listening() as server:
        # A wait for a slot is not a wait for the server, so a short connect timeout must not matter.
        settings = NetSettings(allow_private=True, connect_timeout_s=0.05)
        async with Client(settings, user_agent="t", concurrency=concurrency, per_host=per_host) as client:
            await asyncio.gather(*(client.get(server.url()) for _ in range(12)))
    assert peak == most


async def test_closing_fails_what_is_in_flight_and_refuses_what_comes_later() -> None:
    async def answer(exchange: Exchange) -> None:
        await asyncio.sleep(3)

    async with serving(answer) as (server, client):
        hanging = asyncio.create_task(client.get(server.url()))
        await server.asked.wait()
        await client.close()
        with pytest.raises(Transient):
            await hanging
        with pytest.raises(RuntimeError, match="closed"):
            await client.get(server.url())


@pytest.mark.parametrize("headers", [{"X": "a\r\nHost: evil"}, {"X\n": "a"}, {"Host": "evil"}, {"content-length": "5"}])
async def test_request_headers_cannot_break_out_of_their_place(headers: dict[str, str]) -> None:
    async with serving(page) as (server, client):
        with pytest.raises(Invalid) as caught:
            await client.get(server.url(), headers=headers)
    assert caught.value.reason == "bad_header"
    assert server.connections == 0


# --- the canary -----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def canary(names: Names | None = None, **net: Any) -> AsyncIterator[Any]:
    """A server on 127.0.0.1 that a client with the default rules must not reach."""
    client = Client(NetSettings(**net), user_agent="t", lookup=names)
    async with Server(page).listening() as server, client:
        yield server, client


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "127.1", "[::ffff:127.0.0.1]", "0", "0x7f.1"])
async def test_the_canary_is_not_reached_by_any_spelling(host: str) -> None:
    async with canary() as (server, client):
        with pytest.raises(Forbidden) as caught:
            await client.get(f"http://{host}:{server.port}/")
    assert caught.value.reason == "private_address"
    assert server.connections == 0


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["::ffff:127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["64:ff9b::7f00:1"]]
)
async def test_the_canary_is_not_reached_through_a_public_name(addresses: list[str]) -> None:
    async with canary(Names(public=[addresses])) as (server, client):
        with pytest.raises(Forbidden) as caught:
            await client.get(f"http://public.example:{server.port}/")
    assert caught.value.reason == "private_address"
    assert server.connections == 0


async def test_the_canary_is_not_reached_by_a_name_that_changes_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first answer is public and is the one that is connected to; the private second one is never asked for."""
    names = Names(rebind=[["8.8.8.8", "9.9.9.9"], ["127.0.0.1"]])
    connected: list[tuple[str, int]] = []

    async def connect(sock: socket.socket, address: tuple[str, int]) -> None:
        connected.append(address)
        raise OSError("the test opens no connection to the outside")

    async with canary(names) as (server, client):
        monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", connect)
        for _ in range(3):
            with pytest.raises(Transient):
                await client.get(f"http://rebind.example:{server.port}/")
    assert set(connected) == {("8.8.8.8", server.port), ("9.9.9.9", server.port)}
    assert names.asked == ["rebind.example"]
    assert server.connections == 0


async def test_a_redirect_to_the_canary_is_refused_when_it_is_taken() -> None:
    async with canary() as (target, _):

        async def answer(exchange: Exchange) -> None:
            await exchange.body(b"", f"Location: {target.url()}\r\n".encode(), b"HTTP/1.1 302 Found\r\n")

        async with serving(answer) as (server, client):
            response = await client.get(server.url())
            with pytest.raises(Forbidden):
                await client.get(response.headers["Location"])
        assert target.connections == 0


async def test_a_kept_connection_of_a_permitted_call_is_not_used_by_one_that_is_not() -> None:
    async with canary(Names(inside=[["127.0.0.1"]])) as (server, client):
        url = f"http://inside.example:{server.port}/"
        for permitted in (url, server.url()):
            assert (await client.get(permitted, allow_private=True)).status == 200
            with pytest.raises(Forbidden):
                await client.get(permitted)
    assert len(server.requests) == 2


async def test_allow_private_and_its_refusal_for_one_call() -> None:
    async with canary(allow_private=True) as (server, client):
        assert (await client.get(server.url())).status == 200
        with pytest.raises(Forbidden):
            await client.get(server.url(), allow_private=False)


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), Permanent, "dns_no_such_host"),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure"), Transient, "dns"),
    ],
)
async def test_names_that_do_not_resolve(answer: Exception, kind: type[Exception], reason: str) -> None:
    async with canary(Names(a=[answer])) as (_, client):
        with pytest.raises(kind, match=r"a\.example") as caught:
            await client.get("http://a.example/")
    assert getattr(caught.value, "reason", None) == reason


@pytest.mark.parametrize(
    ("url", "reason"),
    [("file:///etc/passwd", "scheme_not_allowed"), ("http://1.1.1.1:25/", "port_not_allowed")],
)
async def test_other_schemes_and_ports_are_refused(url: str, reason: str) -> None:
    async with canary(allowed_ports=(80, 443)) as (_, client):
        with pytest.raises(Forbidden) as caught:
            await client.get(url)
    assert caught.value.reason == reason


# --- bodies that are cut on purpose ---------------------------------------------------------------------------------

ROBOTS = b"User-agent: *\nDisallow: /a\n" + b"".join(b"# %x\n" % (n * n * 7919 % 2**32) for n in range(100_000))


@pytest.mark.parametrize("encoding", ["identity", "gzip", "br", "zstd"])
async def test_no_more_of_a_body_is_read_than_asked_for(encoding: str) -> None:
    packed = {"identity": bytes, "gzip": gzip.compress, "br": brotli.compress, "zstd": zstd.compress}[encoding](ROBOTS)

    async def answer(exchange: Exchange) -> None:
        await exchange.body(packed, f"Content-Encoding: {encoding}\r\n".encode())

    async with serving(answer) as (server, client):
        response = await client.get(server.url(), cut_bytes=500_000)
        assert (response.status, response.body, response.body_read) == (200, ROBOTS[:500_000], False)
        assert response.received_bytes <= len(packed)
        whole = await client.get(server.url(), cut_bytes=len(ROBOTS))
        assert (whole.body, whole.body_read) == (ROBOTS, True)
    if encoding == "identity":  # the others came with the headers, whole
        assert server.connections == 2, "a cut body is not drained: its connection is not used again"


async def test_an_endless_body_ends_where_it_is_cut() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(OK + b"Transfer-Encoding: chunked\r\n\r\n")
        while True:
            await exchange.send(b"1000\r\n" + b"x" * 4096 + b"\r\n")

    async with serving(answer) as (server, client):
        response = await client.get(server.url(), cut_bytes=100_000)
    assert (len(response.body), response.body_read) == (100_000, False)
    assert response.received_bytes < MIB


async def test_a_bomb_ends_where_it_is_cut() -> None:
    bomb = gzip.compress(b"\0" * (100 * MIB))

    async def answer(exchange: Exchange) -> None:
        await exchange.body(bomb, b"Content-Encoding: gzip\r\n")

    async with serving(answer) as (server, client):
        response = await client.get(server.url(), cut_bytes=500 * 1024)
        assert (response.body, response.body_read) == (b"\0" * (500 * 1024), False)
        with pytest.raises(Permanent) as caught:
            await client.get(server.url(), cut_bytes=20 * MIB)
    assert caught.value.reason == "inflation"


async def test_a_cut_beyond_the_cap_is_none() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.body(b"x" * 2049)

    async with serving(answer, max_body_bytes=2048) as (server, client):
        with pytest.raises(Permanent) as caught:
            await client.get(server.url(), cut_bytes=2049)
        assert caught.value.reason == "too_large"
        cut = await client.get(server.url(), cut_bytes=2048)
        assert (len(cut.body), cut.body_read) == (2048, False)
        assert (await client.get(server.url(), cut_bytes=0)).body == b""
