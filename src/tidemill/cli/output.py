"""Writing answers: JSON for machines on stdout, tables and progress for people on stderr and stdout."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

_WIDE = 1000
stdout = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else _WIDE)


def json_bytes(value: Any) -> bytes:
    """One value as a line of JSON, keys in their own order."""
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z)


def write_json(value: Any) -> None:
    """One JSON document on stdout."""
    sys.stdout.buffer.write(json_bytes(value))
    sys.stdout.buffer.flush()


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A plain table on stdout; numbers stand to the right."""
    lines = [["" if cell is None else cell for cell in row] for row in rows]
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for position, column in enumerate(columns):
        numeric = bool(lines) and all(isinstance(line[position], int | float) for line in lines)
        drawn.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for line in lines:
        drawn.add_row(*(_plain(cell) for cell in line))
    stdout.print(drawn)


def outcome_table(outcomes: Mapping[str, int]) -> None:
    """The ledger in one table: every outcome with its count, and their sum."""
    table(("outcome", "pages"), [*outcomes.items(), ("discovered", sum(outcomes.values()))])


def counted(number: int, noun: str) -> str:
    """`1 document`, `2 documents`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _plain(cell: object) -> str:
    text = f"{cell:.1f}" if isinstance(cell, float) else str(cell)
    return text.replace("[", r"\[")
