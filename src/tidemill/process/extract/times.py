"""Times as web pages write them.

Comes in: a string; goes out: an aware `datetime`, or an ISO 8601 string with its zone. Called by the readers of
metadata and of events.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?![\d-])")
_SPACED = re.compile(r"(\d{4}-\d{1,2}-\d{1,2})\s+(\d{1,2}:\d{2}(?::\d{2})?(?:\.\d+)?)\s*([+-]\d{2}:?\d{2}|Z|UTC|GMT)?$")
_OLDEST_YEAR = 1900


def parse_time(text: str) -> datetime | None:
    """The time that `text` (ISO 8601, RFC 2822 or near to them) means, naive if it has no zone; `None` if unreadable.

    A date alone is its midnight. Years before 1900 are placeholders and count as unreadable.
    """
    text = text.strip()
    found = _from_iso(text) or _from_iso(_respelled(text)) or _from_mail(text)
    if found is None and (date := _DATE.match(text)):
        found = _from_iso(f"{date[1]}-{int(date[2]):02}-{int(date[3]):02}")
    return found if found is not None and found.year >= _OLDEST_YEAR else None


def parse_aware_time(text: str) -> tuple[datetime | None, bool]:
    """The time in UTC, and whether a zone had to be assumed (a time of day without one is read as UTC)."""
    found = parse_time(text)
    if found is None:
        return None, False
    if found.tzinfo is not None:
        return _to_utc(found), False
    return found.replace(tzinfo=UTC), not _is_date(text)


def iso_with_zone(text: str) -> tuple[str | None, bool]:
    """`text` as ISO 8601 in the zone it was written in, and whether it has none.

    A date stays a date. A time without a zone stays as it was written: nobody can know which it means.
    """
    found = parse_time(text)
    if found is None:
        return None, False
    if _is_date(text):
        return found.date().isoformat(), False
    if found.tzinfo is None:
        return text.strip(), True
    return found.isoformat(), False


def _is_date(text: str) -> bool:
    date = _DATE.match(text.strip())
    return date is not None and date.end() == len(text.strip())


def _to_utc(time: datetime) -> datetime | None:
    try:
        return time.astimezone(UTC)
    except OverflowError:
        return None


def _respelled(text: str) -> str:
    spaced = _SPACED.match(text)
    if spaced is None:
        return text
    zone = "+00:00" if spaced[3] in ("Z", "UTC", "GMT") else spaced[3] or ""
    return f"{spaced[1]}T{spaced[2]:0>5}{zone}"


def _from_iso(text: str) -> datetime | None:
    if not text[:4].isdecimal() or not text.isascii():
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _from_mail(text: str) -> datetime | None:
    if not text[:1].isalpha() and "," not in text[:5]:
        return None
    try:
        return parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
