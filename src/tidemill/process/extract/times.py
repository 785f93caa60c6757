"""Times as web pages write them.

Comes in: a string, and the zone of times that are written without one; goes out: an aware `datetime`, or an ISO 8601
string with its zone. Called by the readers of metadata, events, items, selectors and feeds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from tidemill.process.extract.spelled import read_spelled
from tidemill.process.extract.zones import in_zone, named_zone, zone_of

__all__ = ["ZONE_ASSUMED", "iso_with_zone", "parse_aware_time", "parse_time", "zone_of"]

ZONE_ASSUMED = "zone_assumed"
"""The flag of a draft in which a time was written without a zone, and read in that of the source, or else in UTC."""

_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?![\d-])")
_BARE_DATE = re.compile(r"\d{8}|\d{4}-\d{2}-\d{2}|\d{4}-?W\d{2}(?:-?\d)?")
_OLDEST_YEAR = 1900
_MAX_CHARS = 200  # What is longer is no time; but a date at its beginning is.


@dataclass(frozen=True, slots=True)
class _Read:
    """A time, naive if it was written so, or a day."""

    time: datetime
    is_date: bool = False


def parse_time(text: str) -> datetime | None:
    """The time that `text` means, naive if it has no zone; `None` if unreadable.

    Read are ISO 8601, RFC 5322, RFC 9557 (`…[Europe/Madrid]`), and dates with the names of months in six languages. A
    date alone is its midnight. Years before 1900 are placeholders and count as unreadable.
    """
    found = _read(text, None)
    return found.time if found is not None else None


def parse_aware_time(text: str, zone: tzinfo | None = None) -> tuple[datetime | None, bool]:
    """The time in UTC, and whether a zone had to be assumed: a time without one is read in `zone`, or else in UTC.

    A date is its midnight in UTC, whatever the zone, so that it stays the same date.
    """
    found = _read(text, zone)
    if found is None:
        return None, False
    if found.is_date:
        return found.time.replace(tzinfo=UTC), False
    assumed = found.time.tzinfo is None
    try:
        return (in_zone(found.time, zone or UTC) if assumed else found.time).astimezone(UTC), assumed
    except OverflowError:
        return None, False


def iso_with_zone(text: str, zone: tzinfo | None = None) -> tuple[str | None, bool]:
    """`text` as ISO 8601 in the zone it was written in, and whether that had to be assumed: `zone`, or else UTC.

    A date stays a date.
    """
    found = _read(text, zone)
    if found is None:
        return None, False
    if found.is_date:
        return found.time.date().isoformat(), False
    assumed = found.time.tzinfo is None
    try:
        return (in_zone(found.time, zone or UTC) if assumed else found.time).isoformat(), assumed
    except OverflowError:
        return None, False


def _read(text: str, zone: tzinfo | None) -> _Read | None:
    """What is written, with the zone that is written; `zone` only decides which of its meanings an abbreviation has."""
    text = text[:_MAX_CHARS].strip()
    found = _from_iso(text) or _from_words(text, zone) or _leading_date(text)
    return found if found is not None and found.time.year >= _OLDEST_YEAR else None


def _from_iso(text: str) -> _Read | None:
    if not text[:4].isdecimal() or not text.isascii():
        return None
    try:
        return _Read(datetime.fromisoformat(text), _BARE_DATE.fullmatch(text) is not None)
    except ValueError:
        return None


def _from_words(text: str, zone: tzinfo | None) -> _Read | None:
    spelled = read_spelled(text)
    if spelled is None:
        return None
    if spelled.is_date or not spelled.zone:
        return _Read(spelled.time, spelled.is_date)
    meant = named_zone(spelled.zone, spelled.time, zone)
    try:
        return _Read(in_zone(spelled.time, meant) if meant is not None else spelled.time)
    except OverflowError:
        return None


def _leading_date(text: str) -> _Read | None:
    """The date with which a text begins, whatever follows."""
    date = _DATE.match(text)
    found = _from_iso(f"{date[1]}-{int(date[2]):02}-{int(date[3]):02}") if date else None
    return _Read(found.time, is_date=True) if found else None
