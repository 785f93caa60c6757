"""One process of a role and two of it, over one PostgreSQL: how much more they do together.

Crawlers: each crawls a site of its own, every answer after 100 ms, eight requests at once (one host on this machine
gets half of `concurrency`), so at most 80 pages a second; they are counted from the first request to the last, so that
starting is not in them. Processors: the same captured real pages, each process with one worker; the wall clock of all,
starting included, and of an empty backlog, which is taken off. CPU milliseconds a page are those of Tidemill. Rounds
are interleaved, medians shown. Floor: issue 5.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import statistics
import sys
import tempfile
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.harness.postgres import Server

from benchmarks.measure import Cost, arguments, cost_of
from benchmarks.postgres import careful_postgres
from benchmarks.server import Served, serving

FLOOR = 1.7
_LABELLED = "name: labelled\nkind: sitemap\nstart: [{url}]\nconcurrency: 16\n"
_LATE = "name: {name}\nstart: [{url}]\nconcurrency: 16\n"


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pages", type=int, default=2000, help="pages of each late site")
    parser.add_argument("--step", type=int, default=3, help="every STEPth labelled page is processed")
    parser.add_argument("--only", choices=("crawlers", "processors"))
    options = parser.parse_args(arguments())
    print(f"{os.cpu_count()} cores, PostgreSQL and the served site on the same ones")
    with careful_postgres() as server:
        if options.only in (None, "crawlers"):
            _crawlers(server, options.rounds, options.pages)
        if options.only in (None, "processors"):
            _processors(server, options.rounds, options.step)


class _House:
    """An empty database and a data folder, and commands over them."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.folder = Path(tempfile.mkdtemp(prefix="tidemill-scaling-"))
        self._url = asyncio.run(server.empty())
        self.run("db", "upgrade")

    def run(self, *command: str, settings: tuple[str, ...] = ()) -> Cost:
        given = [word for each in (f"database.url={self._url}", *settings) for word in ("--set", each)]
        program = [sys.executable, "-m", "tidemill", "--data-dir", str(self.folder / "data")]
        return cost_of([*program, *given, *command])

    def apply(self, text: str) -> None:
        path = self.folder / "source.yaml"
        path.write_text(text)
        self.run("sources", "apply", str(path))

    def together(self, *commands: tuple[str, ...], settings: tuple[str, ...] = ()) -> list[Cost]:
        """Run commands side by side."""
        with ThreadPoolExecutor(len(commands)) as pool:
            return list(pool.map(lambda command: self.run(*command, settings=settings), commands))

    def close(self) -> None:
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
                rates[number].append(_processed(server, served.urls[site], number, pages))
    print(f"\nprocessors with one worker each, {pages} real pages (labelled:{step})")
    _show({number: (statistics.median(r for r, _ in every), every[-1][1]) for number, every in rates.items()})


def _processed(server: Server, url: str, number: int, pages: int) -> tuple[float, float]:
    """Pages a second, and CPU milliseconds a page, of so many processors; starting and ending taken off."""
    house = _House(server)
    try:
        house.apply(_LABELLED.format(url=url))
        house.run("crawl", "labelled", "--allow-private", "--json", "--crawl-only")
        work = [("process", "--json")] * number
        costs = house.together(*work, settings=("process.workers=1",))
        empty = house.together(*work, settings=("process.workers=1",))
    finally:
        house.close()
    wall_s = max(cost.wall_s for cost in costs) - max(cost.wall_s for cost in empty)
    return pages / wall_s, 1000 * (sum(c.cpu_s for c in costs) - sum(c.cpu_s for c in empty)) / pages


def _show(found: dict[int, tuple[float, float]]) -> None:
    print(f"{'processes':>10}{'pages/s':>10}{'times':>8}{'CPU ms/page':>13}{'floor':>7}")
    for number, (rate, cpu_ms) in found.items():
        floor = f"{FLOOR}" if number > 1 else ""
        print(f"{number:10}{rate:10.1f}{rate / found[1][0]:8.2f}{cpu_ms:13.2f}{floor:>7}")


if __name__ == "__main__":
    main()
