"""What a page costs each role, in CPU milliseconds, on SQLite and on PostgreSQL: the roles' own, and the server's.

Real pages served on this machine are crawled (fetched, archived, entered), processed by one worker until they are
searchable, and indexed anew. Start-up is measured with a database that has nothing to do, and taken off. `python -m
benchmarks role_costs --step 3`
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil
from sqlalchemy.engine import make_url
from tests.harness.postgres import Server, in_own_loop, own_postgres

from benchmarks.measure import arguments, cost_of
from benchmarks.served import LABELLED
from benchmarks.server import serving

_SOURCE = "name: labelled\nkind: sitemap\nstart: [{url}]\nconcurrency: 16\n"
_INDEX = """
import asyncio, sys
from pathlib import Path
from tidemill.app import open_app
from tidemill.settings import load_settings
from tidemill.store import events

async def main(folder):
    async with open_app(load_settings({"data_dir": Path(folder)})) as app:
        await app.indexer.catch_up(await events.head(app.store))

asyncio.run(main(sys.argv[1]))
"""
Costs = defaultdict[str, list[tuple[float, float]]]


def main() -> None:
    """Measure in rounds, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--step", type=int, default=3, help="take every Nth labelled page")
    options = parser.parse_args(arguments())
    if not LABELLED.exists():
        print(f"{LABELLED.name} is not beside the repository: left out")
        return
    site = f"labelled:{options.step}"
    costs: Costs = defaultdict(list)
    with serving(site) as served, own_postgres() as server:
        url, pages = served.urls[site], served.pages[site] - 1
        for number in range(options.rounds):
            for name in ("SQLite", "PostgreSQL"):
                print(f"\rround {number + 1}: {name:<20}", end="", file=sys.stderr)
                _round(name, url, server if name == "PostgreSQL" else None, costs)
    print(f"\rCPU ms a page, {pages} real pages, medians of {options.rounds} rounds; the server's own beside them\n")
    print("| | role | database server |\n|---|---|---|")
    for what, every in costs.items():
        own, servers = (statistics.median(each[n] for each in every) / pages * 1000 for n in (0, 1))
        print(f"| {what} | {own:.2f} | {servers:.2f} |")


def _round(name: str, url: str, server: Server | None, costs: Costs) -> None:
    folder = Path(tempfile.mkdtemp(prefix="tidemill-bench-"))
    environment = dict(os.environ)
    database = in_own_loop(server.empty()) if server else None
    if database:
        environment["TIDEMILL_DATABASE__URL"] = database
    try:
        source = folder / "labelled.yaml"
        source.write_text(_SOURCE.format(url=url))
        crawl = ("crawl", "labelled", "--allow-private", "--json", "--crawl-only")
        process = ("--set", "process.workers=1", "process", "--json")
        _cost(folder, environment, server, "sources", "apply", str(source))
        idle = _cost(folder, environment, server, "process", "--json")
        costs[f"crawl, {name}"].append(_net(_cost(folder, environment, server, *crawl), idle))
        costs[f"process and index, {name}"].append(_net(_cost(folder, environment, server, *process), idle))
        command = [sys.executable, "-c", _INDEX, str(folder / "data")]
        nothing = _measured(command, environment, server)
        shutil.rmtree(folder / "data" / "index")
        costs[f"index, {name}"].append(_net(_measured(command, environment, server), nothing))
    finally:
        shutil.rmtree(folder)
        if server and database:
            in_own_loop(server.drop(make_url(database).render_as_string(hide_password=False)))


def _net(cost: tuple[float, float], idle: tuple[float, float]) -> tuple[float, float]:
    return cost[0] - idle[0], cost[1] - idle[1]


def _cost(folder: Path, environment: Mapping[str, str], server: Server | None, *command: str) -> tuple[float, float]:
    whole = [sys.executable, "-m", "tidemill", "--data-dir", str(folder / "data"), *command]
    return _measured(whole, environment, server)


def _measured(command: list[str], environment: Mapping[str, str], server: Server | None) -> tuple[float, float]:
    """CPU seconds of the command and of the server meanwhile."""
    with _server_time(server) as spent:
        cost = cost_of(command, env=environment)
    return cost.cpu_s, spent[0]


@contextmanager
def _server_time(server: Server | None) -> Iterator[list[float]]:
    before, spent = _time_of(server), [0.0]
    yield spent
    spent[0] = _time_of(server) - before


def _time_of(server: Server | None) -> float:
    """CPU seconds of the server: those of its ended children, too."""
    if server is None or server.process is None:
        return 0.0
    whole = psutil.Process(server.process.pid)
    seconds = sum(whole.cpu_times()[:4])
    for child in whole.children(recursive=True):
        try:
            seconds += sum(child.cpu_times()[:2])
        except psutil.NoSuchProcess:
            continue  # its parent has its time now
    return float(seconds)


if __name__ == "__main__":
    main()
