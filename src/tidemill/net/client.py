"""The guarded HTTP client.

A URL comes in; a bounded, decoded `Response` goes out, or an error of `tidemill.errors` whose class says whether to
try again. Called by crawl and deliver. Redirects are not followed: each hop is a request of its own and passes the
guard again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from tidemill.errors import Permanent, TidemillError, Transient
from tidemill.net.body import read_body
from tidemill.net.decode import Decoder, content_encoding, open_decoder, too_large
from tidemill.net.exchange import Answer, Exchange
from tidemill.net.faults import RAISED, translate
from tidemill.net.guard import Guard
from tidemill.net.hosts import is_address
from tidemill.net.identity import Identity
from tidemill.net.lookup import Lookup, LookupCache, SystemLookup
from tidemill.net.profile import Profile, check_headers
from tidemill.net.resolver import PinnedResolver
from tidemill.net.response import Response, clean_headers
from tidemill.net.rotation import Proxy, Rotation
from tidemill.net.slots import Slots
from tidemill.settings import NetSettings

Want = Callable[[int, str], bool]
_Answer = aiohttp.ClientResponse | Answer

ACCEPT_ENCODING = "gzip, deflate, br, zstd"
HEAD_BYTES = 64 * 1024  # as much of the page that comes with an error is kept, to recognise challenges and walls
_KEEP_ALIVE_S = 10.0
_READ_BUFFER = 64 * 1024
_MOST_HEADERS = 128


class Client:
    """An asynchronous context manager that holds connections, kept alive, and the memory of resolved names.

    Keeps no cookies, says nothing of its own and asks no proxy, unless its `profile` tells it to. `concurrency`
    requests may be in flight at once and `per_host` to one host (0: no limit); more wait for a slot. `lookup` replaces
    the system's name service, for tests. Raises `Invalid` (`bad_header`, `bad_proxy`) for a profile that cannot be.
    """

    def __init__(
        self,
        settings: NetSettings,
        *,
        user_agent: str,
        concurrency: int = 100,
        per_host: int = 0,
        lookup: Lookup | None = None,
        profile: Profile | None = None,
    ) -> None:
        self._settings = settings
        self._identity = None if profile is None else Identity(profile)
        self._rotation = Rotation(profile.proxies, profile.rotation) if profile is not None else None
        agent = (profile.user_agent if profile is not None else None) or user_agent
        self._headers = {"User-Agent": agent, "Accept-Encoding": ACCEPT_ENCODING}
        self._guard = Guard(settings)
        self._slots = Slots(concurrency, per_host)
        self._system = SystemLookup()
        self._addresses = LookupCache(lookup or self._system)
        # Connections that were allowed to go to a private address must not be used by requests that are not.
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self._exchanges: dict[bool, Exchange] = {}
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
        cut_bytes: int | None = None,
    ) -> Response:
        """Request `url` with GET.

        `want(status, media_type)` is asked when the headers are there; if it says no, the body is not read. Bodies of
        statuses other than 2xx are kept up to 64 KiB, and nothing that is wrong with them is an error.
        `headers` win over those of the profile. `allow_private` replaces `net.allow_private` for this request. With
        `cut_bytes` no more than that is read of a body, and `body_read` is False if there would have been more.

        Raises `Transient` (`dns`, `connect`, `tls`, `timeout`, `reset`, `truncated`, `protocol`, `proxy`), `Permanent`
        (`dns_no_such_host`, `bad_url`, `headers_too_large`, `too_large`, `inflation`, `bad_encoding`, `proxy_auth`;
        the last is `Transient` if another proxy is next), `Forbidden` (`private_address`, `port_not_allowed`,
        `scheme_not_allowed`) or `Invalid` (`bad_header`).
        """
        private = self._settings.allow_private if allow_private is None else allow_private
        target = self._guard.check_url(url, private=private)
        if headers:
            check_headers(headers)
        async with self._slots.of(target.raw_host or ""):
            session = self._session(private)
            if self._identity is None and self._exchanges[private].fits(headers):
                return await self._ask(self._exchanges[private], target, headers, want, cut_bytes)
            proxy = None if self._rotation is None else await self._choose_proxy(self._rotation, target, private)
            if self._identity is not None:
                headers = self._identity.headers(target, headers)
            return await self._request(session, target, headers, proxy, want, cut_bytes)

    def headers_for(self, url: str) -> dict[str, str]:
        """Give what the profile adds to a request of `url`, the cookies kept until now included.

        For requests that somebody else sends (the browser); it is empty for hosts that are not the profile's.
        """
        return {} if self._identity is None else dict(self._identity.headers(url))

    async def _choose_proxy(self, rotation: Rotation, target: URL, private: bool) -> Proxy | None:
        """Choose one, after making sure that both it and `target`, which it will connect to, are allowed."""
        proxy = rotation.choose(target.raw_host or "")
        if proxy is None:
            return None
        self._guard.check_url(str(proxy.url), private=private)
        host, port = target.raw_host or "", target.port or 0
        if not is_address(host):
            resolver = PinnedResolver(self._guard, self._addresses, private=private)
            limit_s = self._settings.connect_timeout_s
            try:
                async with asyncio.timeout(limit_s):
                    await resolver.resolve(host, port)
            except TimeoutError as error:
                raise Transient(
                    f"{host}: no address within {limit_s:g} s (net.connect_timeout_s)", reason="timeout"
                ) from error
        return proxy

    def _session(self, private: bool) -> aiohttp.ClientSession:
        if self._closed:
            raise RuntimeError("this HTTP client is closed; request within its `async with`")
        session = self._sessions.get(private)
        if session is None:
            session = self._sessions[private] = self._open_session(private)
            self._exchanges[private] = Exchange(
                session,
                headers=self._headers,
                read_buffer=_READ_BUFFER,
                max_header_bytes=self._settings.max_header_bytes,
                max_headers=_MOST_HEADERS,
            )
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

    async def _ask(
        self, exchange: Exchange, url: URL, headers: Mapping[str, str] | None, want: Want | None, cut_bytes: int | None
    ) -> Response:
        """A plain request, by the shortest way."""
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._settings.total_timeout_s):
                return await self._received(await exchange.get(url, headers), url, want, cut_bytes, started)
        except RAISED as error:
            raise translate(error, url, self._settings) from error

    async def _request(
        self,
        session: aiohttp.ClientSession,
        url: URL,
        headers: Mapping[str, str] | None,
        proxy: Proxy | None,
        want: Want | None,
        cut_bytes: int | None,
    ) -> Response:
        started = time.perf_counter()
        try:
            answer = await self._send(session, url, headers, proxy)
            return await self._received(answer, url, want, cut_bytes, started)
        except RAISED as error:
            failure = self._fault(error, url, proxy)
            if self._identity is None:
                raise failure from error
        # Not in the handler: errors of aiohttp carry the request, and with it what the profile keeps secret.
        raise failure

    async def _send(
        self, session: aiohttp.ClientSession, url: URL, headers: Mapping[str, str] | None, proxy: Proxy | None
    ) -> aiohttp.ClientResponse:
        if proxy is None:
            answer = await session.get(url, headers=headers, allow_redirects=False)
        else:
            own, tunnel = proxy.headers_for(url.scheme)
            try:
                answer = await session.get(
                    url,
                    headers=CIMultiDict({**(headers or {}), **own}),
                    allow_redirects=False,
                    proxy=proxy.url,
                    proxy_headers=tunnel,
                )
            except (Permanent, Transient) as error:  # of the look-up: the proxy's name is the only one asked for there
                raise Transient(f"{proxy}: {error}", reason="proxy") from error
            if self._rotation is not None and answer.status == 407 and url.scheme == "http":  # else it is the server's
                answer.close()
                raise self._rotation.unauthorised(proxy)
        if self._identity is not None:
            self._identity.remember(answer)
        return answer

    def _fault(self, error: Exception, url: URL, proxy: Proxy | None) -> TidemillError:
        if proxy is not None and self._rotation is not None:
            fault = self._rotation.fault(error, proxy)
            if fault is not None:
                return fault
        return translate(error, url, self._settings)

    async def _received(
        self, answer: _Answer, url: URL, want: Want | None, cut_bytes: int | None, started: float
    ) -> Response:
        try:
            return await self._receive(answer, want, cut_bytes, started)
        except (Permanent, Transient) as error:
            error.args = (f"{url}: {error}",)  # what is wrong with the body was found without knowing whose it is
            raise
        finally:
            if not answer.closed:  # closed already if the body was read to its end: its connection is in the pool
                answer.close()

    async def _receive(self, answer: _Answer, want: Want | None, cut_bytes: int | None, started: float) -> Response:
        headers = clean_headers(answer.raw_headers, answer.headers, self._settings.max_header_bytes)
        content_type = headers.get("Content-Type", "")
        media_type = content_type.partition(";")[0].strip().lower()
        body, received, whole = b"", 0, False
        if want is not None and not want(answer.status, media_type):
            answer.close()
        elif 200 <= answer.status < 300:
            body, received, whole = await self._read_body(answer, cut_bytes)
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

    async def _read_body(self, answer: _Answer, cut_bytes: int | None) -> tuple[bytes, int, bool]:
        most = self._settings.max_body_bytes
        announced = answer.content_length
        is_cut = cut_bytes is not None and cut_bytes <= most
        if announced is not None and announced > most and not is_cut:
            raise too_large(most, announced)
        encoding = content_encoding(answer.headers.getall("Content-Encoding", ()))
        if cut_bytes is not None and is_cut:
            most = cut_bytes
        decoder = open_decoder(encoding, max_bytes=most, max_inflation=self._settings.max_inflation)
        try:
            await read_body(answer, decoder)
            return decoder.finish(), decoder.received, True
        except Permanent as error:
            if not is_cut or error.reason != "too_large":
                raise
        answer.close()  # the rest may be endless: it is not worth the connection
        return decoder.so_far()[:most], decoder.received, False

    async def _read_head(self, answer: _Answer) -> tuple[bytes, int, bool]:
        """Read the page that comes with an error or a redirect; whatever is wrong with it, the status is the news."""
        decoder: Decoder = open_decoder("", max_bytes=0, max_inflation=1)
        try:
            decoder = self._open_head(answer)
            await read_body(answer, decoder)
            return decoder.finish(), decoder.received, True
        except (Permanent, Transient, *RAISED):
            answer.close()
            return decoder.so_far()[:HEAD_BYTES], decoder.received, False

    def _open_head(self, answer: _Answer) -> Decoder:
        encoding = content_encoding(answer.headers.getall("Content-Encoding", ()))
        return open_decoder(encoding, max_bytes=HEAD_BYTES, max_inflation=self._settings.max_inflation)
