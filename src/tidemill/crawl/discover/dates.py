"""When a page last changed, as listings tell it.

Comes in: the text of a `<lastmod>`, `pubDate`, `updated` …; goes out: an aware time in UTC, or `None`. Called by the
readers of sitemaps and feeds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_W3C = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?) ?(Z|[+-]\d\d(?::?\d\d)?)?)?)?)?", re.ASCII
)
_OLDEST_YEAR = 1980  # No page of the web is older: what is earlier is a placeholder or a broken clock.
_MAX_CHARS = 100


def read_w3c_time(text: str) -> datetime | None:
    """A W3C date and time (https://www.w3.org/TR/NOTE-datetime) in UTC; `None` if it is none.

    A day, month or year stands for its last moment, since what it names may change until then. A time without a zone,
    which the note does not allow but many write, counts as UTC.
    """
    found = _W3C.fullmatch(text.strip()) if len(text) <= _MAX_CHARS else None
    if found is None:
        return None
    year, month, day, clock, zone = found.groups()
    try:
        if clock is None:
            return _checked(_end(int(year), month, day))
        time = datetime.fromisoformat(f"{year}-{month}-{day}T{clock}{zone or 'Z'}")
        return _checked(time.astimezone(UTC))
    except (ValueError, OverflowError):
        return None


def read_feed_time(text: str) -> datetime | None:
    """The date of a feed's item: RFC 822 with all its old spellings, or as in `read_w3c_time`."""
    text = text.strip()
    if not text or len(text) > _MAX_CHARS:
        return None
    if text[0].isdigit() and text[:4].isdigit():
        return read_w3c_time(text)
    try:
        time = parsedate_to_datetime(text)
        return _checked(time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC))
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def latest(times: Iterable[datetime | None]) -> datetime | None:
    """The latest of the times that are known."""
    return max((time for time in times if time is not None), default=None)


def _checked(time: datetime) -> datetime | None:
    return time if time.year >= _OLDEST_YEAR else None


def _end(year: int, month: str | None, day: str | None) -> datetime:
    """The last second of a year, month or day in UTC."""
    start = datetime(year, int(month or 12), int(day or 1), tzinfo=UTC)
    if day is None:
        start = (start.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    return start.replace(hour=23, minute=59, second=59)
