"""The main document of a page, looked at when its headers are there and before anything of it is shown.

Chromium's paused responses come in; what the server answered goes out, and only what can be rendered is let through:
redirects are reported and not followed. Called for each page.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Literal

from multidict import CIMultiDict, CIMultiDictProxy
from playwright.async_api import CDPSession
from playwright.async_api import Error as PlaywrightError

from tidemill.net.heads import REFUSED_HEADER

Verdict = Literal["render", "redirect", "empty", "media_type", "too_large", "refused"]

_HTML = frozenset({"", "text/html", "application/xhtml+xml"})
_RESPONSES = {"urlPattern": "*", "resourceType": "Document", "requestStage": "Response"}
_NO_BODY = frozenset({204, 205, 304})


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said, and what is to be done with it."""

    url: str
    status: int
    headers: CIMultiDictProxy[str]
    media_type: str
    verdict: Verdict


class MainDocument:
    """Watches the main frame of one page.

    `answer` is the last response that it got; `parsed` is set when its document is there, `loaded` when nothing more
    of it is to come.
    """

    def __init__(self, session: CDPSession, *, max_bytes: int) -> None:
        self._session = session
        self._max_bytes = max_bytes
        self._frame = ""
        self._tasks: set[asyncio.Task[None]] = set()
        self.answer: Answer | None = None
        self.parsed = asyncio.Event()
        self.loaded = asyncio.Event()

    @property
    def frame(self) -> str:
        """Chromium's name of the main frame, once watched."""
        return self._frame

    @property
    def stopped(self) -> bool:
        """Whether the last response was not let through."""
        return self.answer is not None and self.answer.verdict != "render"

    async def watch(self) -> None:
        """Begin, before the page goes anywhere. Raises `PlaywrightError`."""
        tree = await self._session.send("Page.getFrameTree")
        self._frame = tree["frameTree"]["frame"]["id"]
        self._session.on("Fetch.requestPaused", self._on_paused)
        self._session.on("Page.domContentEventFired", lambda _: self.parsed.set())
        self._session.on("Page.loadEventFired", lambda _: self.loaded.set())
        # A document whose script wants to go elsewhere never has its load event, even if it may not go.
        self._session.on("Page.frameStoppedLoading", self._on_stopped)
        await self._session.send("Page.enable")
        await self.begin()

    async def begin(self) -> None:
        """Wait for a document: the first one, or another when the page loads itself again. Raises `PlaywrightError`."""
        self.parsed.clear()
        self.loaded.clear()
        await self._session.send("Fetch.enable", {"patterns": [_RESPONSES]})

    def _on_stopped(self, event: dict[str, Any]) -> None:
        if event["frameId"] == self._frame and self.answer is not None:
            self.loaded.set()

    def _on_paused(self, event: dict[str, Any]) -> None:
        task = asyncio.create_task(self._decide(event))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _decide(self, event: dict[str, Any]) -> None:
        parameters = {"requestId": event["requestId"]}
        mine = event.get("frameId") == self._frame and "responseStatusCode" in event
        if mine:
            self.answer = read_answer(event, self._max_bytes)
        try:
            if mine and self.stopped:
                await self._session.send("Fetch.failRequest", {**parameters, "errorReason": "Aborted"})
            else:
                await self._session.send("Fetch.continueRequest", parameters)
            if mine:  # frames in the page are not held up: one that moves to another process could stay paused for ever
                await self._session.send("Fetch.disable")
        except PlaywrightError:  # the page is gone, and its request with it
            return


def read_answer(event: dict[str, Any], max_bytes: int) -> Answer:
    """Read a `Fetch.requestPaused` event of Chromium's protocol at the response stage."""
    url, status = event["request"]["url"], event["responseStatusCode"]
    headers = CIMultiDictProxy(
        CIMultiDict((header["name"], header["value"]) for header in event.get("responseHeaders", ()))
    )
    media_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return Answer(url, status, headers, media_type, _verdict(url, status, headers, media_type, max_bytes))


def _verdict(url: str, status: int, headers: CIMultiDictProxy[str], media_type: str, max_bytes: int) -> Verdict:
    if REFUSED_HEADER in headers and url.startswith("http:"):  # the proxy takes it out of what servers send
        return "refused"
    if 300 <= status < 400 and "Location" in headers:
        return "redirect"
    if status in _NO_BODY:
        return "empty"
    if media_type not in _HTML or headers.get("Content-Disposition", "").strip().lower().startswith("attachment"):
        return "media_type"
    length = headers.get("Content-Length", "")
    if length.isascii() and length.isdigit() and int(length) > max_bytes:
        return "too_large"
    return "render"
