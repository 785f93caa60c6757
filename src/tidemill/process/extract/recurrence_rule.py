"""Recurrence rules (RFC 5545, 3.3.10) as they are written, and how long one is followed.

Comes in: the text of an RRULE; goes out: its parts, checked. Called by the reader of calendars and by `unroll`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_BY_DAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)")
_UNTIL = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)(Z?))?")
_RANGES = {
    "BYSECOND": (0, 59), "BYMINUTE": (0, 59), "BYHOUR": (0, 23), "BYMONTH": (1, 12),
    "BYMONTHDAY": (-31, 31), "BYYEARDAY": (-366, 366), "BYWEEKNO": (-53, 53), "BYSETPOS": (-366, 366),
}  # fmt: skip
UNITS = {"HOURLY": timedelta(hours=1), "MINUTELY": timedelta(minutes=1), "SECONDLY": timedelta(seconds=1)}
_FREQUENCIES = frozenset(("YEARLY", "MONTHLY", "WEEKLY", "DAILY", *UNITS))
_MAX_INTERVAL = 100_000
HORIZON_YEARS = 100


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as it is written. `until` is naive if it is by the clock of the series; a day is its last moment."""

    freq: str
    interval: int
    count: int | None
    until: datetime | None
    by: dict[str, frozenset[int]]
    by_day: frozenset[tuple[int, int]]
    """Which (0: each) and the day of the week, Monday being 0."""
    week_start: int

    def numbers(self, name: str) -> frozenset[int]:
        """The numbers of one BY… part; empty if there is none."""
        return self.by.get(name, frozenset())


@dataclass(slots=True)
class Budget:
    """How many days or times may still be looked at. What it cuts short is known by `is_spent`."""

    left: int

    @property
    def is_spent(self) -> bool:
        """Whether something was left out because of it."""
        return self.left < 0

    def spend(self, steps: int = 1) -> bool:
        """Whether the next steps may still be done."""
        self.left -= steps
        return self.left >= 0


def parse_rule(text: str) -> Rule:
    """The rule that `text` (`FREQ=WEEKLY;BYDAY=MO`) says. Raises `ValueError` if it is none."""
    parts = {name.strip().upper(): value.strip().upper() for name, _, value in _pairs(text)}
    freq = parts.get("FREQ", "")
    if freq not in _FREQUENCIES:
        raise ValueError(f"no frequency: {text!r:.200}")
    interval = int(parts.get("INTERVAL", "1"))
    week_start = parts.get("WKST", "MO")
    return Rule(
        freq=freq,
        interval=min(max(interval, 1), _MAX_INTERVAL),
        count=int(parts["COUNT"]) if "COUNT" in parts else None,
        until=_until(parts["UNTIL"]) if "UNTIL" in parts else None,
        by={name: _numbers(parts[name], *_RANGES[name]) for name in _RANGES if parts.get(name)},
        by_day=_by_day(parts.get("BYDAY", "")),
        week_start=_DAYS.index(week_start) if week_start in _DAYS else 0,
    )


def ends(rule: Rule) -> bool:
    """Whether the series ends by itself."""
    return rule.count is not None or rule.until is not None


def _pairs(text: str) -> Iterator[tuple[str, str, str]]:
    return (part.partition("=") for part in text.split(";") if part.strip())


def _numbers(text: str, least: int, most: int) -> frozenset[int]:
    """Numbers parted by commas. Raises `ValueError` if none of them may stand there."""
    numbers = (int(part) for part in text.split(",") if part.strip())
    found = frozenset(each for each in numbers if least <= each <= most and (each or least == 0))
    if not found:
        raise ValueError(f"no number from {least} to {most}: {text!r:.200}")
    return found


def _by_day(text: str) -> frozenset[tuple[int, int]]:
    """Days of the week, each with its number in its month or year. Raises `ValueError`."""
    found = [_BY_DAY.fullmatch(part.strip()) for part in text.split(",") if part.strip()]
    if None in found:
        raise ValueError(f"no days of the week: {text!r:.200}")
    return frozenset((int(each[1] or 0), _DAYS.index(each[2])) for each in found if each)


def _until(text: str) -> datetime:
    found = _UNTIL.fullmatch(text)
    if found is None:
        raise ValueError(f"no time: UNTIL={text!r:.200}")
    *parts, mark = found.groups()
    numbers = [int(part) if part else None for part in parts]
    year, month, day, hour, minute, second = numbers
    return datetime(
        year or 0, month or 0, day or 0, 23 if hour is None else hour, 59 if minute is None else minute,
        59 if second is None else min(second, 59), tzinfo=UTC if mark else None,
    )  # fmt: skip
