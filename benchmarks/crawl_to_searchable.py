"""Crawl to searchable: what a user would build, and Tidemill, over the same real pages served on this machine.

Pages a second and CPU seconds for a thousand pages, as medians of interleaved rounds, start-up included; then the share
of each stage, what a second worker brings, and with `--long` whether memory stays flat over 20,000 pages. Tidemill does
all that it always does: robots.txt, archive, ledger, history, validation, duplicates, search index. The peer fetches,
extracts with trafilatura and writes rows with SQLAlchemy's ORM; it keeps no bytes and cannot be searched.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import Cost, arguments, cost_of
from benchmarks.peers.environment import peers_python
from benchmarks.served import LABELLED
from benchmarks.server import serving

PIPELINE = Path(__file__).resolve().parent / "peers" / "scrapy_pipeline.py"
SITES = {
    "postgresql-doc-15": Path("/usr/share/doc/postgresql-doc-15/html"),
    "python3-doc": Path("/usr/share/doc/python3-doc/html"),
}
WORKERS = 2
_SOURCE = "name: labelled\nkind: sitemap\nstart: [{url}]\nconcurrency: 16\n"
Measure = Callable[[Path], Cost]


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--step", type=int, default=2, help="take every Nth labelled page")
    parser.add_argument("--ours", action="store_true", help="no peers")
    parser.add_argument("--docs", action="store_true", help="the documentation packages, too")
    parser.add_argument("--long", action="store_true", help="memory over 20,000 pages, too")
    options = parser.parse_args(arguments())
    python = None if options.ours else peers_python()
    if LABELLED.exists():
        _labelled(python, options.rounds, options.step)
    else:
        print(f"{LABELLED.name} is not beside the repository: the comparison with peers is left out")
    if options.docs:
        _docs(options.rounds)
    if options.long:
        _long(20_000)


def _labelled(python: Path | None, rounds: int, step: int) -> None:
    site = f"labelled:{step}"
    with serving(site) as served:
        url, pages = served.urls[site], served.pages[site] - 1
        costs = _interleaved(_ways(url, python), rounds)
    print(f"\n{pages} real pages to searchable, medians of {rounds} interleaved rounds, start-up included")
    _table(costs, pages)
    one, two = (_median_wall_s(costs[f"stage: process, {n}"]) for n in _WORKERS_NAMED)
    start = _median_wall_s(costs[_NOTHING])
    print(
        f"\nprocessing with 2 workers against 1: {one / two:.2f} times as fast, and {(one - start) / (two - start):.2f}"
    )
    print("times without starting and ending, which is what the same command takes with nothing to process")


def _median_wall_s(costs: list[Cost]) -> float:
    return statistics.median(cost.wall_s for cost in costs)


_WORKERS_NAMED = ("1 worker", "2 workers")
_NOTHING = "stage: process, nothing"


def _ways(url: str, python: Path | None) -> dict[str, Measure]:
    """Everything that is measured, by name. Each is given an empty folder."""
    ways: dict[str, Measure] = {"Tidemill": lambda folder: _crawl(folder, url)}
    if python is not None:
        peer = [str(python), str(PIPELINE), url]
        ways["Scrapy, trafilatura, ORM"] = lambda folder: cost_of([*peer, str(folder / "peer.db")])
        ways["the same, pool of 2"] = lambda folder: cost_of([*peer, str(folder / "peer.db"), "--workers", "2"])
    ways["stage: crawl"] = lambda folder: _crawl(folder, url, "--crawl-only")
    for number, name in enumerate(_WORKERS_NAMED, 1):
        ways[f"stage: process, {name}"] = lambda folder, number=number: _process(folder, url, number)
    ways[_NOTHING] = _process_nothing
    return ways


def _interleaved(ways: dict[str, Measure], rounds: int) -> dict[str, list[Cost]]:
    """The costs of each way, its rounds in turn with those of the others."""
    costs: defaultdict[str, list[Cost]] = defaultdict(list)
    for number in range(rounds):
        for name, measure in ways.items():
            print(f"\rround {number + 1}: {name:<40}", end="", file=sys.stderr)
            folder = Path(tempfile.mkdtemp(prefix="tidemill-bench-"))
            try:
                costs[name].append(measure(folder))
            finally:
                shutil.rmtree(folder)
    print("\r" + " " * 60 + "\r", end="", file=sys.stderr)
    return costs


def _tidemill(folder: Path, *command: str) -> Cost:
    return cost_of([sys.executable, "-m", "tidemill", "--data-dir", str(folder / "data"), *command])


def _crawl(folder: Path, url: str, *options: str) -> Cost:
    """A crawl of the labelled pages; writing down the source is not counted."""
    source = folder / "labelled.yaml"
    source.write_text(_SOURCE.format(url=url))
    _tidemill(folder, "sources", "apply", str(source))
    return _tidemill(folder, "crawl", "labelled", "--allow-private", "--json", *options)


def _process(folder: Path, url: str, workers: int) -> Cost:
    _crawl(folder, url, "--crawl-only")
    return _tidemill(folder, "--set", f"process.workers={workers}", "process", "--json")


def _process_nothing(folder: Path) -> Cost:
    _tidemill(folder, "db", "upgrade")
    return _tidemill(folder, "process", "--json")


def _table(costs: dict[str, list[Cost]], pages: int) -> None:
    print(f"{'':32}{'wall s':>8}{'pages/s':>9}{'CPU s/1,000':>13}{'peak MB':>9}{'wall, times':>13}")
    ours = statistics.median(cost.wall_s for cost in costs["Tidemill"])
    for name, every in costs.items():
        wall = statistics.median(cost.wall_s for cost in every)
        cpu = statistics.median(cost.cpu_s for cost in every)
        peak = statistics.median(cost.peak_bytes for cost in every) / 1e6
        print(f"{name:32}{wall:8.1f}{pages / wall:9.1f}{1000 * cpu / pages:13.1f}{peak:9.0f}{wall / ours:13.2f}")


def _docs(rounds: int) -> None:
    """Whole documentation packages, by following links."""
    for name, path in SITES.items():
        if not (path / "index.html").exists():
            print(f"{name}: not installed here, left out")
            continue
        site = f"folder:{path}"
        with serving(site) as served:
            url, pages = served.urls[site], served.pages[site]
            crawl = ("crawl", url, "--allow-private", "--json")
            costs = _interleaved({"Tidemill": lambda folder, crawl=crawl: _tidemill(folder, *crawl)}, rounds)
        print(f"\n{name}: {pages} pages, medians of {rounds} rounds")
        _table(costs, pages)


def _long(pages: int) -> None:
    """Memory of the whole group of processes, in tenths of the time."""
    site = f"numbered:{pages}"
    with serving(site) as served, tempfile.TemporaryDirectory(prefix="tidemill-bench-") as folder:
        cost = _tidemill(Path(folder), "crawl", served.urls[site], "--allow-private", "--json")
    answer = json.loads(cost.out)
    tenth = len(cost.samples) / 10
    peaks = [max(s.bytes for s in cost.samples[int(n * tenth) : int((n + 1) * tenth)]) / 1e6 for n in range(10)]
    print(f"\n{pages} made-up pages to searchable: {cost.wall_s:.0f} s, outcomes {answer['outcomes']}")
    print("peak MB of all processes, by tenth of the time:", *(f"{peak:.0f}" for peak in peaks))


if __name__ == "__main__":
    main()
