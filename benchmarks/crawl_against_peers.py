"""Our crawl against Scrapy's and Crawlee's: pages per CPU second and wall seconds on two sites of this machine.

Every contender is a process of its own against one server that costs none of them anything; rounds are interleaved
(A B C A B C), medians are shown, and the server's own record says whether each page was asked for once. Start-up is
measured on a site of one page and taken off in the columns `net`. All of our promises are on: robots.txt, retries,
canonical keys, archive on disk, durable ledger; none of the others keeps a page or survives a kill.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contenders import Contender, ours, peers
from benchmarks.measure import arguments, cost_of
from benchmarks.peers.environment import peers_python
from benchmarks.server import Served, serving

SITES = {
    "postgresql-doc-15": Path("/usr/share/doc/postgresql-doc-15/html"),
    "python3-doc": Path("/usr/share/doc/python3-doc/html"),
}
LONE = "lone"


@dataclass(frozen=True, slots=True)
class Round:
    """One crawl: what it took, and how it differs from each page once (empty: not at all)."""

    wall_s: float
    cpu_s: float
    peak_bytes: int
    faults: str


def main() -> None:
    """Measure, and print a table for each site."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--every", action="store_true", help="all variants of the peers")
    parser.add_argument("--site", choices=tuple(SITES), help="one site only")
    parser.add_argument("--ours", action="store_true", help="no peers")
    options = parser.parse_args(arguments())
    python = None if options.ours else peers_python()
    contenders = [ours(), *(peers(python, every=options.every) if python else ())]
    for name, folder in SITES.items():
        if options.site not in (None, name):
            continue
        if not (folder / "index.html").exists():
            print(f"{name}: not installed here, left out")
            continue
        with serving(LONE, f"folder:{folder}") as served:
            rounds = _rounds(served, f"folder:{folder}", contenders, options.rounds)
        pages = served.pages[f"folder:{folder}"]
        results = [_result(each, pages, rounds[each.name, "whole"], rounds[each.name, LONE]) for each in contenders]
        _report(name, pages, results, options.rounds)


def _rounds(
    served: Served, site: str, contenders: Sequence[Contender], count: int
) -> dict[tuple[str, str], list[Round]]:
    """By contender and site, of one page and whole, in turn."""
    done: defaultdict[tuple[str, str], list[Round]] = defaultdict(list)
    for number in range(count):
        for contender in contenders:
            for each in (LONE, site):
                print(f"\rround {number + 1}: {contender.name.strip()[:50]:<52}", end="", file=sys.stderr)
                done[contender.name, LONE if each == LONE else "whole"].append(_crawl(served, each, contender))
    print("\r" + " " * 64 + "\r", end="", file=sys.stderr)
    return done


def _crawl(served: Served, site: str, contender: Contender) -> Round:
    folder = Path(tempfile.mkdtemp(prefix="tidemill-bench-"))
    try:
        cost = cost_of(contender.crawling(served.urls[site], folder / "data"), cwd=folder)
    finally:
        shutil.rmtree(folder)
    asked = served.asked(site)
    faults = [f"{len(asked[kind])} {kind}" for kind in ("missed", "extra", "twice") if asked[kind]]
    return Round(cost.wall_s, cost.cpu_s, cost.peak_bytes, ", ".join(faults))


@dataclass(frozen=True, slots=True)
class Result:
    """The medians of a contender on one site; `net_` is without start-up."""

    contender: Contender
    wall_s: float
    cpu_s: float
    start_s: float
    page_ms: float
    net_page_ms: float
    peak_bytes: float
    faults: str


def _result(contender: Contender, pages: int, whole: Sequence[Round], lone: Sequence[Round]) -> Result:
    cpu_s = statistics.median(each.cpu_s for each in whole)
    start_s = statistics.median(each.cpu_s for each in lone)
    return Result(
        contender,
        wall_s=statistics.median(each.wall_s for each in whole),
        cpu_s=cpu_s,
        start_s=start_s,
        page_ms=1000 * cpu_s / pages,
        net_page_ms=1000 * max(cpu_s - start_s, 0.001) / (pages - 1),
        peak_bytes=statistics.median(each.peak_bytes for each in whole),
        faults="; ".join(sorted({each.faults for each in whole} - {""})),
    )


def _report(name: str, pages: int, results: Sequence[Result], count: int) -> None:
    print(f"\n{name}: {pages} pages, medians of {count} interleaved rounds")
    print("`net` is without start-up; `ours` is how many times as many pages Tidemill does per CPU second")
    head = ("wall s", "CPU s", "start s", "ms/page", "net ms", "pages/CPU s", "ours", "ours net", "peak MB")
    print(f"{'':<36}" + "".join(f"{each:>12}" for each in head) + "  not once")
    us = results[0]
    for each in results:
        cells = [f"{each.wall_s:.2f}", f"{each.cpu_s:.2f}", f"{each.start_s:.2f}", f"{each.page_ms:.2f}"]
        cells += [f"{each.net_page_ms:.2f}", f"{1000 / each.page_ms:.0f}", f"{each.page_ms / us.page_ms:.2f}"]
        cells += [f"{each.net_page_ms / us.net_page_ms:.2f}", f"{each.peak_bytes / 1e6:.0f}"]
        print(f"{each.contender.name:<36}" + "".join(f"{cell:>12}" for cell in cells) + f"  {each.faults}")
    for family in dict.fromkeys(each.contender.family for each in results[1:]):
        best = min((each for each in results if each.contender.family == family), key=lambda each: each.page_ms)
        times, net = best.page_ms / us.page_ms, best.net_page_ms / us.net_page_ms
        print(f"against the best of {family} ({best.contender.name.strip()}): {times:.2f} times, net {net:.2f} times")


if __name__ == "__main__":
    main()
