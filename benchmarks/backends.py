"""The whole way of a page, crawl to searchable, embedded and on servers side by side, as interleaved rounds.

Embedded (SQLite), PostgreSQL, PostgreSQL with Redis, PostgreSQL with RabbitMQ: the same command, other URLs. Pages a
second are those of the wall clock, start-up included; CPU seconds are those of Tidemill, and beside them those of the
servers. PostgreSQL flushes each commit. Each crawl gets an empty database; servers are started before.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from tests.harness.brokers import own_redis, shared_rabbitmq
from tests.harness.postgres import Server

from benchmarks.measure import Cost, arguments, cost_of
from benchmarks.postgres import careful_postgres
from benchmarks.server import serving

FLOOR = 0.8
_SOURCE = "name: labelled\nkind: sitemap\nstart: [{url}]\nconcurrency: 16\n"


@dataclass(frozen=True, slots=True)
class Backend:
    """A name, whether it has PostgreSQL, and the queue's URL."""

    name: str
    is_server: bool
    queue_url: str = "database:"


@dataclass(frozen=True, slots=True)
class Run:
    """What one crawl took, and what the servers took meanwhile."""

    cost: Cost
    servers_cpu_s: float


def main() -> None:
    """Measure, and print a line for each backend."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--site", default="labelled:3", help="labelled:STEP (real pages) or numbered:COUNT (made up)")
    parser.add_argument("--only", nargs="*", default=[], help="some of embedded, postgresql, redis, rabbitmq")
    options = parser.parse_args(arguments())
    folder = Path(tempfile.mkdtemp(prefix="tidemill-backends-"))
    try:
        with _servers(folder) as (server, backends), serving(options.site) as served:
            chosen = [each for each in backends if not options.only or each.name.split()[-1] in options.only]
            pages = served.pages[options.site] - int(options.site.startswith("labelled"))
            runs = _interleaved(chosen, server, served.urls[options.site], options.rounds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _show(runs, pages, options.site)


@contextmanager
def _servers(folder: Path) -> Iterator[tuple[Server, list[Backend]]]:
    with ExitStack() as stack:
        server = stack.enter_context(careful_postgres())
        redis = stack.enter_context(own_redis(folder))
        yield (
            server,
            [
                Backend("embedded", is_server=False),
                Backend("postgresql", is_server=True),
                Backend("postgresql, redis", is_server=True, queue_url=f"redis://127.0.0.1:{redis.port}/0"),
                Backend("postgresql, rabbitmq", is_server=True, queue_url=shared_rabbitmq(folder)),
            ],
        )


def _interleaved(backends: list[Backend], server: Server, url: str, rounds: int) -> dict[str, list[Run]]:
    runs: defaultdict[str, list[Run]] = defaultdict(list)
    for number in range(rounds):
        for backend in backends:
            print(f"\rround {number + 1}: {backend.name:<40}", end="", file=sys.stderr)
            folder = Path(tempfile.mkdtemp(prefix="tidemill-bench-"))
            try:
                runs[backend.name].append(_run(backend, server, url, folder))
            finally:
                shutil.rmtree(folder)
    print("\r" + " " * 60 + "\r", end="", file=sys.stderr)
    return dict(runs)


def _run(backend: Backend, server: Server, url: str, folder: Path) -> Run:
    """A crawl into an empty house. Making it and writing down the source are not counted."""
    database = asyncio.run(server.empty()) if backend.is_server else ""
    named = ["--set", f"database.url={database}"] if database else []
    tidemill = [sys.executable, "-m", "tidemill", "--data-dir", str(folder / "data"), *named]
    tidemill += ["--set", f"queue.url={backend.queue_url}"]
    (folder / "labelled.yaml").write_text(_SOURCE.format(url=url))
    is_sitemap = url.endswith(".xml")
    try:
        cost_of([*tidemill, "db", "upgrade"])
        if is_sitemap:
            cost_of([*tidemill, "sources", "apply", str(folder / "labelled.yaml")])
        before = _servers_cpu_s()
        cost = cost_of([*tidemill, "crawl", "labelled" if is_sitemap else url, "--allow-private", "--json"])
        after = _servers_cpu_s()
    finally:
        if database:
            asyncio.run(server.drop(database))
    stored = json.loads(cost.out)["outcomes"]
    if sum(number for outcome, number in stored.items() if outcome in ("failed", "dead")) > 0:
        sys.exit(f"{backend.name}: {stored}")
    return Run(cost, after - before)


def _servers_cpu_s() -> float:
    """CPU seconds of the servers that we have started, their ended connections included."""
    total = 0.0
    for each in psutil.Process().children(recursive=True):
        try:
            if each.name() in ("postgres", "redis-server", "beam.smp"):
                times = each.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
        except psutil.NoSuchProcess:
            continue
    return total


def _show(runs: dict[str, list[Run]], pages: int, site: str) -> None:
    print(f"\n{pages} pages ({site}) to searchable, medians of {len(next(iter(runs.values())))} interleaved rounds")
    print(f"{'':24}{'wall s':>8}{'pages/s':>9}{'× embedded':>12}{'CPU ms/page':>13}{'servers':>9}{'peak MB':>9}")
    first = statistics.median(run.cost.wall_s for run in runs.get("embedded", next(iter(runs.values()))))
    for name, every in runs.items():
        wall = statistics.median(run.cost.wall_s for run in every)
        cpu = 1000 * statistics.median(run.cost.cpu_s for run in every) / pages
        servers = 1000 * statistics.median(run.servers_cpu_s for run in every) / pages
        peak = statistics.median(run.cost.peak_bytes for run in every) / 1e6
        print(f"{name:24}{wall:8.1f}{pages / wall:9.1f}{first / wall:12.2f}{cpu:13.1f}{servers:9.1f}{peak:9.0f}")
    print(f"floor: {FLOOR} of embedded")


if __name__ == "__main__":
    main()
