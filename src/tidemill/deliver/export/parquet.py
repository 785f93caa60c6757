"""Parquet, by pyarrow (the extra `parquet`): one row a document, row groups of some thousand, compressed with zstd.

The schema is fixed, whatever the documents hold: `fields` and `entities`, which differ by source, are JSON in a string.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from tidemill.deliver.export.formats import COLUMNS, Record
from tidemill.deliver.export.lines import json_of

_MOMENT = pa.timestamp("us", tz="UTC")
_TYPES = {
    **dict.fromkeys(("published_at", "modified_at", "fetched_at"), _MOMENT),
    **dict.fromkeys(("word_count", "reading_time_minutes", "version"), pa.int64()),
    **dict.fromkeys(("tags", "keywords", "flags"), pa.list_(pa.string())),
}
_AS_JSON = ("entities", "fields")
SCHEMA = pa.schema([pa.field(name, _TYPES.get(name, pa.string())) for name in COLUMNS])
_MOST_IN_GROUP = 2000
_MOST_CHARS = 32 << 20
"""A row group is held in memory: long documents make it end sooner."""


class ParquetWriter:
    """Implements `formats.Writer`."""

    def __init__(self, out: BinaryIO) -> None:
        self._writer = pq.ParquetWriter(out, SCHEMA, compression="zstd")
        self._rows: list[dict[str, Any]] = []
        self._chars = 0

    def add(self, records: Sequence[Record]) -> None:
        """See `Writer.add`."""
        for record in records:
            self._rows.append({name: _value(name, record.get(name)) for name in COLUMNS})
            self._chars += len(record["content"]) + len(record["markdown"])
        if len(self._rows) >= _MOST_IN_GROUP or self._chars >= _MOST_CHARS:
            self._flush()

    def close(self) -> None:
        """Write the last rows and the footer."""
        if self._rows:
            self._flush()
        self._writer.close()

    def _flush(self) -> None:
        self._writer.write_table(pa.Table.from_pylist(self._rows, schema=SCHEMA))
        self._rows, self._chars = [], 0


def _value(name: str, value: Any) -> Any:
    if name in _AS_JSON:
        return json_of(value).decode()
    if value is not None and _TYPES.get(name) == _MOMENT:
        return datetime.fromisoformat(value)
    return _storable(value) if isinstance(value, str) else value


def _storable(text: str) -> str:
    """Parquet's strings are UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()
