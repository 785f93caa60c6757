"""A website on loopback, a browser that may go there and nowhere else, and the processes that this takes.

`kept` names processes by pid and start time, so that a pid given out again is not mistaken for a survivor.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from tests.harness.beside import within
from tests.harness.chromium import PATIENCE_S, need_chromium

from tidemill.crawl.browser.options import BrowserOptions
from tidemill.net.lookup import Lookup
from tidemill.settings import NetSettings
from tidemill.settings.tree import BrowserSettings

if TYPE_CHECKING:
    from tidemill.crawl.browser.browser import Browser

BROWSER_TESTS = [pytest.mark.slow, pytest.mark.timeout(PATIENCE_S), pytest.mark.asyncio(loop_scope="module")]
"""What every module of such tests says of them; a browser may be shared by the tests of one module."""

HTML = "Content-Type: text/html; charset=utf-8"
MIB = 1024 * 1024
Pages = dict[str, str | bytes | None]


class Site:
    """A website on 127.0.0.1: a page is its HTML, or a whole response, or None for one that never comes."""

    def __init__(self, pages: Pages) -> None:
        self.pages = pages
        self.requests: list[str] = []
        self.heads: dict[str, str] = {}
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def pair(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str = "/") -> str:
        return f"http://{self.pair}{path}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            start = await reader.readexactly(1)
            if start == b"\x16":  # TLS, which it does not speak
                writer.write(answer("", status="400 Bad Request"))
                writer.close()
                return
            head = (start + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            path = head.split(" ")[1]
            self.requests.append(path)
            self.heads[path] = head
            page = self.pages.get(path, answer(f"no {path}", status="404 Not Found"))
            if page is None:
                await reader.read()
            elif page == b"endless":
                writer.write(f"HTTP/1.1 200 OK\r\n{HTML}\r\n\r\n<p>".encode())
                while True:
                    writer.write(b"<i>x</i>" * 8192)
                    await writer.drain()
            else:
                writer.write(page if isinstance(page, bytes) else answer(page))
                await writer.drain()
        writer.close()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Site]:
        async with within(self._serve, self._tasks) as self.port:
            yield self


def answer(body: str, *headers: str, status: str = "200 OK", kind: str = HTML) -> bytes:
    lines = "".join(f"{line}\r\n" for line in (kind, *headers))
    return (
        f"HTTP/1.1 {status}\r\n{lines}Content-Length: {len(body.encode())}\r\nConnection: close\r\n\r\n{body}".encode()
    )


@dataclass(slots=True)
class House:
    """A site and the browser that is to look at it."""

    site: Site
    browser: Browser

    def serving(self, pages: Pages) -> tuple[Site, Browser]:
        """Both, with these pages, and with nothing asked for yet."""
        self.site.pages = pages
        self.site.requests.clear()
        self.site.heads.clear()
        return self.site, self.browser


@asynccontextmanager
async def housed(
    *,
    net: dict[str, Any] | None = None,
    inside: dict[str, Any] | None = None,
    lookup: Lookup | None = None,
    **settings: Any,
) -> AsyncIterator[House]:
    """A site, and a browser that may go there and nowhere else on this machine; `inside` are bounds of its own."""
    need_chromium()
    from tidemill.crawl.browser.browser import Browser

    async with Site({}).listening() as site:
        guarded = NetSettings(allow_hosts=(site.pair,), **(net or {}))
        options = BrowserOptions(BrowserSettings(**settings), guarded, **(inside or {}))
        async with Browser(options, user_agent="tidemill-test/1", lookup=lookup) as browser:
            yield House(site, browser)


@asynccontextmanager
async def browsing(pages: Pages, /, **how: Any) -> AsyncIterator[tuple[Site, Browser]]:
    """A house of one's own."""
    async with housed(**how) as house:
        yield house.serving(pages)


Kept = set[tuple[int, float]]


def kept(pids: Iterable[int]) -> Kept:
    """These processes and all below them."""
    found = set()
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            found |= {(each.pid, each.create_time()) for each in (process, *process.children(recursive=True))}
    return found


def alive(processes: Kept) -> list[str]:
    """Those of them that still run."""
    found = []
    for pid, created in processes:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            if process.create_time() == created and process.status() != psutil.STATUS_ZOMBIE:
                found.append(f"{pid} {' '.join(process.cmdline())[:100]}")
    return found


async def until(condition: Callable[[], object], within_s: float = 10) -> None:
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def named(processes: Kept, word: str) -> list[int]:
    found = []
    for pid, _ in sorted(processes):
        with suppress(psutil.NoSuchProcess):
            if word in " ".join(psutil.Process(pid).cmdline()):
                found.append(pid)
    return found


def main_pid(browser: Browser) -> int:
    """Chromium's own process: the keeper's child."""
    (keeper,) = browser.keeper_pids
    return psutil.Process(keeper).children()[0].pid
