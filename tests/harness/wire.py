"""Web servers that speak raw bytes, in a thread beside the test, so that they can do what no proper server does.

`with wire(answer, origins=3) as server:` serves three ports. `server.hits` is what was asked for, and how it ended.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

from tests.harness.beside import PATIENCE_S, beside
from tests.site.text import filler

HTML = "Content-Type: text/html; charset=utf-8"
_RESET = b"\x01\0\0\0\0\0\0\0"  # struct linger: on, no seconds


@dataclass(slots=True)
class Hit:
    """One request: when it came (monotonic), and when its exchange was over, `None` while it is not."""

    at: float
    origin: int
    path: str
    over: float | None = None
    sent_bytes: int = 0


class Exchange:
    """One request as a server sees it. Whoever returns without having closed the connection keeps it open.

    `origin` counts the ports from 0, `number` the requests of this connection from 0.
    """

    def __init__(
        self, hit: Hit, head: str, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.hit, self.head, self.number = hit, head, number
        self.reader, self.writer = reader, writer

    @property
    def path(self) -> str:
        return self.hit.path

    @property
    def origin(self) -> int:
        return self.hit.origin

    async def send(self, *parts: bytes) -> None:
        """Send, and wait until the client has taken it; ends with `ConnectionError` when the client is gone."""
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()
            self.hit.sent_bytes += len(part)

    async def page(self, body: str | bytes, *headers: str, status: str = "200 OK") -> None:
        """Send a whole and proper answer, HTML unless a header says otherwise."""
        content = body.encode() if isinstance(body, str) else body
        given = "" if any(header.lower().startswith("content-type:") for header in headers) else f"{HTML}\r\n"
        lines = given + "".join(f"{header}\r\n" for header in headers)
        head = f"HTTP/1.1 {status}\r\n{lines}Content-Length: {len(content)}\r\n\r\n"
        await self.send(head.encode() + content)

    async def redirect(self, location: str, *headers: str) -> None:
        await self.page("", f"Location: {location}", *headers, status="302 Found")

    async def missing(self) -> None:
        await self.page("<p>No such page.</p>", status="404 Not Found")

    async def gone(self) -> None:
        """Say nothing more, until the client leaves."""
        while await self.reader.read(65_536):
            pass
        self.writer.close()

    def end_of_words(self) -> None:
        """Close our half of the connection."""
        self.writer.write_eof()

    def reset(self) -> None:
        """Break the connection with a RST."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.writer.transport.abort()


Answer = Callable[[Exchange], Awaitable[None]]


@dataclass
class Wire:
    """A running server."""

    answer: Answer
    host: str
    ports: list[int] = field(default_factory=list)
    hits: list[Hit] = field(default_factory=list)
    _serving: set[asyncio.Task[None]] = field(default_factory=set)

    def url(self, path: str = "/", origin: int = 0) -> str:
        return f"http://{self.pair(origin)}{path}"

    def pair(self, origin: int = 0) -> str:
        """`host:port`, as sources and settings write it."""
        return f"{self.host}:{self.ports[origin]}"

    @property
    def pairs(self) -> list[str]:
        return [self.pair(origin) for origin in range(len(self.ports))]

    def asked(self, origin: int | None = None) -> Counter[str]:
        """How often each path was asked for."""
        return Counter(hit.path for hit in self.hits if origin is None or hit.origin == origin)

    def settle(self, patience_s: float = PATIENCE_S) -> None:
        """Wait until every exchange is over, so far as that comes within so many seconds.

        A client that has ended may be seen to be gone only a moment later.
        """
        until = time.monotonic() + patience_s
        while time.monotonic() < until and any(hit.over is None for hit in tuple(self.hits)):
            time.sleep(0.01)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            with suppress(asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError, asyncio.CancelledError):
                await self._talk(reader, writer)
        finally:
            self._serving.discard(task)
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        origin = self.ports.index(writer.get_extra_info("sockname")[1])
        number = 0
        while not writer.is_closing():
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            hit = Hit(time.monotonic(), origin, head.split(" ")[1])
            self.hits.append(hit)
            try:
                await self.answer(Exchange(hit, head, number, reader, writer))
            finally:
                hit.over = time.monotonic()
            number += 1


@contextmanager
def wire(answer: Answer, *, origins: int = 1, host: str = "127.0.0.1", port: int = 0) -> Iterator[Wire]:
    """Serve `answer` at `origins` ports of `host` until the block ends; `port` 0 takes any free ones."""
    server, loop = Wire(answer, host), asyncio.new_event_loop()
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server((host, port))) for _ in range(origins)]
        server.ports = [each.getsockname()[1] for each in sockets]
        stack.enter_context(beside("wire", loop, sockets, server.serve, server._serving))
        yield server


def html(title: str, links: Iterable[str] = ()) -> str:
    """A page with enough words to be a document, and these links."""
    items = "".join(f'<li><a href="{link}">{link}</a></li>' for link in links)
    text = "".join(f"<p>{sentence}</p>" for sentence in filler(title, 4))
    return (
        f'<!DOCTYPE html><html lang="en"><head><title>{title}</title></head><body>'
        f"<main><h1>{title}</h1>{text}</main><ul>{items}</ul></body></html>"
    )
