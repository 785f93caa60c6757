"""A guarded forward proxy on loopback, for programs that open their own connections: the browser.

Its requests and tunnels come in; each passes the same guard and the same pinned resolution as those of the client, and
what is refused is answered with 403 and the reason. Called by the crawl's browser.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from yarl import URL

from tidemill.errors import Forbidden, Permanent, TidemillError, Transient
from tidemill.net.badge import Badge, basic_credential
from tidemill.net.dial import Connection, Dialer
from tidemill.net.guard import Guard
from tidemill.net.heads import (
    RequestHead,
    body_length,
    parse_request,
    proxy_answer,
    read_head,
    request_for_server,
    response_for_browser,
    response_status,
)
from tidemill.net.hosts import normal_host
from tidemill.net.lookup import Lookup, LookupCache, SystemLookup
from tidemill.net.relay import Meter, relay
from tidemill.settings import NetSettings

_BACKLOG = 128
_MOST_INTERIM = 8
_PHRASES = {400: "Bad Request", 403: "Forbidden", 411: "Length Required", 502: "Bad Gateway", 504: "Gateway Timeout"}
_STATUS_OF = {"bad_request": 400, "bad_url": 400, "length_required": 411, "timeout": 504}


@dataclass(frozen=True, slots=True)
class ProxyLimits:
    """Bounds that the settings do not name: bytes and seconds of one connection, bytes of one badge, connections."""

    connection_bytes: int = 64 * 1024 * 1024
    badge_bytes: int = 128 * 1024 * 1024
    head_s: float = 10.0
    idle_s: float = 30.0
    total_s: float = 300.0
    connections: int = 512
    badge_connections: int = 96


class GuardedProxy:
    """An asynchronous context manager; while it is open it listens on a free port of 127.0.0.1.

    Only who holds a badge may pass, and a badge lives as long as its page, so that no other program of this machine can
    use the proxy. Counts `requests` (plain ones and tunnels), `refused`, `received_bytes` and `sent_bytes` of all.
    """

    def __init__(
        self, settings: NetSettings, *, limits: ProxyLimits | None = None, lookup: Lookup | None = None
    ) -> None:
        self._settings = settings
        self._limits = limits or ProxyLimits()
        self._guard = Guard(settings)
        self._system = SystemLookup()
        self._addresses = LookupCache(lookup or self._system)
        self._dialer = Dialer(
            self._guard,
            self._addresses,
            connect_timeout_s=settings.connect_timeout_s,
            max_line=settings.max_header_bytes,
        )
        self._server: asyncio.Server | None = None
        self._open = False
        self._badges: dict[str, Badge] = {}
        self._serving: dict[asyncio.Task[None], Badge | None] = {}
        self.port = 0
        self.requests = 0
        self.refused = 0
        self.received_bytes = 0
        self.sent_bytes = 0

    @property
    def url(self) -> str:
        """Where it listens, for example `http://127.0.0.1:40001`."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def connections(self) -> int:
        """How many connections of the browser are open."""
        return len(self._serving)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", 0, backlog=_BACKLOG, limit=self._settings.max_header_bytes
        )
        self.port = self._server.sockets[0].getsockname()[1]
        self._open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop listening and drop every connection; none of its tasks or sockets is left."""
        self._open = False
        if self._server is not None:
            self._server.close()
        self._badges.clear()
        await _end(self._serving)
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None
        await self._addresses.close()
        self._system.close()

    @asynccontextmanager
    async def badge(self, *, allow_private: bool | None = None, max_bytes: int | None = None) -> AsyncIterator[Badge]:
        """Let somebody pass. Leaving the context takes the badge back and drops the connections that it opened.

        `allow_private` replaces `net.allow_private` for this badge, `max_bytes` the limit of the proxy.
        """
        badge = Badge(
            private=self._settings.allow_private if allow_private is None else allow_private,
            max_bytes=self._limits.badge_bytes if max_bytes is None else max_bytes,
        )
        self._badges[badge.name] = badge
        try:
            yield badge
        finally:
            self._badges.pop(badge.name, None)
            await _end([task for task, holder in self._serving.items() if holder is badge])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or not self._open or len(self._serving) >= self._limits.connections:
            writer.transport.abort()
            return
        self._serving[task] = None
        try:
            await self._answer(task, (reader, writer))
            writer.close()
            await writer.wait_closed()
        except (OSError, TidemillError, asyncio.CancelledError):  # it left, was sent away, or is cut off in an answer
            _reset(writer)
        finally:
            del self._serving[task]

    async def _answer(self, task: asyncio.Task[None], browser: Connection) -> None:
        writer = browser[1]
        try:
            async with asyncio.timeout(self._limits.head_s):
                lines = await read_head(browser[0], self._settings.max_header_bytes)
            if not lines:
                return
            head = parse_request(lines)
        except (TidemillError, TimeoutError) as error:
            await _send(writer, proxy_answer(400, _PHRASES[400], reason=getattr(error, "reason", "timeout")))
            return
        badge = self._holder(head)
        if badge is None:
            extra = 'Proxy-Authenticate: Basic realm="tidemill"\r\n'
            await _send(writer, proxy_answer(407, "Proxy Authentication Required", reason="no_badge", extra=extra))
            return
        self._serving[task] = badge
        await self._pass(head, badge, browser)

    def _holder(self, head: RequestHead) -> Badge | None:
        credential = basic_credential(head.value("proxy-authorization"))
        badge = self._badges.get(credential[0]) if credential else None
        return badge if badge is not None and credential and badge.opens_for(credential[1]) else None

    async def _pass(self, head: RequestHead, badge: Badge, browser: Connection) -> None:
        badge.requests += 1
        self.requests += 1
        host, port = "", 0
        try:
            url = _target(head)
            host, port = _host_port(url)
            url = self._guard.check_url(str(url), private=badge.private)
            self._check_room(badge)
            length = None if head.method == "CONNECT" else body_length(head)
            server = await self._dialer.connect(url, private=badge.private)
        except TidemillError as error:
            badge.note(host, port, error)
            self.refused += isinstance(error, Forbidden)
            await _send(browser[1], _refusal(error))
            return
        try:
            await self._exchange(head, url, length, badge, browser, server)
        except TidemillError as error:
            badge.note(host, port, error)
            raise
        finally:
            server[1].transport.abort()

    def _check_room(self, badge: Badge) -> None:
        held = sum(holder is badge for holder in self._serving.values())
        if held > self._limits.badge_connections:
            raise Forbidden(f"the page holds {held} connections already", reason="too_many_connections")
        if badge.exhausted:
            raise Forbidden(f"the page moved more than its {badge.max_bytes} bytes", reason="too_large")

    async def _exchange(
        self, head: RequestHead, url: URL, length: int | None, badge: Badge, browser: Connection, server: Connection
    ) -> None:
        meter = Meter(badge, self._limits.connection_bytes, self._count)
        opening = None
        if length is None:
            await _send(browser[1], b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            request = request_for_server(head, url)
            meter.add(sent=len(request))
            await _send(server[1], request)
            opening = _Opening(browser[1], server[0], meter, self._settings.max_header_bytes)
        try:
            await relay(
                browser,
                server,
                meter,
                idle_s=self._limits.idle_s,
                total_s=self._limits.total_s,
                body_bytes=length,
                opening=opening,
            )
        except (TidemillError, ConnectionError) as error:
            if opening is None or opening.done or isinstance(error, ConnectionAbortedError):
                raise
            broken = error if isinstance(error, TidemillError) else _broken(url, error)
            badge.note(*_host_port(url), broken)
            await _send(browser[1], _refusal(broken))

    def _count(self, received: int, sent: int) -> None:
        self.received_bytes += received
        self.sent_bytes += sent


class _Opening:
    """Passes on the head of a server's response, with what is between him and the proxy taken out."""

    def __init__(
        self, writer: asyncio.StreamWriter, reader: asyncio.StreamReader, meter: Meter, max_bytes: int
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._meter = meter
        self._max_bytes = max_bytes
        self.done = False

    async def __call__(self) -> None:
        for _ in range(_MOST_INTERIM):
            lines = await read_head(self._reader, self._max_bytes)
            if not lines:
                raise Transient("the server closed the connection without an answer", reason="reset")
            self._meter.add(received=sum(map(len, lines)) + 2 * len(lines) + 2)
            status = response_status(lines)
            if status >= 200:
                head = response_for_browser(lines)
                self.done = True
                await _send(self._writer, head)
                return
            if status == 101:
                break
        raise Transient("the server answered with interim responses only", reason="protocol")


def _target(head: RequestHead) -> URL:
    """What a request is for. Raises `Permanent` (`bad_url`) or `Forbidden` (`scheme_not_allowed`)."""
    written = f"https://{head.target}/" if head.method == "CONNECT" else head.target
    try:
        url = URL(written, encoded=True)
        authority = url.raw_authority
        explicit = url.explicit_port
    except ValueError as error:
        raise Permanent(f"the proxy was asked for {written[:200]!r}: {error}", reason="bad_url") from error
    if head.method != "CONNECT" and url.scheme == "https":  # what wants encryption must not go out without
        raise Forbidden(f"the proxy was asked for {written[:200]!r} outside a tunnel", reason="scheme_not_allowed")
    if head.method == "CONNECT" and (authority != head.target or explicit is None):
        raise Permanent(f"CONNECT {head.target[:200]!r} is not `host:port`", reason="bad_url")
    return url


def _host_port(url: URL) -> tuple[str, int]:
    """The key under which a badge remembers a target. Raises `Permanent` (`bad_url`)."""
    return normal_host(url.raw_host or ""), url.port or 0


def _refusal(error: TidemillError) -> bytes:
    """The reason only: the message names addresses that a page has no business to know."""
    status = 403 if isinstance(error, Forbidden) else _STATUS_OF.get(error.reason, 502)
    return proxy_answer(status, _PHRASES[status], reason=error.reason)


def _broken(url: URL, error: Exception) -> Transient:
    return Transient(f"{url.scheme}://{url.raw_authority}: the server broke the connection ({error})", reason="reset")


def _reset(writer: asyncio.StreamWriter) -> None:
    """Drop a connection so that the other side sees it broken: a mere end would make half a body look whole."""
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        with socket.socket(fileno=os.dup(sock.fileno())) as same:  # uvloop lets nobody set options of its own
            same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()


async def _end(tasks: Iterable[asyncio.Task[None]]) -> None:
    ending = tuple(tasks)
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)
