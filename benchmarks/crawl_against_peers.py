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
        _report(name, served.pages[f"folder:{folder}"], contenders, rounds, options.rounds)


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


def _report(
    name: str, pages: int, contenders: Sequence[Contender], rounds: dict[tuple[str, str], list[Round]], count: int
) -> None:
    print(f"\n{name}: {pages} pages, medians of {count} interleaved rounds; `net` is without start-up")
    head = ("wall s", "CPU s", "start s", "ms/page", "net ms", "pages/CPU s", "net", "peak MB")
    print(f"{'':<36}" + "".join(f"{each:>12}" for each in head) + "  not once")
    rates: dict[str, tuple[str, float, float]] = {}
    for contender in contenders:
        whole, lone = rounds[contender.name, "whole"], rounds[contender.name, LONE]
        wall, cpu = statistics.median(each.wall_s for each in whole), statistics.median(each.cpu_s for each in whole)
        start = statistics.median(each.cpu_s for each in lone)
        peak = statistics.median(each.peak_bytes for each in whole)
        rate, net = pages / cpu, (pages - 1) / max(cpu - start, 0.001)
        cells = [f"{wall:.2f}", f"{cpu:.2f}", f"{start:.2f}", f"{1000 / rate:.2f}", f"{1000 / net:.2f}", f"{rate:.0f}"]
        cells += [f"{net:.0f}", f"{peak / 1e6:.0f}"]
        faults = "; ".join(sorted({each.faults for each in whole} - {""}))
        print(f"{contender.name:<36}" + "".join(f"{cell:>12}" for cell in cells) + f"  {faults}")
        best = rates.get(contender.family)
        rates[contender.family] = (contender.name.strip(), rate, net) if best is None or rate > best[1] else best
        _ratio(contender, rates["tidemill"], rate, net)
    for family, (variant, rate, net) in rates.items():
        if family != "tidemill":
            print(f"  best of {family}: {variant}: ours does {rates['tidemill'][1] / rate:.2f} times its pages per CPU")
            print(f"    second, {rates['tidemill'][2] / net:.2f} times without start-up")


def _ratio(contender: Contender, our: tuple[str, float, float], rate: float, net: float) -> None:
    if contender.family != "tidemill":
        print(f"{'':<36}  ours: {our[1] / rate:.2f} times as many pages per CPU second, {our[2] / net:.2f} times net")


if __name__ == "__main__":
    main()
