"""CSV (RFC 4180): a header and one row a document, UTF-8 without a mark, CRLF; lists and objects as JSON in their cell.

Spreadsheets run a cell that begins like a formula, and what is in it was written by strangers: such a cell gets an
apostrophe in front (OWASP, CSV injection). `undefused` takes it away again, so that no text is lost.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any, BinaryIO

from tidemill.deliver.export.formats import COLUMNS, Record
from tidemill.deliver.export.lines import json_of

_MARK = "'"
_BEGINS_FORMULA = frozenset("=+-@\t\r\n＝＋－＠")
_BEFORE = _MARK + " \u00a0\u3000\ufeff"
"""What programs pass over before they look whether it is a formula; the mark is among it, so that it can be undone."""


class CsvWriter:
    """Implements `formats.Writer`. The header is written even if there are no documents."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._write([COLUMNS])

    def add(self, records: Sequence[Record]) -> None:
        """See `Writer.add`."""
        self._write([[cell_of(record.get(name)) for name in COLUMNS] for record in records])

    def close(self) -> None:
        """Nothing ends the file."""

    def _write(self, rows: Sequence[Sequence[str]]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\r\n").writerows(rows)
        self._out.write(text.getvalue().encode("utf-8", "backslashreplace"))


def cell_of(value: Any) -> str:
    """A value as the text of a cell; nothing is an empty one."""
    if value is None:
        return ""
    if isinstance(value, str):
        return defused(value)
    if isinstance(value, bool | int | float):
        return str(value)
    return json_of(value).decode()


def defused(text: str) -> str:
    """`text`, with an apostrophe in front if a spreadsheet might run it."""
    return _MARK + text if _is_risky(text) else text


def undefused(cell: str) -> str:
    """What `defused` was given."""
    return cell[1:] if cell.startswith(_MARK) and _is_risky(cell[1:]) else cell


def _is_risky(text: str) -> bool:
    return text.lstrip(_BEFORE)[:1] in _BEGINS_FORMULA if text else False
