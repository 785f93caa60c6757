"""Time zones that a calendar defines for itself (RFC 5545, 3.6.5), and the names that calendars give to known ones.

Comes in: the lines of a VTIMEZONE, or a TZID; goes out: a `tzinfo`. Called by the reader of calendars.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from itertools import islice

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from tidemill.process.extract.recurrence import unroll
from tidemill.process.extract.recurrence_rule import Budget, parse_rule
from tidemill.process.extract.zones import iana_zone

_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)(?::?(\d\d))?")
_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d))?")
_IANA_AT_END = re.compile(r"(?:Africa|America|Antarctica|Asia|Atlantic|Australia|Europe|Indian|Pacific)/[\w+\-/]+$")
_FOLD = re.compile(r"\n[ \t]")
_MAX_CHANGES = 400  # of one STANDARD or DAYLIGHT: two hundred years
_BUDGET = 10_000
_FIRST_YEAR = 1970  # Outlook's rules begin in 1601, and say the same in each year.
_ZERO = timedelta(0)


class DefinedZone(tzinfo):
    """A zone by the moments at which its offset changes."""

    def __init__(self, name: str, before: timedelta, changes: Sequence[tuple[datetime, timedelta, timedelta]]) -> None:
        self._name = name
        self._offsets = [before, *(to for _, _, to in changes)]
        self._moments = [moment for moment, _, _ in changes]  # naive, in UTC
        # By the clock: a time that a change leaves out, or that is there twice, is before it, unless `fold` is set.
        self._clock = [moment + max(old, new) for moment, old, new in changes]
        self._clock_in_fold = [moment + min(old, new) for moment, old, new in changes]

    def utcoffset(self, dt: datetime | None, /) -> timedelta:
        """See `datetime.tzinfo`."""
        if dt is None:
            return self._offsets[-1]
        return self._offsets[bisect_right(self._clock_in_fold if dt.fold else self._clock, dt.replace(tzinfo=None))]

    def dst(self, _dt: datetime | None, /) -> timedelta:
        """Nobody asks."""
        return _ZERO

    def tzname(self, _dt: datetime | None, /) -> str:
        """What the calendar calls the zone."""
        return self._name

    def fromutc(self, dt: datetime, /) -> datetime:
        """See `datetime.tzinfo`."""
        utc = dt.replace(tzinfo=None)
        place = bisect_right(self._moments, utc)
        local = utc + self._offsets[place]
        is_second = place > 0 and local < self._clock[place - 1]
        return local.replace(tzinfo=self, fold=int(is_second))


def known_zone(tzid: str) -> tzinfo | None:
    """The zone that the world knows by this name: IANA's, Windows', or IANA's at the end of a path."""
    name = tzid.strip().strip('"')
    if found := iana_zone(name):
        return found
    if name in WINDOWS_TO_OLSON:
        return iana_zone(WINDOWS_TO_OLSON[name])
    at_end = _IANA_AT_END.search(name)
    return iana_zone(at_end[0]) if at_end else None


def read_zone(lines: Iterable[str]) -> tuple[str, tzinfo | None]:
    """The TZID of a VTIMEZONE, and its zone; `None` if it cannot be read."""
    name, location, parts = _parts(lines)
    if found := (known_zone(location) if location else None):
        return name, found
    try:
        changes = sorted({change for part in parts for change in part.changes()})
        if not changes:
            return name, None
        return name, DefinedZone(name, changes[0][1], changes)
    except (ValueError, OverflowError):
        return name, None


@dataclass(slots=True)
class _Part:
    """A STANDARD or DAYLIGHT of a zone."""

    start: str = ""
    old: str = ""
    new: str = ""
    rule: str = ""
    dates: list[str] = field(default_factory=list)

    def changes(self) -> Iterator[tuple[datetime, timedelta, timedelta]]:
        """When the offset changes (in UTC), from what, to what. Raises `ValueError`, `OverflowError`."""
        old, new = _offset(self.old or self.new), _offset(self.new)
        for time in islice(self._times(_time(self.start)), _MAX_CHANGES):
            yield time - old, old, new

    def _times(self, start: datetime) -> Iterator[datetime]:
        dates = (_time(text) for text in self.dates[:_MAX_CHANGES])
        if not self.rule:
            yield from (start, *dates)
            return
        rule = parse_rule(self.rule)
        if rule.freq == "YEARLY" and rule.count is None and start.year < _FIRST_YEAR:
            start = start.replace(year=_FIRST_YEAR, day=min(start.day, 28))
            # Where the rule puts the change of that year is told by the rule alone.
            yield from islice(unroll(rule, start, Budget(_BUDGET)), 1, None)
            return
        yield from unroll(rule, start, Budget(_BUDGET))


def _parts(lines: Iterable[str]) -> tuple[str, str, list[_Part]]:
    """The TZID, the X-LIC-LOCATION and the parts of a zone."""
    names = {"TZID": "", "X-LIC-LOCATION": ""}
    parts: list[_Part] = []
    inside = False
    for line in _FOLD.sub("", "\n".join(lines)).split("\n"):
        head, _, value = line.partition(":")
        name, value = head.partition(";")[0].upper(), value.strip()
        if name in ("BEGIN", "END"):
            inside = name == "BEGIN"
            parts += [_Part()] if inside else []
        elif not inside:
            names[name] = names.get(name) or value
        else:
            _add(parts[-1], name, value)
    return names["TZID"], names["X-LIC-LOCATION"], parts


def _add(part: _Part, name: str, value: str) -> None:
    if name == "DTSTART":
        part.start = value
    elif name == "TZOFFSETFROM":
        part.old = value
    elif name == "TZOFFSETTO":
        part.new = value
    elif name == "RRULE":
        part.rule = value
    elif name == "RDATE":
        part.dates += value.split(",")[:_MAX_CHANGES]


def _offset(text: str) -> timedelta:
    found = _OFFSET.fullmatch(text)
    if found is None:
        raise ValueError(f"no offset: {text!r:.100}")
    offset = timedelta(hours=int(found[2]), minutes=int(found[3]), seconds=int(found[4] or 0))
    if offset >= timedelta(hours=24):
        raise ValueError(f"no offset: {text!r:.100}")
    return offset if found[1] == "+" else -offset


def _time(text: str) -> datetime:
    found = _TIME.match(text)
    if found is None:
        raise ValueError(f"no time: {text!r:.100}")
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
    return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 (by the clock of the zone)
