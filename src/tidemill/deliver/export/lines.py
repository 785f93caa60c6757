"""JSON lines: one document a line, keys in the order of a record, UTF-8. Also the JSON inside of other formats."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, BinaryIO

import orjson

from tidemill.deliver.export.formats import Record


class LinesWriter:
    """Implements `formats.Writer`."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out

    def add(self, records: Sequence[Record]) -> None:
        """See `Writer.add`."""
        self._out.write(b"".join(line_of(each) for each in records))

    def close(self) -> None:
        """Nothing ends the file."""


def line_of(value: Any) -> bytes:
    """One value as a line of JSON."""
    return json_of(value) + b"\n"


def json_of(value: Any) -> bytes:
    """One value as JSON. A site's data may hold integers beyond 64 bits and lone surrogates, which JSON can escape."""
    try:
        return orjson.dumps(value, option=orjson.OPT_UTC_Z)
    except orjson.JSONEncodeError:
        return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode("ascii")
