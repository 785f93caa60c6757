"""One plain GET over a connection of aiohttp's pool: what a crawl sends ten thousand times an hour.

A URL that passed the guard comes in; an `Answer` whose headers are there goes out. Called by the client for requests
without proxy and profile. aiohttp's session prepares each request for cookies, redirects, bodies, traces and
authentication, which costs more than sending it; its connector, pool, TLS, parser and timeouts of reading are used here
as they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import aiohttp
from aiohttp.streams import StreamReader
from multidict import CIMultiDictProxy
from yarl import URL

_REMEMBERED = 4096
_IDEMPOTENT_TRIES = 2
_ACCEPT = "Accept: */*\r\n"
_NOT_CONNECTED = (
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientConnectorError,
    aiohttp.ClientConnectorCertificateError,
)


class Answer:
    """What came back: status and headers, and the body as it comes. Its connection is `None` once that is in the pool.

    The names are those of `aiohttp.ClientResponse`, so that both are read in the same way.
    """

    __slots__ = ("connection", "content", "headers", "raw_headers", "status", "url")

    def __init__(
        self,
        url: URL,
        status: int,
        headers: CIMultiDictProxy[str],
        raw_headers: tuple[tuple[bytes, bytes], ...],
        content: StreamReader,
        connection: aiohttp.connector.Connection,
    ) -> None:
        self.url = url
        self.status = status
        self.headers = headers
        self.raw_headers = raw_headers
        self.content = content
        self.connection: aiohttp.connector.Connection | None = connection
        content.on_eof(self._end)

    @property
    def closed(self) -> bool:
        """Whether it holds no connection any more."""
        return self.connection is None

    @property
    def content_length(self) -> int | None:
        """The announced length of the body."""
        announced = self.headers.get("Content-Length")
        return None if announced is None else int(announced)

    def close(self) -> None:
        """Let go of a connection whose body is not read to its end, which is of no use to others then."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def _end(self) -> None:
        connection = self.connection
        if connection is not None and not (connection.protocol is not None and connection.protocol.upgraded):
            connection.release()
            self.connection = None


class Exchange:
    """Sends GETs over the connections of one session, with its `timeout` and bounds.

    `headers` go with each request. Time in all is the caller's to bound: he reads the body, too.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        headers: Mapping[str, str],
        read_buffer: int,
        max_header_bytes: int,
        max_headers: int,
    ) -> None:
        self._session = session
        self._own = {name.lower() for name in headers}
        self._common = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._read_buffer = read_buffer
        self._max_header_bytes = max_header_bytes
        self._max_headers = max_headers
        self._known: dict[tuple[str, str], tuple[aiohttp.ClientRequest, str]] = {}

    def fits(self, headers: Mapping[str, str] | None) -> bool:
        """Whether a request with these headers beside the common ones is as plain as that."""
        return not headers or not any(name.lower() in self._own or name.lower() == "accept" for name in headers)

    async def get(self, url: URL, headers: Mapping[str, str] | None) -> Answer:
        """Ask for `url`. Raises what aiohttp raises; `ConnectionTimeoutError` if no connection is made in time.

        A kept connection may be closed by its server at the very moment of the request: then there is one more try
        (RFC 9112, 9.3.1).
        """
        request, head = self._origin(url)
        extra = "".join(f"{name}: {value}\r\n" for name, value in headers.items()) if headers else ""
        sent = f"GET {url.raw_path_qs} HTTP/1.1\r\n{head}{extra}{_ACCEPT}\r\n".encode()
        for tries_left in reversed(range(_IDEMPOTENT_TRIES)):
            try:
                return await self._once(request, url, sent)
            except _NOT_CONNECTED:
                raise  # there was no connection yet that could have been closed
            except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
                if not tries_left:
                    raise
        raise AssertionError("the last try returns or raises")

    async def _once(self, request: aiohttp.ClientRequest, url: URL, sent: bytes) -> Answer:
        connector, timeout = self._session.connector, self._session.timeout
        if connector is None:
            raise RuntimeError("Session is closed")
        try:
            connection = await connector.connect(request, [], timeout)
        except TimeoutError as error:
            raise aiohttp.ConnectionTimeoutError(f"Connection timeout to host {url}") from error
        try:
            return await self._over(connection, url, sent, timeout.sock_read)
        except BaseException:
            connection.close()
            raise

    async def _over(
        self, connection: aiohttp.connector.Connection, url: URL, sent: bytes, read_timeout_s: float | None
    ) -> Answer:
        protocol, transport = connection.protocol, connection.transport
        if protocol is None or transport is None or transport.is_closing():
            raise aiohttp.ClientConnectionResetError("Cannot write to closing transport")
        protocol.set_response_params(
            read_until_eof=True,
            auto_decompress=False,
            read_timeout=read_timeout_s,
            read_bufsize=self._read_buffer,
            max_line_size=self._max_header_bytes,
            max_field_size=self._max_header_bytes,
            max_headers=self._max_headers,
        )
        protocol.start_timeout()
        transport.write(sent)
        while True:
            message, content = await protocol.read()
            if not 100 <= message.code <= 199 or message.code == 101:
                return Answer(url, message.code, message.headers, message.raw_headers, content, connection)

    def _origin(self, url: URL) -> tuple[aiohttp.ClientRequest, str]:
        """What is the same for all URLs of one origin: whom the connector connects to, and the first headers."""
        key = (url.scheme, url.raw_authority)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            request = aiohttp.ClientRequest("GET", url.origin(), loop=asyncio.get_running_loop(), session=self._session)
            known = self._known[key] = (request, f"Host: {url.host_port_subcomponent}\r\n{self._common}")
        return known
