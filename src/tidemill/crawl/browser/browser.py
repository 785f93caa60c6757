"""The browser as the crawl sees it: a URL in, a `Rendered` out, whatever becomes of Chromium meanwhile.

Called by the crawl for pages that cannot be read without JavaScript.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

from crawlee.browsers import PlaywrightBrowserPlugin
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page

from tidemill.crawl.browser.chromium import Chromium, open_plugin, proxy_of
from tidemill.crawl.browser.faults import crashed
from tidemill.crawl.browser.options import BrowserOptions, find_chromium
from tidemill.crawl.browser.page import Tab
from tidemill.crawl.browser.processes import RunFolder
from tidemill.crawl.browser.rendered import Cookies, Rendered
from tidemill.errors import Transient
from tidemill.net.badge import Badge
from tidemill.net.guard import Guard
from tidemill.net.lookup import Lookup
from tidemill.net.proxy import GuardedProxy, ProxyLimits
from tidemill.telemetry.logs import get_logger

if TYPE_CHECKING:
    from playwright._impl._api_structures import SetCookieParam

_log = get_logger(__name__)


class Browser:
    """An asynchronous context manager. Chromium is started with the first page, and again when it has to be replaced.

    `fetch` may be called by any number of tasks; `browser.pages` pages are open at once, and more wait. Raises
    `Invalid` (`no_browser`) when it is entered and there is no Chromium. `lookup` replaces the name service, for tests.

    The first `fetch` makes Crawlee fix its process-wide configuration, if nobody has: in a process that also runs a
    crawler it must come after `crawl.engine.basic_crawler`, whose configuration it then shares.
    """

    def __init__(self, options: BrowserOptions, *, user_agent: str, lookup: Lookup | None = None) -> None:
        self._options = options
        self._user_agent = user_agent
        self._guard = Guard(options.net)
        self._proxy = GuardedProxy(options.net, limits=_proxy_limits(options), lookup=lookup)
        self._slots = asyncio.Semaphore(options.settings.pages)
        self._starting = asyncio.Lock()
        self._folder: RunFolder | None = None
        self._plugin: PlaywrightBrowserPlugin | None = None
        self._current: Chromium | None = None
        self._running: set[Chromium] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self.started = 0
        self.pages = 0

    @property
    def proxy(self) -> GuardedProxy:
        """The only way out of the browser, with its counts."""
        return self._proxy

    @property
    def keeper_pids(self) -> frozenset[int]:
        """The processes that keep the Chromiums which are running now."""
        return frozenset(chromium.tree.keeper_pid for chromium in self._running)

    async def __aenter__(self) -> Self:
        executable = find_chromium(self._options.settings.executable)
        await self._proxy.__aenter__()
        try:
            self._folder = RunFolder(executable)
        except OSError:
            await self._proxy.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End every Chromium, the driver and the proxy. Nothing of them is left, neither processes nor files."""
        folder, self._folder = self._folder, None  # from here on none is started
        async with self._starting:
            ending = [self._end(chromium) for chromium in self._running]
            self._running.clear()
            await asyncio.gather(*ending, *self._closing)
            await self._close_driver()
        await self._proxy.close()
        if folder is not None:
            folder.remove()

    async def fetch(
        self,
        url: str,
        *,
        timeout_s: float | None = None,
        headers: Mapping[str, str] | None = None,
        cookies: Cookies = (),
        allow_private: bool | None = None,
        screenshot: bool = False,
    ) -> Rendered:
        """Render `url` in a context of its own, which knows nothing of other pages.

        `timeout_s` (default: `browser.timeout_s`) is for the page alone, without the wait for a free slot or for
        Chromium to start. `headers` go with the document itself only, lest the page's scripts carry them elsewhere; a
        `Cookie` among them is set for its URL, and a `User-Agent` is what the whole page calls itself. `cookies` are
        those of an earlier `Rendered`; by themselves, pages know nothing of each other. Redirects are reported and not
        followed.

        Raises `Transient` (`browser_crashed`, `timeout`, `connect`, `tls`, `dns`, `reset`, `truncated`, `protocol`),
        `Permanent` (`too_large`, `headers_too_large`, `bad_url`, `dns_no_such_host`) or `Forbidden`
        (`private_address`, `port_not_allowed`, `scheme_not_allowed`).
        """
        settings = self._options.settings
        private = self._options.net.allow_private if allow_private is None else allow_private
        timeout_s = settings.timeout_s if timeout_s is None else timeout_s
        target = self._guard.check_url(url, private=private)
        own = dict(headers or {})
        user_agent = next(iter(_take(own, "user-agent")), self._user_agent)
        jar = [*cookies, *_cookies(_take(own, "cookie"), str(target))]
        async with (
            self._slots,
            self._proxy.badge(allow_private=private, max_bytes=settings.page_bytes) as badge,
            self._page(badge, user_agent) as page,
        ):
            try:
                if jar:
                    async with asyncio.timeout(self._options.close_timeout_s):
                        await page.context.add_cookies(cast("list[SetCookieParam]", jar))
                tab = Tab(page, target, headers=own, badge=badge, options=self._options, shot=screenshot)
                rendered = await _bounded(tab, page, str(target), timeout_s)
                async with asyncio.timeout(self._options.close_timeout_s):
                    return replace(rendered, cookies=tuple(await page.context.cookies()))
            except (PlaywrightError, TimeoutError) as error:
                raise crashed(str(target), " ".join(str(error).split())[:200] or "it hangs") from error

    @asynccontextmanager
    async def _page(self, badge: Badge, user_agent: str) -> AsyncIterator[Page]:
        """Open a page; close its context in the end, and its Chromium if that was its last."""
        context = self._context_options(badge, user_agent)
        try:
            chromium, page = await self._open(context)
        except Transient:  # what was found broken is replaced by now, and nobody was asked for anything yet
            chromium, page = await self._open(context)
        self.pages += 1
        try:
            yield page
        finally:
            await self._close_page(chromium, page)
            self._give_back(chromium)

    async def _open(self, context: Mapping[str, Any]) -> tuple[Chromium, Page]:
        chromium = await self._claim()
        opened = False
        try:
            async with asyncio.timeout(self._options.launch_timeout_s):
                page = await chromium.open_page(context)
            opened = True
        except (PlaywrightError, TimeoutError) as error:
            chromium.kill("opens no page")
            raise Transient(f"the browser opened no page ({error})", reason="browser_crashed") from error
        finally:
            if not opened:
                self._give_back(chromium)
        return chromium, page

    async def _close_page(self, chromium: Chromium, page: Page) -> None:
        try:
            async with asyncio.timeout(self._options.close_timeout_s):
                await page.context.close()
        except (PlaywrightError, TimeoutError) as error:
            # Its contexts end with it. The other pages, if there are any, are tried again.
            chromium.kill(f"closes no page: {type(error).__name__}")

    def _context_options(self, badge: Badge, user_agent: str) -> dict[str, Any]:
        width, height = self._options.viewport
        return {
            "proxy": proxy_of(self._proxy.url, username=badge.name, password=badge.password),
            "user_agent": user_agent,
            "extra_http_headers": {},  # Crawlee would make some up
            "service_workers": "block",
            "accept_downloads": False,
            "viewport": {"width": width, "height": height},
        }

    async def _claim(self) -> Chromium:
        """Give a Chromium that takes one more page, and count that page."""
        async with self._starting:
            chromium = self._current
            if chromium is None or not chromium.usable:
                if chromium is not None:
                    chromium.retire("ended")
                    self._let_go(chromium)
                chromium = self._current = await self._start()
            chromium.claim()
            return chromium

    async def _start(self) -> Chromium:
        if self._folder is None:
            raise RuntimeError("this browser is closed; fetch within its `async with`")
        if self._plugin is None:
            plugin = open_plugin(self._folder, self._options, self._proxy.url)
            await plugin.__aenter__()
            self._plugin = plugin
        try:
            chromium = await Chromium.start(self._plugin, self._folder, self._options)
        except Transient:
            await self._close_driver()  # perhaps it is the driver that is broken
            raise
        self.started += 1
        self._running.add(chromium)
        return chromium

    def _give_back(self, chromium: Chromium) -> None:
        chromium.pages -= 1
        self._let_go(chromium)

    def _let_go(self, chromium: Chromium) -> None:
        """End a Chromium in the background that has no page and gets none."""
        if chromium.pages or chromium.usable or chromium not in self._running:
            return
        self._running.discard(chromium)
        task = asyncio.create_task(self._end(chromium), name="end of a browser")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _end(self, chromium: Chromium) -> None:
        if self._current is chromium:
            self._current = None
        await chromium.close()

    async def _close_driver(self) -> None:
        plugin, self._plugin = self._plugin, None
        if plugin is None:
            return
        try:
            async with asyncio.timeout(self._options.close_timeout_s):
                await plugin.__aexit__(None, None, None)
        except (PlaywrightError, TimeoutError) as error:
            _log.warning("browser driver did not end in order", action="browser.driver", error=str(error))


