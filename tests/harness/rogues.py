"""The ways in which a web server can misbehave, each at its path, and what the ledger must say of it in the end.

`rogue` is the answer of a `wire` server; `/` leads to all of them, and its robots.txt forbids none.
"""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from itertools import count

import brotli
from backports import zstd
from tests.harness.wire import HTML, Exchange, html
from tests.site.hostile import bomb

OK = f"HTTP/1.1 200 OK\r\n{HTML}\r\n".encode()
GIB = 1024**3
MIB = 1024**2
TEN_GB = 10 * GIB
_BLOCK = b"<p>And so it goes on, and on, and on, as long as somebody listens.</p>\n" * 900
_CHUNK = b"%x\r\n%b\r\n" % (len(_BLOCK), _BLOCK)
_DRIP_S = 0.1


async def stall(exchange: Exchange) -> None:
    await exchange.gone()


async def slow_headers(exchange: Exchange) -> None:
    await exchange.send(OK)
    for number in count():
        await exchange.send(b"X-Patience-%d: please wait\r\n" % number)
        await asyncio.sleep(_DRIP_S)


async def slow_body(exchange: Exchange) -> None:
    await exchange.send(OK + b"Content-Length: 100000\r\n\r\n")
    while True:
        await exchange.send(b".")
        await asyncio.sleep(_DRIP_S)


