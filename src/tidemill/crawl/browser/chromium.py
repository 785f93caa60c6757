"""One running Chromium: started, watched, replaced.

Crawlee's browser plugin comes in; pages that are open in contexts of their own go out. Called by the browser.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from crawlee.browsers import PlaywrightBrowserController, PlaywrightBrowserPlugin
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page

from tidemill.crawl.browser.options import UNWANTED_FLAGS, BrowserOptions, chromium_flags
from tidemill.crawl.browser.processes import Memory, RunFolder, Tree, end_renderer
from tidemill.errors import Transient
from tidemill.telemetry.logs import get_logger

_log = get_logger(__name__)

_LOOK_EVERY_S = 0.5
_RETIRE_AT = 0.75
_GONE_WITHIN_S = 12.0


def open_plugin(folder: RunFolder, options: BrowserOptions, proxy_url: str) -> PlaywrightBrowserPlugin:
    """Give Crawlee's plugin, set up so that everything it starts goes through `folder.program` and `proxy_url`."""
    return PlaywrightBrowserPlugin(
        browser_type="chromium",
        use_incognito_pages=True,
        max_open_pages_per_browser=options.settings.pages + 1,
        browser_launch_options={
            "executable_path": folder.program,
            "artifacts_dir": folder.artifacts,
            "headless": True,
            "chromium_sandbox": options.sandboxed,
            "args": chromium_flags(),
            "ignore_default_args": list(UNWANTED_FLAGS),
            "env": folder.environment(),
            "proxy": proxy_of(proxy_url),
            "timeout": options.launch_timeout_s * 1000,
            "handle_sigint": False,  # our own shutdown closes it, in order
            "handle_sigterm": False,
            "handle_sighup": False,
        },
    )


def proxy_of(url: str, **credential: str) -> dict[str, str]:
    """Give the proxy as Playwright wants it; with that bypass list, loopback goes through it too."""
    return {"server": url, "bypass": "<-loopback>", **credential}


class Chromium:
    """One browser process with its pages. `retired` ones get no new pages and are closed with their last."""

    def __init__(self, controller: PlaywrightBrowserController, tree: Tree, options: BrowserOptions) -> None:
        self._controller = controller
        self._options = options
        self.tree = tree
        self.pages = 0
        self._claimed = 0
        self.retired = ""
        self._watch = asyncio.create_task(self._look(), name=f"memory of browser {tree.keeper_pid}")

    @classmethod
    async def start(cls, plugin: PlaywrightBrowserPlugin, folder: RunFolder, options: BrowserOptions) -> Chromium:
        """Start one. Raises `Transient` (`browser_crashed`)."""
        before = folder.keepers()
        try:
            controller = await plugin.new_browser()
        except PlaywrightError as error:
            for pid in folder.keepers() - before:
                await end_for_good(Tree(pid))
            raise Transient(f"Chromium did not start: {_first_lines(error)}", reason="browser_crashed") from error
        (keeper_pid,) = folder.keepers() - before
        _log.info("browser started", action="browser.started", keeper_pid=keeper_pid)
        return cls(controller, Tree(keeper_pid), options)

    @property
    def usable(self) -> bool:
        """Whether it takes another page."""
        return not self.retired and self._controller.is_browser_connected and not self.tree.has_ended()

    def claim(self) -> None:
        """Count one more page, and retire with the last one it may have."""
        self.pages += 1
        self._claimed += 1
        if self._claimed >= self._options.settings.recycle_after:
            self.retire("pages")

    async def open_page(self, context_options: Mapping[str, Any]) -> Page:
        """Open a page in a context of its own. Raises `PlaywrightError`."""
        return await self._controller.new_page(browser_new_context_options=context_options)

    def retire(self, why: str) -> None:
        """Give it no more pages."""
        if not self.retired:
            self.retired = why
            _log.info("browser retires", action="browser.retired", keeper_pid=self.tree.keeper_pid, reason=why)

    async def close(self, *, force: bool = False) -> None:
        """End it; by force if it does not end by itself, or if `force` is set."""
        self.retire("closed")
        self._watch.cancel()
        await asyncio.gather(self._watch, return_exceptions=True)
        if not force:
            try:
                async with asyncio.timeout(self._options.close_timeout_s):
                    await self._controller.close(force=True)
            except (PlaywrightError, TimeoutError) as error:
                _log.warning("browser did not close", action="browser.killed", error=str(error) or "timeout")
        await end_for_good(self.tree)

    def kill(self, why: str) -> None:
        """End it now, with all its pages."""
        self.retire(why)
        self.tree.end()

    async def _look(self) -> None:
        """Keep memory within its bounds."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            if self.pages:
                self._bound(self.tree.measure())

    def _bound(self, memory: Memory) -> None:
        """Retire in good time; kill the largest page where that came too late, or where one takes more than its own."""
        settings = self._options.settings
        if memory.total_mb > _RETIRE_AT * settings.memory_mb:
            self.retire("memory")
        largest = max(memory.renderers, key=memory.renderers.__getitem__, default=None)
        if largest is None:
            return
        if memory.renderers[largest] > settings.page_memory_mb or memory.total_mb > settings.memory_mb:
            _log.warning("page takes too much memory", action="browser.page_killed", mb=memory.renderers[largest])
            end_renderer(largest)


async def end_for_good(tree: Tree) -> None:
    """Have a keeper end its Chromium, and wait until both are gone."""
    tree.end()
    loop = asyncio.get_running_loop()
    end = loop.time() + _GONE_WITHIN_S
    while not tree.has_ended():
        if loop.time() > end:
            _log.warning("browser had to be killed", action="browser.killed", keeper_pid=tree.keeper_pid)
            tree.kill()
            return
        await asyncio.sleep(0.02)


def _first_lines(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