async def _bounded(tab: Tab, page: Page, url: str, timeout_s: float) -> Rendered:
    """Render within `timeout_s` seconds, or until the renderer breaks down."""
    broken = asyncio.Event()
    page.on("crash", lambda _: broken.set())
    page.context.on("close", lambda _: broken.set())
    work = asyncio.create_task(tab.render(timeout_s))
    watch = asyncio.create_task(broken.wait())
    try:
        await asyncio.wait({work, watch}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
    finally:
        for task in (work, watch):
            task.cancel()
        await asyncio.gather(work, watch, return_exceptions=True)
    if broken.is_set():
        raise crashed(url, "its process ended")
    raise Transient(f"{url} was not rendered within {timeout_s:g} s", reason="timeout")


def _proxy_limits(options: BrowserOptions) -> ProxyLimits:
    """No connection may do more than its page may, nor be silent for longer than those of the client."""
    settings = options.settings
    return ProxyLimits(
        connection_bytes=settings.page_bytes,
        badge_bytes=settings.page_bytes,
        idle_s=options.net.read_timeout_s,
        total_s=settings.timeout_s,
    )


def _take(headers: dict[str, str], wanted: str) -> list[str]:
    """Take a header out, however it is written."""
    return [headers.pop(name) for name in tuple(headers) if name.lower() == wanted]


def _cookies(values: Iterable[str], url: str) -> list[dict[str, str]]:
    """A `Cookie` header as cookies that the page's own requests send too."""
    pairs = [pair.strip().partition("=") for value in values for pair in value.split(";")]
    return [{"name": name, "value": value, "url": url} for name, equals, value in pairs if name and equals]