async def slow_chunks(exchange: Exchange) -> None:
    await exchange.send(OK + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        await exchange.send(b"1\r\n.\r\n")
        await asyncio.sleep(_DRIP_S)


async def endless_chunks(exchange: Exchange) -> None:
    await exchange.send(OK + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        await exchange.send(_CHUNK)


async def empty_stream(exchange: Exchange) -> None:
    """Compressed bytes that never come to anything: deflate blocks without content, as fast as they are taken."""
    await exchange.send(OK + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n")
    nothing = b"\0\0\0\xff\xff" * 13_000
    await exchange.send(b"a\r\n\x1f\x8b\x08\0\0\0\0\0\x02\xff\r\n")
    while True:
        await exchange.send(b"%x\r\n%b\r\n" % (len(nothing), nothing))


async def announced(exchange: Exchange) -> None:
    await exchange.send(OK + b"Content-Length: %d\r\n\r\n" % TEN_GB)
    await _ten_gigabytes(exchange)


async def unannounced(exchange: Exchange) -> None:
    await exchange.send(OK + b"Connection: close\r\n\r\n")
    await _ten_gigabytes(exchange)
    exchange.writer.close()


async def _ten_gigabytes(exchange: Exchange) -> None:
    for _ in range(TEN_GB // len(_BLOCK) + 1):
        await exchange.send(_BLOCK)


async def onward(exchange: Exchange) -> None:
    number = int(exchange.path.rpartition("/")[2])
    await exchange.redirect(f"/redirects/{number + 1}")


async def to_itself(exchange: Exchange) -> None:
    """It counts its visitors with a cookie, and sends them to where they are."""
    seen = exchange.head.count("turn=")
    await exchange.redirect(exchange.path, f"Set-Cookie: turn={seen + 1}; Path=/")


async def in_a_ring(exchange: Exchange) -> None:
    number = int(exchange.path.rpartition("/")[2])
    await exchange.redirect(f"/ring/{(number + 1) % 3}", f"Set-Cookie: ring{number}=1; Path=/")


async def many_headers(exchange: Exchange) -> None:
    await exchange.send(OK)
    for number in range(10 * MIB // 1024):
        await exchange.send(b"X-Flood-%06d: %b\r\n" % (number, b"x" * 1005))
    await exchange.gone()


async def long_header(exchange: Exchange) -> None:
    await exchange.send(OK + b"X-Flood: ")
    for _ in range(10):
        await exchange.send(b"x" * MIB)
    await exchange.gone()


async def interim_for_ever(exchange: Exchange) -> None:
    while True:
        await exchange.send(b"HTTP/1.1 102 Processing\r\n\r\n" * 100)
        await asyncio.sleep(0.01)


async def long_chunk_line(exchange: Exchange) -> None:
    await exchange.send(OK + b"Transfer-Encoding: chunked\r\n\r\n5;ext=")
    while True:
        await exchange.send(b"x" * 65_536)


async def endless_trailers(exchange: Exchange) -> None:
    await exchange.send(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n")
    for number in count():
        await exchange.send(b"X-Trailer-%d: %b\r\n" % (number, b"x" * 1000))


async def silent_when_kept(exchange: Exchange) -> None:
    """The first request of a connection is answered as it should be, each further one never."""
    if exchange.number:
        await exchange.gone()
    else:
        await exchange.page(html(f"Kept {exchange.path}"), "Connection: keep-alive")


async def silent_in_the_middle(exchange: Exchange) -> None:
    await exchange.send(OK + b"Content-Length: 1000\r\nConnection: keep-alive\r\n\r\n<p>half of it")
    await exchange.gone()


async def half_a_body(exchange: Exchange) -> None:
    await exchange.send(OK + b"Content-Length: 100000\r\n\r\n<p>half of it")
    exchange.end_of_words()
    await exchange.gone()


async def half_closed(exchange: Exchange) -> None:
    """The sending half is closed before anything was sent; the other one stays open."""
    exchange.end_of_words()
    await exchange.gone()


async def reset(exchange: Exchange) -> None:
    exchange.reset()


async def reset_in_body(exchange: Exchange) -> None:
    await exchange.send(OK + b"Transfer-Encoding: chunked\r\n\r\n" + _CHUNK)
    await asyncio.sleep(0.05)
    exchange.reset()


async def garbage(exchange: Exchange) -> None:
    await exchange.send(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    await exchange.gone()


async def bad_chunks(exchange: Exchange) -> None:
    await exchange.send(OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n")
    await exchange.gone()


def inflating(encoding: str) -> Callable[[Exchange], Awaitable[None]]:
    """A body that is small as it comes, and hundreds of megabytes when it is unpacked."""

    async def answer(exchange: Exchange) -> None:
        await exchange.page(_bomb(encoding), f"Content-Encoding: {encoding}")

    return answer


@cache
def _bomb(encoding: str) -> bytes:
    zeros = bytes(200 * MIB)
    packed: dict[str, Callable[[], bytes]] = {
        "gzip": bomb,
        "deflate": lambda: zlib.compress(zeros, 9),
        "br": lambda: bytes(brotli.compress(zeros, quality=1)),
        "zstd": lambda: bytes(zstd.compress(zeros, 1)),
        "gzip, gzip": lambda: gzip.compress(bomb(), 6, mtime=0),
    }
    return packed[encoding]()


@dataclass(frozen=True, slots=True)
class Rogue:
    """A misbehaviour, and the outcome and reasons of which one must stand in the ledger."""

    answer: Callable[[Exchange], Awaitable[None]]
    reasons: tuple[str, ...]
    outcome: str = "failed"


_INFLATED = ("inflation", "too_large")  # whichever of the two limits is met first
ROGUES = {
    "/stall": Rogue(stall, ("timeout",)),
    "/slow-headers": Rogue(slow_headers, ("timeout",)),
    "/slow-body": Rogue(slow_body, ("timeout",)),
    "/slow-chunks": Rogue(slow_chunks, ("timeout",)),
    "/endless-chunks": Rogue(endless_chunks, ("too_large",)),
    "/empty-stream": Rogue(empty_stream, ("too_large",)),
    "/10gb-announced": Rogue(announced, ("too_large",)),
    "/10gb-unannounced": Rogue(unannounced, ("too_large",)),
    "/to-itself": Rogue(to_itself, ("redirect_loop",)),
    "/many-headers": Rogue(many_headers, ("headers_too_large",)),
    "/long-header": Rogue(long_header, ("headers_too_large",)),
    "/interim": Rogue(interim_for_ever, ("timeout", "protocol", "headers_too_large")),
    "/long-chunk-line": Rogue(long_chunk_line, ("timeout", "protocol", "too_large")),
    "/endless-trailers": Rogue(endless_trailers, ("protocol", "headers_too_large", "timeout")),
    "/silent-in-the-middle": Rogue(silent_in_the_middle, ("timeout",)),
    "/half-a-body": Rogue(half_a_body, ("truncated",)),
    "/half-closed": Rogue(half_closed, ("reset",)),
    "/reset": Rogue(reset, ("reset",)),
    "/reset-in-body": Rogue(reset_in_body, ("truncated", "reset")),
    "/garbage": Rogue(garbage, ("protocol",)),
    "/bad-chunks": Rogue(bad_chunks, ("protocol", "truncated")),
    "/bomb-gzip": Rogue(inflating("gzip"), _INFLATED),
    "/bomb-deflate": Rogue(inflating("deflate"), _INFLATED),
    "/bomb-br": Rogue(inflating("br"), _INFLATED),
    "/bomb-zstd": Rogue(inflating("zstd"), _INFLATED),
    "/bomb-in-bomb": Rogue(inflating("gzip, gzip"), ("bad_encoding",)),
}
"""By path; besides there are chains of redirects below `/redirects/` and `/ring/`, and kept connections at `/kept/`."""

RING = tuple(f"/ring/{number}" for number in range(3))
KEPT = tuple(f"/kept/{number}" for number in range(3))


def light_fuses() -> None:
    """Make the bombs, so that no measurement has to wait for that."""
    for path in ROGUES:
        if path.startswith("/bomb"):
            _bomb({"in-bomb": "gzip, gzip"}.get(path.partition("-")[2], path.partition("-")[2]))


async def rogue(exchange: Exchange) -> None:
    """Answer as the path has it."""
    path = exchange.path
    if path == "/":
        await exchange.page(html("The rogues", [*ROGUES, *KEPT, RING[0], "/redirects/0"]))
    elif path in ROGUES:
        await ROGUES[path].answer(exchange)
    elif path in RING:
        await in_a_ring(exchange)
    elif path in KEPT:
        await silent_when_kept(exchange)
    elif path.startswith("/redirects/"):
        await onward(exchange)
    else:
        await exchange.missing()
