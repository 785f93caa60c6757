"""The sample site beside a test: in a thread, where its pages can be replaced, or as a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.harness.command import ROOT, clean_environment
from tests.site.identity import page_key
from tests.site.server import Hit, Site, serve_site

PATIENCE_S = 30.0


@contextlib.contextmanager
def site_in_thread(*, hostile: bool = False, pages: int = 0, listings: bool = False) -> Iterator[Site]:
    """The site, whose `hits`, `replaced` and `asked` may be read and changed while it serves."""
    ready: list[Site] = []
    loop = asyncio.new_event_loop()
    up, down = threading.Event(), asyncio.Event()

    async def serve() -> None:
        try:
            async with serve_site(hostile=hostile, pages=pages, listings=listings) as site:
                ready.append(site)
                up.set()
                await down.wait()
        finally:
            up.set()

    def main() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=main, name="sample site")
    thread.start()
    try:
        assert up.wait(PATIENCE_S), "the sample site did not start"
        yield ready[0]
    finally:
        loop.call_soon_threadsafe(down.set)
        thread.join(PATIENCE_S)


@contextlib.contextmanager
def site_process(hits: Path, *arguments: str) -> Iterator[str]:
    """The site by `python -m tests.site`; its address. `hits` is where it writes what it was asked for."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.site", "--hits", str(hits), *arguments],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env=clean_environment(),
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def read_hits(file: Path) -> list[Hit]:
    """What `python -m tests.site --hits FILE` has written."""
    return [Hit(**json.loads(line)) for line in file.read_text().splitlines()]


def asked(hits: list[Hit]) -> Counter[str]:
    """How often each page was asked for, by its identity."""
    return Counter(page_key(hit.path) for hit in hits)
