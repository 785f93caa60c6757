"""Where in the file the bodies lie that revisit records point back to.

Records with bodies are remembered by hashes of what revisits name them by; a revisit gets its original read again from
the file, so memory holds offsets, not bodies. Called by `read`; `index` shares the names.
"""

from __future__ import annotations

from tidemill.archive.warc.faults import UNRESOLVED_REVISIT, BadRecord
from tidemill.archive.warc.records import Record, RecordReader

REMEMBERED = 500_000  # three for each record; about 60 MB


class Originals:
    """The records with bodies seen so far, the latest half million names of them. `usable`: the file can be sought."""

    def __init__(self, records: RecordReader, *, usable: bool) -> None:
        self._records = records
        self._usable = usable
        self._offsets: dict[int, int] = {}

    def remember(self, record: Record) -> None:
        """Keep the place of a `response` or `resource`."""
        if record.offset is None or not self._usable:
            return
        for name in own_names(record):
            self._offsets[hash(name)] = record.offset
            if len(self._offsets) > REMEMBERED:
                del self._offsets[next(iter(self._offsets))]

    def of(self, revisit: Record) -> Record:
        """The record whose body a revisit saw again. Raises `BadRecord` (`unresolved_revisit`)."""
        for name in names_of_original(revisit):
            offset = self._offsets.get(hash(name))
            original = self._records.again(offset) if offset is not None else None
            if original is not None and name in own_names(original):
                return original
        raise BadRecord(UNRESOLVED_REVISIT)


def own_names(record: Record) -> list[tuple[str, ...]]:
    """What a revisit may call this record, the surest first."""
    return _names(
        record.field("warc-target-uri"),
        record.field("warc-date"),
        record.field("warc-record-id"),
        record.field("warc-payload-digest"),
    )


def names_of_original(revisit: Record) -> list[tuple[str, ...]]:
    """What a revisit calls the record whose body it saw again, the surest first."""
    return _names(
        revisit.field("warc-refers-to-target-uri"),
        revisit.field("warc-refers-to-date"),
        revisit.field("warc-refers-to"),
        revisit.field("warc-payload-digest"),
    )


def _names(url: str, date: str, record_id: str, digest: str) -> list[tuple[str, ...]]:
    names: list[tuple[str, ...]] = []
    if url and date:
        names.append(("capture", url, date))
    if record_id:
        names.append(("record", record_id))
    if digest:
        names.append(("payload", digest.lower()))
    return names
