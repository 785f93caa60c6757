"""What the server does on the hostile pages instead of sending a page. Each ends as soon as the client is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from itertools import count, repeat

from aiohttp import web
from tests.site.hostile import HUGE_BYTES

_BLOCK = b"<p>And so it goes on, and on, and on, as long as somebody listens.</p>\n" * 900
_HTML = {"Content-Type": "text/html; charset=utf-8"}

Misbehaviour = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def _stall(request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    return web.Response()


async def _loris(request: web.Request) -> web.StreamResponse:
    transport = request.transport
    assert isinstance(transport, asyncio.Transport)
    transport.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n")
    for number in count():
        await asyncio.sleep(0.5)
        if transport.is_closing():
            break
        transport.write(b"X-Patience-%d: please wait\r\n" % number)
    return web.Response()


async def _drip(request: web.Request) -> web.StreamResponse:
    async def bytes_one_by_one() -> AsyncIterator[bytes]:
        for _ in repeat(None):
            yield b"."
            await asyncio.sleep(1)

    return await _stream(request, bytes_one_by_one())


async def _huge(request: web.Request) -> web.StreamResponse:
    return await _stream(request, _blocks(HUGE_BYTES))


async def _huge_declared(request: web.Request) -> web.StreamResponse:
    return await _stream(request, _blocks(HUGE_BYTES), length=-(-HUGE_BYTES // len(_BLOCK)) * len(_BLOCK))


async def _endless(request: web.Request) -> web.StreamResponse:
    return await _stream(request, _blocks(None))


async def _reset(request: web.Request) -> web.StreamResponse:
    if isinstance(request.transport, asyncio.Transport):
        request.transport.abort()
    return web.Response()


async def _cut(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={**_HTML, "Content-Length": "10000"})
    await response.prepare(request)
    await response.write(b"<!DOCTYPE html><title>Cut</title><p>This sentence will never be fini")
    if request.transport is not None:
        request.transport.close()
    return response


async def _blocks(size_bytes: int | None) -> AsyncIterator[bytes]:
    sent = 0
    while size_bytes is None or sent < size_bytes:
        yield _BLOCK
        sent += len(_BLOCK)
        await asyncio.sleep(0)


async def _stream(request: web.Request, chunks: AsyncIterator[bytes], length: int | None = None) -> web.StreamResponse:
    response = web.StreamResponse(headers=_HTML)
    response.content_length = length
    with suppress(ConnectionError):
        await response.prepare(request)
        async for chunk in chunks:
            await response.write(chunk)
        await response.write_eof()
    return response


MISBEHAVIOURS: dict[str, Misbehaviour] = {
    "stall": _stall,
    "loris": _loris,
    "drip": _drip,
    "huge": _huge,
    "huge-declared": _huge_declared,
    "endless": _endless,
    "reset": _reset,
    "cut": _cut,
}
