"""Values side by side on a terminal: what `documents diff` and `reprocess` show. JSON values come in."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tidemill.cli.output import stdout

if TYPE_CHECKING:
    from tidemill.manage.history import FieldChange
    from tidemill.models.document import Json

_SHOWN_CHARS = 60
_TEXTS = ("content", "markdown", "summary")
_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def shortened(value: Json, width: int = _SHOWN_CHARS) -> str:
    """A value in one line of at most `width` characters; text without quotes, the rest as JSON."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"


def show_changes(changes: Iterable[FieldChange]) -> None:
    """Each changed value: the old and the new one, of long texts the lines that differ."""
    found = list(changes)
    of_content = any(change.field == "content" for change in found)
    for change in found:
        if change.field == "markdown" and of_content:
            continue  # it says the same as the text, with its structure
        if change.field in _TEXTS and isinstance(change.old, str) and isinstance(change.new, str):
            _show_text(change.field, change.old, change.new)
        else:
            stdout.print(f"{change.field}:", markup=False, style="bold")
            stdout.print(f"- {_in_full(change.old)}", markup=False, style="red")
            stdout.print(f"+ {_in_full(change.new)}", markup=False, style="green")


def _show_text(name: str, old: str, new: str) -> None:
    stdout.print(f"{name}:", markup=False, style="bold")
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=2)
    for line in list(lines)[2:]:
        stdout.print(line, markup=False, style=_STYLES.get(line[:1], ""))


def _in_full(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
