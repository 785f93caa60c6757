"""How the browser stays within its bounds, gets over every breakdown, and leaves no process behind."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
import pytest_asyncio
from tests.contract.browser_house import (
    BROWSER_TESTS,
    MIB,
    House,
    Kept,
    Pages,
    Site,
    alive,
    browsing,
    housed,
    kept,
    main_pid,
    named,
    until,
)

from tidemill.crawl.browser.options import BrowserOptions
from tidemill.errors import Invalid, Permanent, TidemillError, Transient
from tidemill.settings import NetSettings
from tidemill.settings.tree import BrowserSettings

if TYPE_CHECKING:
    from tidemill.crawl.browser.browser import Browser

pytestmark = BROWSER_TESTS


SLOW: Pages = {
    "/slow": "<p>slow<script>setInterval(() => fetch('/tick'), 50)</script>",
    "/tick": "x",
    "/good": "<p>good",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[House]:
    """A browser that is broken down again and again, and gets over it."""
    async with housed(settle_s=1, inside={"close_timeout_s": 0.5}) as house:
        yield house
    gc.collect()  # Playwright says of a driver that was killed that nobody asked after it; it may say so here


HOSTILE: Pages = {
    "/endless": b"endless",
    "/grows": "<p><script>for (let i = 0; i < 4; i++) document.body.append('word '.repeat(1e5))</script>",
    "/loop": "<p>x<script>for (;;);</script>",
    "/late-loop": "<p>x<script>onload = () => { for (;;); }</script>",
    "/alerts": "<p>x<script>for (;;) { alert(1); confirm(2); prompt(3) }</script>",
}
ENDS = {
    "/endless": (Permanent, "too_large", 20),
    "/grows": (Permanent, "too_large", 20),
    "/loop": (Transient, "timeout", 1.5),
    "/late-loop": (Transient, "timeout", 1.5),
    "/alerts": (Transient, "timeout", 1.5),
}


async def test_hostile_pages_end_by_their_own_limit_and_harm_no_other() -> None:
    bounds = {"pages": 3, "page_bytes": 4 * MIB, "net": {"max_body_bytes": MIB}}
    async with browsing({**HOSTILE, "/good": "<p>good"}, **bounds) as (site, browser):

        async def end(path: str, timeout_s: float) -> tuple[type[TidemillError], str]:
            with pytest.raises(TidemillError) as caught:
                await browser.fetch(site.url(path), timeout_s=timeout_s)
            return type(caught.value), caught.value.reason

        started = time.monotonic()
        found = await asyncio.gather(*(end(path, timeout_s) for path, (_, _, timeout_s) in ENDS.items()))
        assert dict(zip(ENDS, found, strict=True)) == {path: expected[:2] for path, expected in ENDS.items()}
        assert time.monotonic() - started < 15
        assert "<p>good" in (await browser.fetch(site.url("/good"), timeout_s=10)).html


async def test_a_page_that_eats_memory_is_killed_and_its_neighbour_is_not() -> None:
    hog = """<p>x<script>const all = []; setInterval(() => { all.push(new Uint8Array(2e7).fill(1)) }, 5);
    fetch('/never')</script>"""
    slow = """<p id=a>slow<script>let n = 0;
    const next = () => fetch('/tick').then(() => { ++n < 9 ? next() : a.textContent = 'done' }); next()</script>"""
    pages: Pages = {"/hog": hog, "/slow": slow, "/tick": "x", "/never": None}
    async with browsing(pages, page_memory_mb=400, settle_s=6) as (site, browser):
        first = asyncio.create_task(browser.fetch(site.url("/hog"), timeout_s=10))
        await until(lambda: "/hog" in site.requests)
        assert ">done<" in (await browser.fetch(site.url("/slow"))).html
        with pytest.raises(Transient) as caught:
            await first
        assert caught.value.reason == "browser_crashed"
        assert ">done<" in (await browser.fetch(site.url("/slow"))).html
        assert browser.started == 1


async def test_a_browser_is_replaced_after_its_pages_and_ends() -> None:
    async with browsing({"/": "<p>x"}, recycle_after=2, settle_s=0) as (site, browser):
        seen: Kept = set()
        for _ in range(3):
            await browser.fetch(site.url())
            seen |= kept(browser.keeper_pids)
        assert browser.started == 2
        await until(lambda: len(browser.keeper_pids) == 1 and len(alive(seen - kept(browser.keeper_pids))) == 0)


async def test_a_browser_is_replaced_when_it_holds_too_much() -> None:
    page = "<p>x<script>setInterval(() => fetch('/t'), 50)</script>"
    async with browsing({"/": page, "/t": "x"}, memory_mb=256, page_memory_mb=4000, settle_s=1.5) as (site, browser):
        with suppress(Transient):
            await browser.fetch(site.url())
        with suppress(Transient):
            await browser.fetch(site.url())
        assert browser.started == 2


def driver_pid() -> int:
    return next(each.pid for each in psutil.Process().children() if "run-driver" in each.cmdline())


HARMS: dict[str, tuple[Callable[[Browser], int], signal.Signals, float, set[str]]] = {
    "Chromium crashes": (main_pid, signal.SIGKILL, 20, {"browser_crashed"}),
    "its keeper crashes": (lambda browser: next(iter(browser.keeper_pids)), signal.SIGKILL, 20, {"browser_crashed"}),
    "the driver crashes": (lambda _: driver_pid(), signal.SIGKILL, 20, {"browser_crashed"}),
    "Chromium hangs": (main_pid, signal.SIGSTOP, 1, {"timeout", "browser_crashed"}),
}


@pytest.mark.parametrize("harm", HARMS)
async def test_a_breakdown_costs_its_page_and_the_next_one_is_rendered(house: House, harm: str) -> None:
    victim, blow, timeout_s, reasons = HARMS[harm]
    site, browser = house.serving(SLOW)
    work = asyncio.create_task(browser.fetch(site.url("/slow"), timeout_s=timeout_s))
    await until(lambda: "/tick" in site.requests)
    before, started = kept(browser.keeper_pids), browser.started
    os.kill(victim(browser), blow)
    with pytest.raises(Transient) as caught:
        await work
    assert caught.value.reason in reasons
    assert "<p>good" in (await browser.fetch(site.url("/good"))).html
    assert browser.started == started + 1
    await until(lambda: not alive(before))


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder for temporary files with a short path, as Chromium's sockets need it."""
    with tempfile.TemporaryDirectory(prefix="tm-") as folder:
        yield Path(folder)


