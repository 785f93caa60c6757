"""`make bench`: every benchmark, or the one named by ARGS (`make bench ARGS=extraction`)."""

from __future__ import annotations

import importlib
import os
import platform
import sys

BENCHMARKS = (
    "extraction",
    "verdicts",
    "crawl_against_peers",
    "scale",
    "recrawl",
    "crawl_to_searchable",
    "duplicates",
    "queues",
    "backends",
    "writes",
    "scaling",
    "ledger_at_size",
    "role_costs",
    "search",
    "api",
)


def main() -> None:
    """Say what machine this is, then run what was asked for."""
    asked = [name for name in sys.argv[1:2] if not name.startswith("-")] or list(BENCHMARKS)
    unknown = [name for name in asked if name not in BENCHMARKS]
    if unknown:
        sys.exit(f"no benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}")
    print(f"Python {platform.python_version()} on {platform.machine()}, {os.cpu_count()} cores", flush=True)
    for name in asked:
        importlib.import_module(f"benchmarks.{name}").main()


main()
