"""Where in some WARC files the latest response of each URL lies.

Paths come in; single responses go out, read again from their files when they are asked for. Called by the `warc`
source. Memory holds two numbers for each URL, never bodies.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tidemill.archive.warc.entry import WarcEntry, parse_warc_date, safe_url
from tidemill.archive.warc.faults import (
    BAD_DATE,
    BAD_ENCODING,
    BAD_RECORD,
    NOT_HTTP,
    NOT_MODIFIED,
    SEGMENTED,
    TOO_LARGE,
    UNRESOLVED_REVISIT,
    BadRecord,
)
from tidemill.archive.warc.originals import REMEMBERED, names_of_original, own_names
from tidemill.archive.warc.read import block_limit, entry_of, unreadable
from tidemill.archive.warc.records import Record, RecordReader, record_at
from tidemill.errors import Invalid, Permanent
from tidemill.models.url import url_key

_OFFSET_BITS = 48
_PLACE_BITS = 64
_MOST_WAITING = 100_000
_MICROSECOND = 1_000_000
_BEGINNING_OF_TIME = datetime(1, 1, 1, tzinfo=UTC)
_STATUS_304 = re.compile(rb"HTTP/\d(?:\.\d)?[ \t]+304\b")


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A revisit whose original comes later, or in a later file: what it calls that, by hash, and its own place."""

    names: tuple[int, ...]
    place: int
    hashed: int
    rank: int


class WarcIndex:
    """The responses in `paths`, by `url_key`; of several of one URL the latest counts, of equal dates the last read.

    `skipped` counts by reason what is not in the index, `faults` are the files of which something could not be read,
    and why. Bodies are at most `max_body_bytes`, decoded. Building it reads all files once; it blocks.
    """

    def __init__(self, paths: Sequence[Path], *, max_body_bytes: int) -> None:
        self._paths = tuple(paths)
        self._max_body_bytes = max_body_bytes
        self._latest: dict[int, int] = {}  # hash of the key → date, file and offset in one number: the largest wins
        self._originals: dict[int, int] = {}  # place of a revisit → place of the record with its body
        self.skipped: Counter[str] = Counter()
        self.faults: dict[Path, Exception] = {}
        self._build()

    def __len__(self) -> int:
        return len(self._latest)

    def entry(self, key: str) -> WarcEntry | None:
        """The latest response of a canonical URL, if there is one.

        Raises `Permanent` (`too_large`, `bad_encoding`, `bad_record`) if its record cannot be used, and `OSError`.
        """
        found = self._latest.get(hash(key))
        if found is None:
            return None
        place = found & ((1 << _PLACE_BITS) - 1)
        try:
            record = self._record(place)
            entry = entry_of(record, lambda revisit: self._original(revisit, place), self._max_body_bytes)
        except BadRecord as bad:
            raise self._unusable(key, place, bad) from bad
        return entry if _key(record) == key else None

    def _build(self) -> None:
        names: dict[int, int] = {}
        waiting: list[_Waiting] = []
        for number, path in enumerate(self._paths):
            try:
                self._add_file(path, number << _OFFSET_BITS, names, waiting)
            except (Permanent, OSError) as error:
                self.faults[path] = error
        for revisit in waiting:
            if not self._add_revisit(revisit, names):
                self.skipped[UNRESOLVED_REVISIT] += 1

    def _add_file(self, path: Path, first: int, names: dict[int, int], waiting: list[_Waiting]) -> None:
        with path.open("rb") as source:
            limit = block_limit(self._max_body_bytes)
            records = RecordReader(source, max_block_bytes=limit, skipped=self.skipped, heads_only=True)
            for record in records:
                try:
                    self._add(record, first + _offset(record, path), names, waiting)
                except BadRecord as bad:
                    self.skipped[bad.why] += 1
            if not records.read:
                raise unreadable(source, records.first_fault)

    def _add(self, record: Record, place: int, names: dict[int, int], waiting: list[_Waiting]) -> None:
        if record.kind != "revisit":
            _remember(record, place, names)
        hashed, rank = hash(_key(record)), (_date(record) << _PLACE_BITS) + place
        if record.kind != "revisit":
            self._latest[hashed] = max(self._latest.get(hashed, 0), rank)
            return
        revisit = _Waiting(tuple(map(hash, names_of_original(record))), place, hashed, rank)
        if self._add_revisit(revisit, names):
            return
        if len(waiting) == _MOST_WAITING:
            raise BadRecord(UNRESOLVED_REVISIT)
        waiting.append(revisit)

    def _add_revisit(self, revisit: _Waiting, names: dict[int, int]) -> bool:
        """Whether the record with the body of this revisit is known."""
        original = next((names[name] for name in revisit.names if name in names), None)
        if original is None:
            return False
        self._originals[revisit.place] = original
        self._latest[revisit.hashed] = max(self._latest.get(revisit.hashed, 0), revisit.rank)
        return True

    def _original(self, revisit: Record, place: int) -> Record:
        original = self._record(self._originals[place])
        if not set(own_names(original)) & set(names_of_original(revisit)):
            raise BadRecord(UNRESOLVED_REVISIT)
        return original

    def _record(self, place: int) -> Record:
        number, offset = divmod(place, 1 << _OFFSET_BITS)
        with self._paths[number].open("rb") as source:
            return record_at(source, offset, max_block_bytes=block_limit(self._max_body_bytes))

    def _unusable(self, key: str, place: int, bad: BadRecord) -> Permanent:
        number, offset = divmod(place, 1 << _OFFSET_BITS)
        reason = bad.why if bad.why in (TOO_LARGE, BAD_ENCODING) else BAD_RECORD
        return Permanent(
            f"the record of {key} at byte {offset} of {self._paths[number]} cannot be used ({bad.why});"
            + (" raise net.max_body_bytes" if bad.why == TOO_LARGE else " mend the file, or leave the page out"),
            reason=reason,
        )


