"""Answers out of the browser, in the shape of those that the HTTP client gives.

In: a URL of a page that needs JavaScript. Out: a `Response` whose body is the page as its scripts left it. Made for
each crawl whose source asks for the browser; called by the fetcher, which need not know which transport it has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

from multidict import CIMultiDict, CIMultiDictProxy

from tidemill.crawl.browser.options import BrowserOptions, find_browser
from tidemill.crawl.browser.rendered import Cookies, Rendered
from tidemill.errors import Invalid
from tidemill.net import Response
from tidemill.net.client import Want
from tidemill.net.cookies import MOST_COOKIES
from tidemill.net.lookup import Lookup
from tidemill.net.profile import Profile, check_headers
from tidemill.settings import NetSettings
from tidemill.settings.tree import BrowserSettings

if TYPE_CHECKING:  # playwright is an extra, and no crawl without a browser has to wait for its import
    from tidemill.crawl.browser.browser import Browser

CONTENT_TYPE = "text/html; charset=utf-8"
_CONDITIONS = frozenset({"if-none-match", "if-modified-since"})
# What is true of the bytes that the server sent and not of what the page became: how they were coded and how many they
# were, and the validators, which would call a page unchanged because the empty shell around its content is.
_OF_THE_BYTES = ("Content-Encoding", "Content-Length", "Transfer-Encoding", "ETag", "Last-Modified", "Content-Type")


class Rendering:
    """A `Transport` over Chromium, and an asynchronous context manager that costs nothing until the first `get`.

    Use it inside a crawl only: the first `get` must come after `crawl.engine.basic_crawler` has set up Crawlee's
    process-wide configuration, which the browser shares. With `screenshot` each page is painted, images, styles and
    fonts included. `profile` is what the source's requests carry: the document's get its headers and cookies. Raises
    `Invalid` (`proxy_in_browser`) if it names proxies, for going out without them is not what was asked for. `lookup`
    replaces the name service, for tests.
    """

    def __init__(
        self,
        settings: BrowserSettings,
        net: NetSettings,
        *,
        user_agent: str,
        screenshot: bool = False,
        profile: Profile | None = None,
        lookup: Lookup | None = None,
    ) -> None:
        if profile is not None and profile.proxies:
            raise Invalid(
                "the browser cannot go through the source's request.proxies; use `fetch: http`, or take them out",
                reason="proxy_in_browser",
            )
        self._settings = settings
        self._net = net
        self._profile = profile
        self._user_agent = (profile.user_agent if profile is not None else None) or user_agent
        self._screenshot = screenshot
        self._lookup = lookup
        self._cookies: dict[tuple[object, ...], Mapping[str, object]] = {}
        self._opened = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._browser: Browser | None = None
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the browser, if there is one; nothing of it is left."""
        self._closed = True
        async with self._opening:
            self._browser = None
            await self._opened.aclose()

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        want: Want | None = None,
        allow_private: bool | None = None,
    ) -> Response:
        """Render `url`, within `browser.timeout_s`; redirects are reported, those by script as a `Refresh` header.

        The body is UTF-8 whatever the server's charset was. Answers that are not HTML have no body and `body_read`
        False, and so have those that `want` does not want. Neither are conditions sent nor validators given: whether
        a page changed is to be seen from what it became.

        Raises what `net.Client.get` raises, `Transient` (`browser_crashed`) and `Invalid` (`no_browser`).
        """
        check_headers(headers or {})
        browser = await self._open()
        known = tuple(self._cookies.values())
        rendered = await browser.fetch(
            url,
            headers=self._sent(url, headers or {}),
            cookies=known,
            allow_private=allow_private,
            screenshot=self._screenshot,
        )
        self._keep(known, rendered.cookies)
        return _response(rendered, want)

    def _sent(self, url: str, headers: Mapping[str, str]) -> CIMultiDict[str]:
        sent = CIMultiDict({} if self._profile is None else self._profile.headers_for(url))
        sent.update({name: value for name, value in headers.items() if name.lower() not in _CONDITIONS})
        return sent

    def _keep(self, known: Cookies, found: Cookies) -> None:
        """With `keep_cookies`, take over what the page changed in the cookies of the profile's hosts."""
        if self._profile is None or not self._profile.keep_cookies:
            return
        for cookie in known:
            self._cookies.pop(_key(cookie), None)
        hosts = [host.partition(":")[0] for host in self._profile.hosts]
        for cookie in found:
            domain = str(cookie["domain"]).removeprefix(".")
            if any(host == domain or host.endswith(f".{domain}") for host in hosts):
                self._cookies[_key(cookie)] = cookie
        for oldest in list(self._cookies)[:-MOST_COOKIES]:
            del self._cookies[oldest]

    async def _open(self) -> Browser:
        async with self._opening:
            if self._closed:
                raise RuntimeError("this rendering is closed; get pages within its `async with`")
            if self._browser is None:
                browser = _new_browser(self._settings, self._net, self._user_agent, self._lookup)
                self._browser = await self._opened.enter_async_context(browser)
            return self._browser


def _new_browser(settings: BrowserSettings, net: NetSettings, user_agent: str, lookup: Lookup | None) -> Browser:
    find_browser(settings)
    from tidemill.crawl.browser.browser import Browser

    return Browser(BrowserOptions(settings, net), user_agent=user_agent, lookup=lookup)


def _key(cookie: Mapping[str, object]) -> tuple[object, ...]:
    return cookie["domain"], cookie["path"], cookie["name"]


def _response(rendered: Rendered, want: Want | None) -> Response:
    status, media_type = rendered.status, rendered.media_type
    keep = rendered.shown and (want is None or want(status, "text/html"))
    return Response(
        url=rendered.url,
        status=status,
        headers=_headers(rendered) if rendered.shown else CIMultiDictProxy(CIMultiDict(rendered.headers)),
        content_type=CONTENT_TYPE if rendered.shown else rendered.headers.get("Content-Type", ""),
        media_type="text/html" if rendered.shown else media_type,
        body=rendered.html.encode() if keep else b"",
        received_bytes=rendered.received_bytes,
        elapsed_s=rendered.elapsed_s,
        body_read=keep or _has_no_body(rendered),
        screenshot=rendered.screenshot if keep else None,
    )


def _headers(rendered: Rendered) -> CIMultiDictProxy[str]:
    """The server's headers, as far as they are true of what the page became."""
    headers = CIMultiDict(rendered.headers)
    for name in _OF_THE_BYTES:
        headers.popall(name, None)
    headers["Content-Type"] = CONTENT_TYPE
    away = next((each.location for each in rendered.redirects if each.location != rendered.url), None)
    if away is not None and "Refresh" not in headers:
        headers["Refresh"] = f"0; url={away}"
    return CIMultiDictProxy(headers)


def _has_no_body(rendered: Rendered) -> bool:
    """Whether the server sent none: then the empty one is the whole of it."""
    return rendered.status in (204, 205, 304)
