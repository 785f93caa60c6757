"""What a second run over an unchanged site costs: 10,000 pages with ETags, crawled until searchable, and then again.

Every page of the second run must be answered 304. Requests and bytes are the server's own count.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import Cost, arguments, cost_of
from benchmarks.server import Served, serving

PAGES = 10_000


@dataclass(frozen=True, slots=True)
class Run:
    """One run: what it took, what the server was asked, what the command answered."""

    cost: Cost
    asked: dict[str, Any]
    answer: dict[str, Any]


def main() -> None:
    """Crawl twice and print both runs and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=PAGES)
    options = parser.parse_args(arguments())
    name = f"numbered:{options.pages}"
    folder = Path(tempfile.mkdtemp(prefix="tidemill-bench-"))
    try:
        with serving(name) as served:
            first, second = (_crawl(served, name, folder) for _ in range(2))
    finally:
        shutil.rmtree(folder)
    print(f"\nrecrawl of {options.pages:,} unchanged pages, to searchable, start-up included")
    columns = ("wall s", "CPU s", "requests", "304", "MB sent", "peak MB")
    print(f"{'':<10}" + "".join(f"{each:>11}" for each in columns) + "  outcomes")
    for label, run in (("first", first), ("second", second)):
        print(f"{label:<10}{_cells(run)}  {run.answer['outcomes']}")
    print(
        f"second run: {first.cost.wall_s / second.cost.wall_s:.1f} times as fast,"
        f" {first.cost.cpu_s / second.cost.cpu_s:.1f} times less CPU,"
        f" {1 - second.asked['sent_bytes'] / first.asked['sent_bytes']:.1%} of the bytes saved"
    )


def _crawl(served: Served, name: str, folder: Path) -> Run:
    tidemill = [sys.executable, "-m", "tidemill", "--data-dir", str(folder / "data")]
    crawl = [*tidemill, "crawl", served.urls[name], "--allow-private", "--json"]
    cost = cost_of(crawl, cwd=folder, timeout_s=3600)
    return Run(cost, served.asked(name), json.loads(cost.out))


def _cells(run: Run) -> str:
    asked, cost = run.asked, run.cost
    cells = (
        f"{cost.wall_s:.1f}",
        f"{cost.cpu_s:.1f}",
        f"{asked['requests']:,}",
        f"{asked['not_modified']:,}",
        f"{asked['sent_bytes'] / 1e6:.2f}",
        f"{cost.peak_bytes / 1e6:.0f}",
    )
    return "".join(f"{cell:>11}" for cell in cells)


if __name__ == "__main__":
    main()
