"""The guarded HTTP client.

A URL comes in; a bounded, decoded `Response` goes out, or an error of `tidemill.errors` whose class says whether to
try again. Called by crawl and deliver. Redirects are not followed: each hop is a request of its own and passes the
guard again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

import aiohttp
from yarl import URL

from tidemill.errors import Invalid, Permanent, Transient
from tidemill.net.body import read_body
from tidemill.net.decode import Decoder, content_encoding, open_decoder, too_large
from tidemill.net.faults import RAISED, translate
from tidemill.net.guard import Guard
from tidemill.net.lookup import Lookup, LookupCache, SystemLookup
from tidemill.net.resolver import PinnedResolver
from tidemill.net.response import Response, clean_headers
from tidemill.net.slots import Slots
from tidemill.settings import NetSettings

Want = Callable[[int, str], bool]

ACCEPT_ENCODING = "gzip, deflate, br, zstd"
HEAD_BYTES = 64 * 1024  # as much of the page that comes with an error is kept, to recognise challenges and walls
_KEEP_ALIVE_S = 10.0
_READ_BUFFER = 64 * 1024
_MOST_HEADERS = 128
_BAD_HEADER = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
_OUR_HEADERS = frozenset(("host", "connection", "content-length", "transfer-encoding", "te", "upgrade", "expect"))


class Client:
    """An asynchronous context manager that holds connections, kept alive, and the memory of resolved names.

    Keeps no cookies and asks no proxy. `concurrency` requests may be in flight at once and `per_host` to one host (0:
    no limit); more wait for a slot. `lookup` replaces the system's name service, for tests.
    """

    def __init__(
        self,
        settings: NetSettings,
        *,
        user_agent: str,
        concurrency: int = 100,
        per_host: int = 0,
        lookup: Lookup | None = None,
    ) -> None:
        self._settings = settings
        self._headers = {"User-Agent": user_agent, "Accept-Encoding": ACCEPT_ENCODING}
        self._guard = Guard(settings)
        self._slots = Slots(concurrency, per_host)
        self._system = SystemLookup()
        self._addresses = LookupCache(lookup or self._system)
        # Connections that were allowed to go to a private address must not be used by requests that are not.
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Drop all connections. Requests in flight fail with `Transient`; later ones with `RuntimeError`."""
        self._closed = True
        for session in self._sessions.values():
            await session.close()
        await self._addresses.close()
        self._system.close()

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        want: Want | None = None,
        allow_private: bool | None = None,
    ) -> Response:
        """Request `url` with GET.

        `want(status, media_type)` is asked when the headers are there; if it says no, the body is not read. Bodies of
        statuses other than 2xx are kept up to 64 KiB, and nothing that is wrong with them is an error.
        `allow_private` replaces `net.allow_private` for this request.

        Raises `Transient` (`dns`, `connect`, `tls`, `timeout`, `reset`, `truncated`, `protocol`), `Permanent`
        (`dns_no_such_host`, `bad_url`, `headers_too_large`, `too_large`, `inflation`, `bad_encoding`), `Forbidden`
        (`private_address`, `port_not_allowed`, `scheme_not_allowed`) or `Invalid` (`bad_header`).
        """
        private = self._settings.allow_private if allow_private is None else allow_private
        target = self._guard.check_url(url, private=private)
        if headers:
            _check_headers(headers)
        async with self._slots.of(target.raw_host or ""):
            return await self._request(self._session(private), target, headers, want)

    def _session(self, private: bool) -> aiohttp.ClientSession:
        if self._closed:
            raise RuntimeError("this HTTP client is closed; request within its `async with`")
        session = self._sessions.get(private)
        if session is None:
            session = self._sessions[private] = self._open_session(private)
        return session

    def _open_session(self, private: bool) -> aiohttp.ClientSession:
        settings = self._settings
        connector = aiohttp.TCPConnector(
            resolver=PinnedResolver(self._guard, self._addresses, private=private),
            use_dns_cache=False,  # ours is the only one, and every use of it is checked
            limit=0,
            keepalive_timeout=_KEEP_ALIVE_S,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=self._headers,
            auto_decompress=False,
            read_bufsize=_READ_BUFFER,
            max_line_size=settings.max_header_bytes,
            max_field_size=settings.max_header_bytes,
            max_headers=_MOST_HEADERS,
            timeout=aiohttp.ClientTimeout(
                total=settings.total_timeout_s, connect=settings.connect_timeout_s, sock_read=settings.read_timeout_s
            ),
        )

    async def _request(
        self, session: aiohttp.ClientSession, url: URL, headers: Mapping[str, str] | None, want: Want | None
    ) -> Response:
        started = time.perf_counter()
        try:
            answer = await session.get(url, headers=headers, allow_redirects=False)
            try:
                return await self._receive(answer, want, started)
            except (Permanent, Transient) as error:
                error.args = (f"{url}: {error}",)  # what is wrong with the body was found without knowing whose it is
                raise
            finally:
                if not answer.closed:  # closed already if the body was read to its end: its connection is in the pool
                    answer.close()
        except RAISED as error:
            raise translate(error, url, self._settings) from error

    async def _receive(self, answer: aiohttp.ClientResponse, want: Want | None, started: float) -> Response:
        headers = clean_headers(answer.raw_headers, answer.headers, self._settings.max_header_bytes)
        content_type = headers.get("Content-Type", "")
        media_type = content_type.partition(";")[0].strip().lower()
        body, received, whole = b"", 0, False
        if want is not None and not want(answer.status, media_type):
            answer.close()
        elif 200 <= answer.status < 300:
            decoder = self._open_decoder(answer, self._settings.max_body_bytes)
            await read_body(answer, decoder)
            body, received, whole = decoder.finish(), decoder.received, True
        else:
            body, received, whole = await self._read_head(answer)
        return Response(
            url=str(answer.url),
            status=answer.status,
            headers=headers,
            content_type=content_type,
            media_type=media_type,
            body=body,
            received_bytes=received,
            elapsed_s=time.perf_counter() - started,
            body_read=whole,
        )

    def _open_decoder(self, answer: aiohttp.ClientResponse, max_bytes: int) -> Decoder:
        announced = answer.content_length
        if announced is not None and announced > max_bytes:
            raise too_large(max_bytes, announced)
        encodings = answer.headers.getall("Content-Encoding", ())
        encoding = content_encoding(encodings) if encodings else ""
        return open_decoder(encoding, max_bytes=max_bytes, max_inflation=self._settings.max_inflation)

    async def _read_head(self, answer: aiohttp.ClientResponse) -> tuple[bytes, int, bool]:
        """Read the page that comes with an error or a redirect; whatever is wrong with it, the status is the news."""
        decoder: Decoder = open_decoder("", max_bytes=0, max_inflation=1)
        try:
            decoder = self._open_head(answer)
            await read_body(answer, decoder)
            return decoder.finish(), decoder.received, True
        except (Permanent, Transient, *RAISED):
            answer.close()
            return decoder.so_far()[:HEAD_BYTES], decoder.received, False

    def _open_head(self, answer: aiohttp.ClientResponse) -> Decoder:
        encoding = content_encoding(answer.headers.getall("Content-Encoding", ()))
        return open_decoder(encoding, max_bytes=HEAD_BYTES, max_inflation=self._settings.max_inflation)


def _check_headers(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if name.lower() in _OUR_HEADERS or _BAD_HEADER.search(name) or _BAD_HEADER.search(value):
            raise Invalid(
                f"request header {name!r} is the client's to set or has control characters", reason="bad_header"
            )
