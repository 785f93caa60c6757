"""Writes the table of `docs/reliability.md` from what fault tests have reported.

    pytest tests/fault --long --fault-report FILE
    python -m tests.harness.table FILE…          writes it into the page
    python -m tests.harness.table --print FILE…  only shows it

A report file has one JSON line for each `Tally`. Lines of the same fault and backend are added up; of their recovery
times the longest is told. Rows of the page whose fault is not in the files stay as they are.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.harness.backends import TITLES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- faults: begin -->", "<!-- faults: end -->"
HEAD = (
    "| Fault | Backend | Runs | Blows | Pages | Lost | Twice | Longest recovery |",
    "|---|---|--:|--:|--:|--:|--:|--:|",
)
_SUMS = ("runs", "kills", "pages", "lost", "twice")
_ORDER = list(TITLES.values())

Row = tuple[str, str]


def added_up(lines: Iterable[Mapping[str, Any]]) -> dict[Row, dict[str, float]]:
    """The sums by fault and backend."""
    found: dict[Row, dict[str, float]] = {}
    for line in lines:
        row = found.setdefault((line["fault"], line["backend"]), dict.fromkeys((*_SUMS, "recovery_s"), 0))
        for name in _SUMS:
            row[name] += line[name]
        row["recovery_s"] = max(row["recovery_s"], line["recovery_s"])
    return found


def as_markdown(row: Row, sums: Mapping[str, float]) -> str:
    """One line of the table."""
    took = f"{sums['recovery_s']:.1f} s" if sums["recovery_s"] else ""
    cells = [*row, *(f"{int(sums[name]):,}" for name in _SUMS), took]
    return f"| {' | '.join(cells)} |"


def merged(page: str, rows: Mapping[Row, Mapping[str, float]]) -> str:
    """The page with these rows in its table, beside those that it had of other faults."""
    before, _, rest = page.partition(BEGIN)
    table, _, after = rest.partition(END)
    kept = {}
    for line in table.strip().splitlines()[len(HEAD) :]:
        fault, backend = (cell.strip() for cell in line.split("|")[1:3])
        kept[fault, backend] = line
    lines = {**kept, **{row: as_markdown(row, sums) for row, sums in rows.items()}}
    told = [lines[row] for row in sorted(lines, key=_place)]
    return "\n".join([f"{before}{BEGIN}", *HEAD, *told, f"{END}{after}"])


def _place(row: Row) -> tuple[int, str, int]:
    fault, backend = row
    number = re.match(r"\d+", fault)
    return int(number[0]) if number else 999, fault, _ORDER.index(backend) if backend in _ORDER else len(_ORDER)


def main() -> None:
    """See above."""
    names = [each for each in sys.argv[1:] if each != "--print"]
    lines = [json.loads(line) for name in names for line in Path(name).read_text().splitlines()]
    rows = added_up(lines)
    if "--print" in sys.argv:
        print("\n".join([*HEAD, *(as_markdown(row, rows[row]) for row in sorted(rows, key=_place))]))
    else:
        PAGE.write_text(merged(PAGE.read_text(), rows))


if __name__ == "__main__":
    main()
