"""One process of a role and two of it, over one PostgreSQL, and one worker and two, over SQLite: how much more they do.

Crawlers: each crawls a site of its own, every answer after 100 ms, eight requests at once (one host on this machine
gets half of `concurrency`), so at most 80 pages a second; they are counted from the first request to the last, so that
starting is not in them. Processors: the role (`tidemill processor`, which does not index), each process with one
worker, over the same captured real pages; they are watched from the moment when a quarter is stored until an eighth is
left, so that starting is not in them either, nor what was computed before. Workers: the same of one processor with
one and with two, over the embedded database. CPU milliseconds a page are those of Tidemill. Rounds are interleaved,
medians shown.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil
from tests.harness.postgres import Server

from benchmarks.measure import Cost, arguments, cost_of
from benchmarks.postgres import careful_postgres
from benchmarks.server import Served, serving

FLOOR = 1.7
_LOOK_S, _DEADLINE_S = 0.05, 300.0
_WAITING = "SELECT count(*) FROM waiting"
_LABELLED = "name: labelled\nkind: sitemap\nstart: [{url}]\nconcurrency: 16\n"
_LATE = "name: {name}\nstart: [{url}]\nconcurrency: 16\n"


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pages", type=int, default=2000, help="pages of each late site")
    parser.add_argument("--step", type=int, default=1, help="every STEPth labelled page is processed")
    parser.add_argument("--only", choices=("crawlers", "processors", "workers"))
    options = parser.parse_args(arguments())
    print(f"{os.cpu_count()} cores, PostgreSQL and the served site on the same ones")
    with careful_postgres() as server:
        if options.only in (None, "crawlers"):
            _crawlers(server, options.rounds, options.pages)
        if options.only in (None, "processors"):
            _processors(server, options.rounds, options.step)
    if options.only in (None, "workers"):
        _workers(options.rounds, options.step)


@dataclass(frozen=True, slots=True)
class _Moment:
    at: float
    cpu_s: float
    left: int


class _House:
    """An empty database, of a server or embedded, and a data folder, and commands over them."""

    def __init__(self, server: Server | None) -> None:
        self._server = server
        self.folder = Path(tempfile.mkdtemp(prefix="tidemill-scaling-"))
        self._file = self.folder / "data" / "tidemill.db"
        self._url = asyncio.run(server.empty()) if server is not None else f"sqlite:///{self._file}"
        self.run("db", "upgrade")

    @asynccontextmanager
    async def waiting(self) -> AsyncIterator[Callable[[], Awaitable[int]]]:
        """How many captures wait, as often as that is asked."""
        if self._server is None:
            connection = sqlite3.connect(f"file:{self._file}?mode=ro", uri=True)

            async def counted() -> int:
                return int(connection.execute(_WAITING).fetchone()[0])

            with closing(connection):
                yield counted
            return
        client = await asyncpg.connect(self._url)
        try:
            yield lambda: client.fetchval(_WAITING)
        finally:
            await client.close()

    def command(self, *command: str, settings: tuple[str, ...] = ()) -> list[str]:
        given = [word for each in (f"database.url={self._url}", *settings) for word in ("--set", each)]
        return [sys.executable, "-m", "tidemill", "--data-dir", str(self.folder / "data"), *given, *command]

    def run(self, *command: str) -> Cost:
        return cost_of(self.command(*command))

    def apply(self, text: str) -> None:
        path = self.folder / "source.yaml"
        path.write_text(text)
        self.run("sources", "apply", str(path))

    def together(self, *commands: tuple[str, ...]) -> list[Cost]:
        """Run commands side by side."""
        with ThreadPoolExecutor(len(commands)) as pool:
            return list(pool.map(lambda command: self.run(*command), commands))

    def close(self) -> None:
        if self._server is not None:
            asyncio.run(self._server.drop(self._url))
        shutil.rmtree(self.folder)


def _crawlers(server: Server, rounds: int, pages: int) -> None:
    names = [f"late:100:numbered:{pages + more}" for more in range(2)]
    rates: defaultdict[int, list[tuple[float, float]]] = defaultdict(list)
    with serving(*names) as served:
        for _ in range(rounds):
            for number in (1, 2):
                rates[number].append(_crawled(server, served, names[:number]))
    print(f"\ncrawlers of {pages} pages each, 100 ms an answer, 8 at once")
    _show({number: (statistics.median(r for r, _ in every), every[-1][1]) for number, every in rates.items()})


def _crawled(server: Server, served: Served, names: list[str]) -> tuple[float, float]:
    """Pages a second, and CPU milliseconds a page, of a crawler for each of these sites."""
    house = _House(server)
    try:
        for place, name in enumerate(names):
            house.apply(_LATE.format(name=f"late{place}", url=served.urls[name]))
            served.asked(name)
        commands = [
            ("crawl", f"late{place}", "--allow-private", "--json", "--crawl-only") for place in range(len(names))
        ]
        costs = house.together(*commands)
        times = sorted(at for name in names for at in served.asked(name)["times"])
    finally:
        house.close()
    return len(times) / (times[-1] - times[0]), 1000 * sum(cost.cpu_s for cost in costs) / len(times)


def _processors(server: Server, rounds: int, step: int) -> None:
    site = f"labelled:{step}"
    rates: defaultdict[int, list[tuple[float, float]]] = defaultdict(list)
    with serving(site) as served:
        pages = served.pages[site] - 1
        for _ in range(rounds):
            for number in (1, 2):
                rates[number].append(_processed(server, served.urls[site], processors=number, workers=1))
    print(f"\nprocessors with one worker each, {pages} real pages (labelled:{step})")
    _show({number: (statistics.median(r for r, _ in every), every[-1][1]) for number, every in rates.items()})


def _workers(rounds: int, step: int) -> None:
    site = f"labelled:{step}"
    rates: defaultdict[int, list[tuple[float, float]]] = defaultdict(list)
    with serving(site) as served:
        for _ in range(rounds):
            for number in (1, 2):
                rates[number].append(_processed(None, served.urls[site], processors=1, workers=number))
    print(f"\nworkers of one processor, {served.pages[site] - 1} real pages (labelled:{step}), SQLite")
    _show({number: (statistics.median(r for r, _ in every), every[-1][1]) for number, every in rates.items()}, 1.8)


def _processed(server: Server | None, url: str, *, processors: int, workers: int) -> tuple[float, float]:
    """Pages a second, and CPU milliseconds a page, of so many processors."""
    house = _House(server)
    try:
        house.apply(_LABELLED.format(url=url))
        house.run("crawl", "labelled", "--allow-private", "--json", "--crawl-only")
        command = house.command("processor", settings=(f"process.workers={workers}", "logging.level=ERROR"))
        roles = [psutil.Popen(command, stderr=subprocess.DEVNULL) for _ in range(processors)]
        try:
            return asyncio.run(_watched(house, roles))
        finally:
            for role in roles:
                role.terminate()
            for role in roles:
                role.wait(60)
    finally:
        house.close()


async def _watched(house: _House, roles: list[psutil.Popen]) -> tuple[float, float]:
    """Look how many captures wait. At both ends about as many are computed and not yet stored."""
    async with house.waiting() as waiting:
        everything = await waiting()
        begun = await _at(waiting, everything * 3 // 4, roles)
        ended = await _at(waiting, everything // 8, roles)
    pages = begun.left - ended.left
    return pages / (ended.at - begun.at), 1000 * (ended.cpu_s - begun.cpu_s) / pages


async def _at(waiting: Callable[[], Awaitable[int]], most: int, roles: list[psutil.Popen]) -> _Moment:
    """The moment in which no more than so many wait."""
    deadline = time.monotonic() + _DEADLINE_S
    while (left := await waiting()) > most:
        if time.monotonic() > deadline or any(role.poll() is not None for role in roles):
            sys.exit(f"{left} captures still wait after {_DEADLINE_S:g} s, or a processor has ended")
        await asyncio.sleep(_LOOK_S)
    return _Moment(time.perf_counter(), _cpu_s(roles), left)


def _cpu_s(roles: list[psutil.Popen]) -> float:
    """Of the processes and their workers, so far."""
    family = [each for role in roles for each in (role, *role.children(recursive=True))]
    return sum(sum(each.cpu_times()[:2]) for each in family)


def _show(found: dict[int, tuple[float, float]], goal: float = FLOOR) -> None:
    print(f"{'processes':>10}{'pages/s':>10}{'times':>8}{'CPU ms/page':>13}{'floor':>7}")
    for number, (rate, cpu_ms) in found.items():
        floor = f"{goal}" if number > 1 else ""
        print(f"{number:10}{rate:10.1f}{rate / found[1][0]:8.2f}{cpu_ms:13.2f}{floor:>7}")


if __name__ == "__main__":
    main()
