"""Whether a crawl stays as fast and as small as it began: numbered pages, twenty links each, 2,000 to 100,000 of them.

Our crawl stage only. The pages of the first and of the last tenth are told apart by the server's record; both wall
and CPU time of each are shown, since only the latter means anything on a machine that others use as well.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from benchmarks.contenders import ours
from benchmarks.measure import Cost, arguments, cost_of
from benchmarks.server import serving

SIZES = (2_000, 20_000)
LONG = 100_000


def main() -> None:
    """Crawl each size once and print a line for it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--long", action="store_true", help=f"{LONG:,} pages too (minutes)")
    parser.add_argument("--pages", type=int, help="this many pages only")
    options = parser.parse_args(arguments())
    sizes = (options.pages,) if options.pages else (*SIZES, LONG) if options.long else SIZES
    columns = ("pages", "wall s", "first p/s", "last p/s", "last/first", "first ms", "last ms", "CPU l/f", "peak MB")
    print("\nsteadiness: pages per second and CPU ms a page in the first and in the last tenth of a crawl")
    print("".join(f"{each:>11}" for each in columns) + "  not once")
    for size in sizes:
        print(_crawl(size), flush=True)


def _crawl(pages: int) -> str:
    name = f"numbered:{pages}"
    folder = Path(tempfile.mkdtemp(prefix="tidemill-bench-"))
    try:
        with serving(name) as served:
            cost = cost_of(ours().crawling(served.urls[name], folder / "data"), cwd=folder, timeout_s=7200)
            asked = served.asked(name)
    finally:
        shutil.rmtree(folder)
    times: list[float] = asked["times"]
    tenth = len(times) // 10
    wall_first, cpu_first = _spent(cost, times[0], times[tenth])
    wall_last, cpu_last = _spent(cost, times[-tenth - 1], times[-1])
    cells = (
        f"{pages:,}",
        f"{cost.wall_s:.1f}",
        f"{tenth / wall_first:.0f}",
        f"{tenth / wall_last:.0f}",
        f"{wall_first / wall_last:.2f}",
        f"{1000 * cpu_first / tenth:.2f}",
        f"{1000 * cpu_last / tenth:.2f}",
        f"{cpu_first / cpu_last:.2f}",
        f"{cost.peak_bytes / 1e6:.0f}",
    )
    faults = ", ".join(f"{len(asked[kind])} {kind}" for kind in ("missed", "extra", "twice"))
    return "".join(f"{cell:>11}" for cell in cells) + f"  {faults}"


def _spent(cost: Cost, start: float, end: float) -> tuple[float, float]:
    """Wall and CPU seconds between two moments."""
    return end - start, max(cost.cpu_at(end) - cost.cpu_at(start), 1e-9)


if __name__ == "__main__":
    main()
