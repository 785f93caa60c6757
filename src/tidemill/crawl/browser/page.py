"""One page in the browser, from its address to its text.

An empty page of Playwright and a URL come in; a `Rendered` goes out. Called by the browser, which sees to the deadline
and to crashes. Every request of the page is looked at here; where it may lead is the proxy's to say.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from urllib.parse import urljoin

from playwright.async_api import CDPSession, Page, Request, Route
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import TimeoutError as PlaywrightTimeout
from yarl import URL

from tidemill.crawl.browser.document import Answer, MainDocument
from tidemill.crawl.browser.faults import fault_of
from tidemill.crawl.browser.options import BrowserOptions
from tidemill.crawl.browser.rendered import Redirect, Rendered
from tidemill.crawl.browser.trackers import is_tracker
from tidemill.errors import Forbidden, Permanent, Transient
from tidemill.net.badge import Badge

_HEAVY = frozenset({"image", "media", "font", "texttrack", "manifest"})
_ENDLESS = frozenset({"eventsource", "media", "ping"})  # nobody waits for their end
_RELOADS = 2
_STEP_S = 0.02
_STUCK_S = 1.0
_READY = frozenset({"interactive", "complete"})
# Runs in a world of its own, where the page's scripts cannot have changed anything.
_SERIALISE = """(() => {
  const type = document.doctype ? new XMLSerializer().serializeToString(document.doctype) : '';
  const html = document.documentElement ? document.documentElement.outerHTML : '';
  return {state: document.readyState, length: html.length, html: html.length > %d ? '' : type + html};
})()"""


class Tab:
    """Renders one URL and is not used again. `headers` are sent with the document itself and with nothing else."""

    def __init__(
        self, page: Page, url: URL, *, headers: Mapping[str, str], badge: Badge, options: BrowserOptions, shot: bool
    ) -> None:
        self._page = page
        self._url = str(url)
        self._target = (url.raw_host or "", url.port or 0)
        self._headers = headers
        self._badge = badge
        self._options = options
        self._shot = shot
        self._first = ""
        self._reloads = 0
        self._requests = 0
        self._blocked = 0
        self._script_redirects: list[Redirect] = []
        self._open: set[Request] = set()
        self._changed_at = 0.0

    async def render(self, timeout_s: float) -> Rendered:
        """Load the page, let it settle, and take what it became.

        Raises errors of the house, or `PlaywrightError` where the browser broke down.
        """
        started = time.perf_counter()
        session = await self._prepare()
        self._document = document = MainDocument(session, max_bytes=self._options.net.max_body_bytes)
        await document.watch()
        loaded = await self._load(document, timeout_s - min(2.0, timeout_s / 4))
        answer = self._answer(document)
        html, shot = "", None
        if answer.verdict == "render":
            if loaded:
                await self._settle()
            state, html = await self._read(session, document.frame)
            if state not in _READY:
                raise Transient(f"{self._url} was not complete in time", reason="timeout")
            shot = await self._paint() if self._shot else None
            answer = self._answer(document)
        return self._rendered(answer, html, shot, loaded, time.perf_counter() - started)

    async def _prepare(self) -> CDPSession:
        page = self._page
        page.on("request", self._on_request)
        page.on("requestfinished", self._on_end)
        page.on("requestfailed", self._on_end)
        page.context.on("page", self._on_popup)
        await page.context.route("**/*", self._on_route)
        return await page.context.new_cdp_session(page)

    async def _load(self, document: MainDocument, limit_s: float) -> bool:
        """Give whether the page loaded to its end, or as far as it may."""
        end = time.monotonic() + limit_s
        try:
            await self._page.goto(self._url, wait_until="commit", timeout=limit_s * 1000)
        except PlaywrightTimeout:
            return False
        except PlaywrightError as error:
            if not document.stopped:
                raise fault_of(error, self._url, self._badge, self._target) from error
        while not (document.stopped or document.loaded.is_set()):
            if (now := time.monotonic()) > end:
                return False
            # A frame that moves to another process is now and then left paused by Chromium, and the load event with it.
            if document.parsed.is_set() and not self._open and now - self._changed_at > _STUCK_S:
                return True
            await asyncio.sleep(_STEP_S)
        return True

    def _answer(self, document: MainDocument) -> Answer:
        answer = document.answer
        if answer is None:
            raise Transient(f"{self._url} did not answer in time", reason="timeout")
        if answer.verdict == "refused":
            raise self._badge.faults.get(self._target) or Forbidden(f"{self._url} was refused", reason="refused")
        if answer.verdict == "too_large" or self._badge.exhausted:
            raise Permanent(f"{self._url} is larger than the browser may load", reason="too_large")
        return answer

    async def _settle(self) -> None:
        """Wait until the network was quiet for a moment, but not long."""
        end = time.monotonic() + self._options.settings.settle_s
        self._changed_at = max(self._changed_at, time.monotonic() - self._options.quiet_s / 2)
        while (now := time.monotonic()) < end:
            if not self._open and now - self._changed_at >= self._options.quiet_s:
                return
            await asyncio.sleep(_STEP_S)

    async def _read(self, session: CDPSession, frame: str) -> tuple[str, str]:
        """Give the state and the text of the document."""
        world = await session.send("Page.createIsolatedWorld", {"frameId": frame, "worldName": "tidemill"})
        most = self._options.net.max_body_bytes
        answer = await session.send(
            "Runtime.evaluate",
            {"expression": _SERIALISE % most, "contextId": world["executionContextId"], "returnByValue": True},
        )
        found = answer["result"]["value"]
        if found["length"] > most:
            raise Permanent(f"{self._url} grew to {found['length']} characters, more than {most}", reason="too_large")
        # Scripts can make halves of characters, which no encoding can write.
        return found["state"], found["html"].encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    async def _paint(self) -> bytes | None:
        try:
            return await self._page.screenshot(type="png", animations="disabled", timeout=5000)
        except PlaywrightTimeout:
            return None

    def _rendered(self, answer: Answer, html: str, shot: bytes | None, loaded: bool, elapsed_s: float) -> Rendered:
        redirects = list(self._script_redirects)
        if answer.verdict == "redirect":
            location = urljoin(answer.url, answer.headers["Location"])
            redirects.insert(0, Redirect(answer.url, answer.status, location))
        faults = self._badge.faults.items()
        return Rendered(
            url=self._url,
            status=answer.status,
            headers=answer.headers,
            media_type=answer.media_type,
            html=html,
            final_url=self._page.url if answer.verdict == "render" else answer.url,
            redirects=tuple(redirects),
            requests=self._requests,
            blocked=self._blocked + self._badge.refused,
            refused=tuple((f"{host}:{port}", why.reason) for (host, port), why in faults if isinstance(why, Forbidden)),
            received_bytes=self._badge.received_bytes,
            elapsed_s=elapsed_s,
            complete=loaded,
            shown=answer.verdict == "render",
            screenshot=shot,
        )

    async def _on_route(self, route: Route, request: Request) -> None:
        try:
            if self._is_main(request):
                await self._on_navigation(route, request)
            elif self._may_load(request):
                self._requests += 1
                await route.continue_()
            else:
                self._blocked += 1
                await route.abort("blockedbyclient")
        except PlaywrightError:  # the page is gone, and its request with it
            return

    def _is_main(self, request: Request) -> bool:
        if not request.is_navigation_request():
            return False
        try:
            return request.frame.parent_frame is None
        except PlaywrightError:  # a page that is only being opened
            return True

    async def _on_navigation(self, route: Route, request: Request) -> None:
        """Let the page go to its address, and a few times to the same again; elsewhere is the ledger's business."""
        if not self._first:
            self._first = request.url
            self._requests += 1
            await route.continue_(headers=self._with_own(request.headers) if self._headers else None)
        elif request.url == self._first and request.method == "GET" and self._reloads < _RELOADS:
            self._reloads += 1
            await self._document.begin()
            self._requests += 1
            await route.continue_()
        else:
            self._blocked += 1
            self._script_redirects.append(Redirect(self._first, 0, request.url))
            await route.abort("aborted")

    def _with_own(self, headers: Mapping[str, str]) -> dict[str, str]:
        own = {name.lower() for name in self._headers}
        return {**{name: value for name, value in headers.items() if name.lower() not in own}, **self._headers}

    def _may_load(self, request: Request) -> bool:
        if self._requests >= self._options.settings.page_requests:
            return False
        if request.resource_type in _HEAVY and not self._shot:
            return False
        return not is_tracker(_host(request.url))

    def _on_request(self, request: Request) -> None:
        is_frame = request.is_navigation_request() and not self._is_main(request)
        if request.resource_type not in _ENDLESS and not is_frame:
            self._open.add(request)
        self._changed_at = time.monotonic()

    def _on_end(self, request: Request) -> None:
        self._open.discard(request)
        self._changed_at = time.monotonic()

    async def _on_popup(self, popup: Page) -> None:
        if popup is not self._page:
            self._blocked += 1
            await popup.close()


def _host(url: str) -> str:
    try:
        return (URL(url, encoded=True).raw_host or "").lower()
    except ValueError:
        return ""
