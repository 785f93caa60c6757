"""A calendar cut into its events and zones, and the properties of an event as plain values.

Comes in: the text of a calendar; goes out: events of the icalendar library, read one by one so that a broken one spoils
no other, and what is in them. Called by `ical`.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import TypeAlias

import icalendar
from icalendar.prop import vBroken, vCalAddress, vCategory, vDDDLists, vDDDTypes, vInt

from tidemill.process.extract.vtimezone import known_zone, read_zone
from tidemill.process.extract.zones import in_zone

MAX_EVENTS = 10_000
"""Of a longer calendar the first events are taken, each with the flag `truncated`."""

_MAX_ZONES = 200
_MAX_LINES = 2_000  # of one event or zone
_MAX_CHARS = 500_000  # of one event or zone
_MAX_DATES = 2_000
_CUT = frozenset(("VEVENT", "VTIMEZONE"))
_LINE_END = re.compile("\r\n?|\n")
_ESCAPED = re.compile(r"\\([,;\\])")

Lines: TypeAlias = list[str]


@dataclass(slots=True)
class Calendar:
    """A calendar cut into its components, and the zones of its times."""

    name: str | None = None
    clock: tzinfo | None = None
    """The zone of times without one, as the calendar says (X-WR-TIMEZONE)."""
    zones: dict[str, tzinfo | None] = field(default_factory=dict)
    events: list[Lines] = field(default_factory=list)
    truncated: bool = False
    cancels: bool = False

    def zone(self, tzid: str) -> tzinfo | None:
        """The zone of that name; what the world knows is not redefined."""
        if tzid not in self.zones or self.zones[tzid] is None or known_zone(tzid) is not None:
            self.zones[tzid] = known_zone(tzid)
        return self.zones[tzid]


def cut(text: str) -> Calendar:
    """The events and zones of a calendar as lines, without their first and last; alarms of events are left out."""
    calendar = Calendar()
    component, depth, size = "", 0, 0
    lines: Lines = []
    for line in _LINE_END.split(text):
        name, _, value = line[:_MAX_CHARS].partition(":")
        name = name.upper()
        if name == "BEGIN" and (begun := value.strip().upper()) in _CUT:  # An unfinished one before it is given up.
            component, depth, size, lines = begun, 1, 0, []
        elif not component:
            _says(calendar, name.partition(";")[0], value)
        else:
            outer, depth = depth, depth + (name == "BEGIN") - (name == "END")
            if depth == 0:
                _keep(calendar, component, lines)
                component = ""
            elif len(lines) < _MAX_LINES and (component == "VTIMEZONE" or max(outer, depth) == 1):
                lines.append(line[: _MAX_CHARS - size])
                size += len(lines[-1])
        if calendar.truncated:
            break
    return calendar


def _says(calendar: Calendar, name: str, value: str) -> None:
    """What is said of the calendar itself."""
    if name in {"X-WR-CALNAME", "NAME"} and calendar.name is None:
        calendar.name = _ESCAPED.sub(r"\1", value).strip() or None
    elif name == "X-WR-TIMEZONE" and calendar.clock is None:
        calendar.clock = known_zone(value)
    elif name == "METHOD":
        calendar.cancels = value.strip().upper() == "CANCEL"
    elif name == "BEGIN" and value.strip().upper() == "VCALENDAR":
        calendar.cancels = False


def _keep(calendar: Calendar, component: str, lines: Lines) -> None:
    if component == "VTIMEZONE":
        if len(calendar.zones) < _MAX_ZONES:
            name, zone = read_zone(lines)
            calendar.zones.setdefault(name, zone)
    elif len(calendar.events) < MAX_EVENTS:
        calendar.events.append(["STATUS:CANCELLED", *lines] if calendar.cancels else lines)
    else:
        calendar.truncated = True


def events_of(calendar: Calendar) -> Iterator[Event]:
    """The events that the library can read."""
    for lines in calendar.events:
        found = _read("\r\n".join(("BEGIN:VEVENT", *lines, "END:VEVENT", "")))
        if isinstance(found, icalendar.Event):
            yield Event(found, calendar)


def _read(text: str) -> icalendar.Component | None:
    """The component; `None` if it is too broken to be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # It guesses what unusual names of zones mean, and says so.
            return icalendar.Event.from_ical(
                text.encode("utf-8", "replace")
            )  # Of a `str` it asks whether it is a file.
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError, OSError):
        return None


@dataclass(slots=True)
class Event:
    """One event, and the zones of the calendar that it stands in."""

    raw: icalendar.Event
    calendar: Calendar

    def value(self, name: str) -> object:
        """The first value of a property that could be read."""
        return next(self._values(name), None)

    def text(self, name: str) -> str:
        """A text without its margins; empty if there is none."""
        value = self.value(name)
        return value.strip() if isinstance(value, str) else ""

    def time(self, name: str) -> date | None:
        """A day or a time, by the clock of its zone; naive if it says none, or one that nobody knows."""
        value = self.value(name)
        return self._zoned(value) if isinstance(value, vDDDTypes) else None

    def times(self, name: str) -> list[date]:
        """All days and times of RDATE or EXDATE; of a period its start."""
        lists = (value for value in self._values(name) if isinstance(value, vDDDLists))
        found = (self._zoned(each) for dates in lists for each in dates.dts[:_MAX_DATES])
        return [time for time in found if time is not None][:_MAX_DATES]

    def duration(self) -> timedelta | None:
        """DURATION."""
        value = self.value("DURATION")
        return value.dt if isinstance(value, vDDDTypes) and isinstance(value.dt, timedelta) else None

    def sequence(self) -> int:
        """Which revision of the event this is."""
        value = self.value("SEQUENCE")
        return int(value) if isinstance(value, vInt) else 0

    def organizer(self) -> str | None:
        """Name, or else address, of who holds it."""
        value = self.value("ORGANIZER")
        if not isinstance(value, vCalAddress):
            return None
        name = value.params.get("CN")
        address = re.sub("^mailto:", "", str(value), flags=re.IGNORECASE)
        return (str(name).strip() if name else "") or address.strip() or None

    def categories(self) -> tuple[str, ...]:
        """All of them, each once."""
        lists = (value for value in self._values("CATEGORIES") if isinstance(value, vCategory))
        names = (_ESCAPED.sub(r"\1", str(name)).strip() for each in lists for name in each.cats)
        return tuple(dict.fromkeys(name for name in names if name))

    def _values(self, name: str) -> Iterator[object]:
        found: object = self.raw.get(name)
        values: Iterable[object] = found if isinstance(found, list) else (found,)
        return (value for value in values if value is not None and not isinstance(value, vBroken))

    def _zoned(self, value: vDDDTypes) -> date | None:
        found: object = value.dt
        if isinstance(found, tuple):
            found = found[0]
        if not isinstance(found, datetime):
            return found if isinstance(found, date) else None
        if found.tzinfo is not None and found.utcoffset() == timedelta(0) and _is_utc(found.tzinfo):
            return found.astimezone(UTC)
        tzid = value.params.get("TZID")
        zone = self.calendar.zone(str(tzid)) if tzid else None
        try:
            return in_zone(found.replace(tzinfo=None), zone) if zone is not None else found.replace(tzinfo=None)
        except OverflowError:
            return None


def _is_utc(zone: tzinfo) -> bool:
    return zone is UTC or str(zone) in ("UTC", "Etc/UTC")