def entries(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()]


async def test_nothing_is_left_after_close(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr("tempfile.tempdir", None)
    me, tasks, sockets = psutil.Process(), len(asyncio.all_tasks()), len(psutil.Process().net_connections())
    before = kept(each.pid for each in me.children())
    async with browsing(SLOW) as (site, browser):
        work = asyncio.create_task(browser.fetch(site.url("/slow")))
        await until(lambda: "/tick" in site.requests)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert "<p>good" in (await browser.fetch(site.url("/good"))).html
        everything = kept(each.pid for each in me.children()) - before
        assert named(everything, "--type=")
        assert entries(temporary)
    assert alive(everything) == []
    assert entries(temporary) == []
    await asyncio.sleep(0.05)
    assert len(asyncio.all_tasks()) == tasks
    assert len(me.net_connections()) == sockets


OWNER = """
import asyncio, sys
from tidemill.crawl.rendering import Rendering
from tidemill.settings import NetSettings
from tidemill.settings.tree import BrowserSettings

async def main():
    pair = sys.argv[1]
    async with Rendering(BrowserSettings(timeout_s=60), NetSettings(allow_hosts=(pair,)), user_agent="t") as rendering:
        await rendering.get(f"http://{pair}/loop")

asyncio.run(main())
"""


@pytest.mark.parametrize("victims", ["owner", "owner and driver", "owner, with the driver stopped"])
async def test_no_process_outlives_an_owner_that_was_killed(temporary: Path, victims: str) -> None:
    pages = {**SLOW, "/loop": "<script>fetch('/tick').then(() => { for (;;); })</script>"}
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(temporary)}
    async with Site(pages).listening() as site:
        owner = subprocess.Popen([sys.executable, "-c", OWNER, site.pair], env=environment)  # noqa: ASYNC220
        try:
            await until(lambda: "/tick" in site.requests or owner.poll() is not None, 20)
            everything = kept([owner.pid])
            assert named(everything, "--type=renderer")
            (driver,) = named(everything, "run-driver")
            if victims == "owner, with the driver stopped":
                os.kill(driver, signal.SIGSTOP)
            owner.kill()
            if victims == "owner and driver":
                os.kill(driver, signal.SIGKILL)
            owner.wait()
            if victims == "owner, with the driver stopped":
                await until(lambda: len(alive(everything)) == 1)
                os.kill(driver, signal.SIGCONT)
            await until(lambda: not alive(everything))
            await until(lambda: not entries(temporary))
        finally:
            owner.kill()
            owner.wait()


async def test_a_machine_without_chromium_says_so(tmp_path: Path) -> None:
    from tidemill.crawl.browser.browser import Browser

    def options(executable: Path) -> BrowserOptions:
        return BrowserOptions(BrowserSettings(executable=executable), NetSettings())

    with pytest.raises(Invalid, match="none") as caught:
        async with Browser(options(tmp_path / "none"), user_agent="t"):
            pass
    assert caught.value.reason == "no_browser"
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o700)
    async with Browser(options(broken), user_agent="t") as browser:
        with pytest.raises(Transient) as crashed:
            await browser.fetch("http://127.0.0.1:1/", allow_private=True)
        assert crashed.value.reason == "browser_crashed"