def list_urls(
    path: Path, *, offset: int, limit: int, skipped: Counter[str] | None = None
) -> tuple[list[str], int | None]:
    """The URLs of the responses in a file, in its order, each once, from the record at `offset` on.

    At most `limit` of them, and the offset at which to go on, if there are more. Raises `Permanent` (`bad_warc`,
    `warc_not_seekable`) and `OSError`.
    """
    counts: Counter[str] = Counter() if skipped is None else skipped
    urls: dict[str, None] = {}
    with path.open("rb") as source:
        source.seek(offset)
        records = RecordReader(source, max_block_bytes=0, skipped=counts, heads_only=True)
        for record in records:
            here = _offset(record, path)
            try:
                _key(record)
            except BadRecord as bad:
                counts[bad.why] += 1
                continue
            url = safe_url(record.field("warc-target-uri"))
            if len(urls) == limit and url not in urls:
                return list(urls), here
            urls[url] = None
        if not records.read and not offset:
            raise unreadable(source, records.first_fault)
    return list(urls), None


def _remember(record: Record, place: int, names: dict[int, int]) -> None:
    for name in own_names(record):
        names[hash(name)] = place
        if len(names) > REMEMBERED:
            del names[next(iter(names))]


def _offset(record: Record, path: Path) -> int:
    if record.offset is None:
        raise Permanent(
            f"{path} is compressed as a whole, so that no page in it can be found;"
            f" compress it record by record: warcio recompress {path.name} new.warc.gz",
            reason="warc_not_seekable",
        )
    return record.offset


def _key(record: Record) -> str:
    """The canonical URL of a response. Raises `BadRecord` if it is no page of the web, or none at all."""
    if "warc-segment-number" in record.fields:
        raise BadRecord(SEGMENTED)
    if record.kind == "response" and _STATUS_304.match(record.block):
        raise BadRecord(NOT_MODIFIED)
    try:
        return url_key(safe_url(record.field("warc-target-uri")))
    except Invalid as error:
        raise BadRecord(NOT_HTTP) from error


def _date(record: Record) -> int:
    """When it was fetched, in microseconds."""
    at = parse_warc_date(record.field("warc-date"))
    if at is None:
        raise BadRecord(BAD_DATE)
    since = at - _BEGINNING_OF_TIME
    return (since.days * 86_400 + since.seconds) * _MICROSECOND + since.microseconds
