"""iCalendar (RFC 5545): one draft for each event of a calendar.

Comes in: a text/calendar page; goes out: drafts of kind `event`, with the same fields as those of `events`. Called by
the pipeline.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from hashlib import blake2b
from typing import TypeAlias

import icalendar
from icalendar.prop import vBroken, vCalAddress, vCategory, vDDDTypes, vInt, vRecur
from icalendar.timezone import tzp

from tidemill.errors import Permanent
from tidemill.models.document import Draft, Json
from tidemill.process.extract.item import plain_text
from tidemill.process.extract.metadata import web_url
from tidemill.process.extract.page import Page
from tidemill.process.extract.registry import CALENDAR, handles
from tidemill.process.extract.text import as_markdown, first_line

MAX_EVENTS = 10_000
"""Of a longer calendar the first events are taken, each with the flag `truncated`."""

_MAX_ZONES = 200
_MAX_LINES = 2_000  # of one event or zone
_CUT = frozenset(("VEVENT", "VTIMEZONE"))
_LINE_END = re.compile("\r\n?|\n")
_ESCAPED = re.compile(r"\\([,;\\])")

Lines: TypeAlias = list[str]


@dataclass(slots=True)
class _Calendar:
    """A calendar cut into its components; the library reads each by itself, so that a broken one spoils no other."""

    name: str | None = None
    zones: list[Lines] = field(default_factory=list)
    events: list[Lines] = field(default_factory=list)
    truncated: bool = False


@handles(*CALENDAR)
def extract_calendar(page: Page) -> tuple[Draft, ...]:
    """The events; of several versions of one, the last. Broken ones are left out.

    A series is one draft with its `rrule`, not unrolled; those of its events that were moved are drafts of their own.
    Raises `Permanent` (reason `bad_calendar`) if this is no calendar, or none of its events can be read.
    """
    if not page.text[:1024].lstrip("\ufeff \t\r\n").upper().startswith("BEGIN:VCALENDAR"):
        raise Permanent(f"{page.url} is no calendar: it does not begin with BEGIN:VCALENDAR", reason="bad_calendar")
    calendar = _cut(page.text)
    found: dict[str, tuple[int, Draft]] = {}
    for event in _events(calendar):
        draft = _draft(page, event, calendar)
        if draft is None:
            continue
        sequence = _sequence(event)
        if draft.item_key not in found or sequence >= found[draft.item_key][0]:
            found[draft.item_key] = sequence, draft
    if calendar.events and not found:
        raise Permanent(f"none of {len(calendar.events)} events of {page.url} can be read", reason="bad_calendar")
    return tuple(draft for _, draft in found.values())


def _cut(text: str) -> _Calendar:
    """The events and zones of a calendar as lines, without their first and last; alarms of events are left out."""
    calendar = _Calendar()
    component, depth = "", 0
    lines: Lines = []
    for line in _LINE_END.split(text):
        name, _, value = line.partition(":")
        name = name.upper()
        if name == "BEGIN" and (begun := value.strip().upper()) in _CUT:  # An unfinished one before it is given up.
            component, depth, lines = begun, 1, []
        elif not component:
            if name in {"X-WR-CALNAME", "NAME"} and calendar.name is None:
                calendar.name = _ESCAPED.sub(r"\1", value).strip() or None
        else:
            outer, depth = depth, depth + (name == "BEGIN") - (name == "END")
            if depth == 0:
                _keep(calendar, component, lines)
                component = ""
            elif len(lines) < _MAX_LINES and (component == "VTIMEZONE" or max(outer, depth) == 1):
                lines.append(line)
        if calendar.truncated:
            break
    return calendar


def _keep(calendar: _Calendar, component: str, lines: Lines) -> None:
    if component == "VTIMEZONE":
        calendar.zones += [lines] if len(calendar.zones) < _MAX_ZONES else []
    elif len(calendar.events) < MAX_EVENTS:
        calendar.events.append(lines)
    else:
        calendar.truncated = True


def _events(calendar: _Calendar) -> Iterator[icalendar.Event]:
    """The events that the library can read, in the zones that this calendar defines."""
    tzp.use_default()  # Forgets the zones of other calendars that this process has read.
    for lines in calendar.zones:
        _read(icalendar.Timezone, "VTIMEZONE", lines)
    for lines in calendar.events:
        event = _read(icalendar.Event, "VEVENT", lines)
        if isinstance(event, icalendar.Event):
            yield event


def _read(reader: type[icalendar.Component], name: str, lines: Lines) -> icalendar.Component | None:
    """A component; `None` if it is too broken to be read. The library keeps zones that it has read."""
    text = "\r\n".join((f"BEGIN:{name}", *lines, f"END:{name}", ""))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # It guesses what unusual names of zones mean, and says so.
            return reader.from_ical(text.encode("utf-8", "replace"))  # Of a `str` it would ask whether it is a file.
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError, OSError):
        return None


def _draft(page: Page, event: icalendar.Event, calendar: _Calendar) -> Draft | None:
    """The event as a draft; `None` if it has no time, or nothing that could be its title."""
    start = _time(event, "DTSTART")
    try:
        description = plain_text(_text(event, "DESCRIPTION"))
        end = _end(event, start) if start is not None else None
    except (Permanent, OverflowError):  # markup that no parser is given; the end of all days
        return None
    title = " ".join(_text(event, "SUMMARY").split()) or first_line(description)
    if start is None or not title:
        return None
    url = web_url("", _text(event, "URL"))
    fields = _fields(event, start, end, url)
    naive = any(isinstance(time, datetime) and time.tzinfo is None for time in (start, end))
    flags = (("naive_time", naive), ("truncated", calendar.truncated))
    return Draft(
        kind="event",
        item_key=_item_key(event, url or title, start),
        title=title,
        content=description,
        markdown=as_markdown(description),
        canonical_url=url,
        site_name=calendar.name,
        tags=_categories(event),
        fields=fields,
        provenance=dict.fromkeys(("title", *(("content", "markdown") if description else ()), *fields), "ical"),
        flags=(*page.charset_flags, *(flag for flag, is_so in flags if is_so)),
    )


def _fields(event: icalendar.Event, start: date, end: date | None, url: str | None) -> dict[str, Json]:
    rule = _value(event, "RRULE")
    fields: dict[str, Json] = {
        "start": start.isoformat(),
        "end": end.isoformat() if end is not None else None,
        "all_day": not isinstance(start, datetime),
        "location": " ".join(_text(event, "LOCATION").split()) or None,
        "url": url,
        "organizer": _organizer(event),
        "status": _text(event, "STATUS").lower() or None,
        "rrule": str(rule.to_ical(), "utf-8") if isinstance(rule, vRecur) else None,  # type: ignore[no-untyped-call]
    }
    return {name: value for name, value in fields.items() if value is not None}


def _end(event: icalendar.Event, start: date) -> date | None:
    """When the event ends. A whole day is its own end, as in schema.org; RFC 5545 gives the day after the last."""
    end = _time(event, "DTEND")
    length = _value(event, "DURATION")
    if end is None and isinstance(length, vDDDTypes) and isinstance(length.dt, timedelta):
        end = start + length.dt
    if isinstance(start, datetime):
        return end if isinstance(end, datetime) else None
    day = end.date() if isinstance(end, datetime) else end
    return max(start, day - timedelta(days=1)) if day is not None else None


def _value(event: icalendar.Event, name: str) -> object:
    """The first value of a property that could be read."""
    found: object = event.get(name)
    values: Iterable[object] = found if isinstance(found, list) else (found,)
    return next((value for value in values if value is not None and not isinstance(value, vBroken)), None)


def _text(event: icalendar.Event, name: str) -> str:
    value = _value(event, name)
    return value.strip() if isinstance(value, str) else ""


def _time(event: icalendar.Event, name: str) -> date | None:
    """A day or, in its zone if it has one, a time."""
    value = _value(event, name)
    return value.dt if isinstance(value, vDDDTypes) and isinstance(value.dt, date) else None


def _sequence(event: icalendar.Event) -> int:
    value = _value(event, "SEQUENCE")
    return int(value) if isinstance(value, vInt) else 0


def _organizer(event: icalendar.Event) -> str | None:
    value = _value(event, "ORGANIZER")
    if not isinstance(value, vCalAddress):
        return None
    name = value.params.get("CN")
    address = re.sub("^mailto:", "", str(value), flags=re.IGNORECASE)
    return (str(name).strip() if name else "") or address.strip() or None


def _categories(event: icalendar.Event) -> tuple[str, ...]:
    found: object = event.get("CATEGORIES")
    lists = found if isinstance(found, list) else [found]
    names = (
        _ESCAPED.sub(r"\1", str(name)).strip() for each in lists if isinstance(each, vCategory) for name in each.cats
    )
    return tuple(dict.fromkeys(name for name in names if name))


def _item_key(event: icalendar.Event, otherwise: str, start: date) -> str:
    """The same for an event in every version of its calendar."""
    identity = _text(event, "UID") or f"{otherwise}\x1f{start.isoformat()}"
    moved = _time(event, "RECURRENCE-ID")
    instance = moved.isoformat() if moved is not None else ""
    return blake2b(f"{identity}\x1f{instance}".encode("utf-8", "replace"), digest_size=12).hexdigest()
