"""Crawl to searchable, whole: a documentation package of this machine, served on loopback, through `tidemill crawl`.

Prints pages a second, CPU seconds and peak memory of the process group as medians of several rounds, each in a fresh
data folder, and the share of each stage (fetching is measured with `--crawl-only`, processing with `tidemill process`).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from aiohttp import web

SITES = {
    "postgresql-doc-15": Path("/usr/share/doc/postgresql-doc-15/html"),
    "python3-doc": Path("/usr/share/doc/python3-doc/html"),
}
_SAMPLE_S = 0.05


@dataclass(frozen=True, slots=True)
class Round:
    """One command's wall and CPU seconds, the largest memory of its process group in bytes, and what it answered."""

    wall_s: float
    cpu_s: float
    peak_bytes: int
    answer: dict[str, object]


def main() -> None:
    """Measure every site that is installed here."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args(sys.argv[2:] if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else None).rounds
    for name, folder in SITES.items():
        if not (folder / "index.html").exists():
            print(f"{name}: not installed here, left out")
            continue
        with _served(folder) as url:
            _report(name, [_measure(url) for _ in range(rounds)])


def _measure(url: str) -> dict[str, Round]:
    folder = Path(tempfile.mkdtemp(prefix="tidemill-bench-"))
    try:
        whole = _run(folder / "whole", "crawl", url, "--allow-private", "--json")
        crawl = _run(folder / "parts", "crawl", url, "--allow-private", "--crawl-only", "--json")
        process = _run(folder / "parts", "process", "--json")
        return {"crawl to searchable": whole, "crawl only": crawl, "process and index": process}
    finally:
        shutil.rmtree(folder)


def _report(name: str, rounds: list[dict[str, Round]]) -> None:
    pages = rounds[0]["crawl to searchable"].answer["discovered"]
    assert isinstance(pages, int)
    print(f"\n{name}: {pages} pages, median of {len(rounds)} rounds, start-up included")
    print(f"{'':22}{'wall s':>8}{'pages/s':>9}{'CPU s':>8}{'CPU ms/page':>13}{'peak MB':>9}")
    for part in rounds[0]:
        wall = statistics.median(each[part].wall_s for each in rounds)
        cpu = statistics.median(each[part].cpu_s for each in rounds)
        peak = statistics.median(each[part].peak_bytes for each in rounds) / 1e6
        print(f"{part:22}{wall:8.1f}{pages / wall:9.1f}{cpu:8.1f}{1000 * cpu / pages:13.2f}{peak:9.0f}")


def _run(data_dir: Path, *command: str) -> Round:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    tidemill = [sys.executable, "-m", "tidemill", "--data-dir", str(data_dir), *command]
    process = subprocess.Popen(tidemill, stdout=subprocess.PIPE)
    peak = _Peak(process.pid)
    peak.start()
    out, _ = process.communicate(timeout=600)
    wall_s = time.perf_counter() - started
    peak.stop()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with status {process.returncode}")
    return Round(wall_s, cpu_s, peak.bytes, json.loads(out))


class _Peak:
    """Samples the resident memory of a process and its children."""

    def __init__(self, pid: int) -> None:
        self.bytes = 0
        self._process = psutil.Process(pid)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._stop.wait(_SAMPLE_S):
            total = 0
            try:
                for each in (self._process, *self._process.children(recursive=True)):
                    total += each.memory_info().rss
            except psutil.Error:
                continue
            self.bytes = max(self.bytes, total)


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """The folder on a loopback port, from a thread of its own (it shares the machine with what is measured)."""
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    address: list[str] = []

    async def serve() -> None:
        app = web.Application()
        app.router.add_static("/", folder, follow_symlinks=True)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        address.append(f"http://127.0.0.1:{runner.addresses[0][1]}/index.html")
        ready.set()

    serving = loop.create_task(serve())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    if not ready.wait(10):
        sys.exit(f"the documentation could not be served: {serving}")
    try:
        yield address[0]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


if __name__ == "__main__":
    main()
