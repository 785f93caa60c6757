"""iCalendar (RFC 5545): one draft for each event of a calendar.

Comes in: a text/calendar page; goes out: drafts of kind `event`, with the same fields as those of `events`. Called by
the pipeline.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from hashlib import blake2b

from tidemill.errors import Permanent
from tidemill.models.document import Draft, Json, origin
from tidemill.process.extract.calendar_parts import Calendar, Event, cut, events_of
from tidemill.process.extract.fragments import plain_text
from tidemill.process.extract.links import web_url
from tidemill.process.extract.page import Page
from tidemill.process.extract.recurrence_rule import Budget
from tidemill.process.extract.registry import CALENDAR, handles
from tidemill.process.extract.series import STEPS_OF_CALENDAR, occurrences, rule_of
from tidemill.process.extract.text import as_markdown, first_line
from tidemill.process.extract.times import ZONE_ASSUMED, zone_of
from tidemill.process.extract.zones import in_zone

_SPELLINGS = {"canceled": "cancelled"}
_PROPERTIES = {
    "title": "SUMMARY", "content": "DESCRIPTION", "markdown": "DESCRIPTION", "canonical_url": "URL",
    "site_name": "X-WR-CALNAME", "tags": "CATEGORIES", "start": "DTSTART", "end": "DTEND", "all_day": "DTSTART",
    "location": "LOCATION", "url": "URL", "organizer": "ORGANIZER", "status": "STATUS", "rrule": "RRULE",
    "occurrences": "RRULE", "occurrences_truncated": "RRULE",
}  # fmt: skip
"""From which property each value comes."""


@dataclass(slots=True)
class _Reading:
    """One calendar while its events are made into drafts."""

    page: Page
    calendar: Calendar
    clock: tzinfo
    """The zone of times without one: the source's, or the calendar's, or UTC."""
    moved: dict[str, list[date]] = field(default_factory=dict)
    """For each UID the RECURRENCE-IDs of events that were moved or cancelled."""
    titles: dict[str, str] = field(default_factory=dict)
    """For each UID the title of the series, for those of its events that bear none."""
    budget: Budget = field(default_factory=lambda: Budget(STEPS_OF_CALENDAR))


@handles(*CALENDAR)
def extract_calendar(page: Page) -> tuple[Draft, ...]:
    """The events; of several versions of one, the last. Broken ones are left out.

    A series is one draft with its `rrule` and the start times of its `occurrences`; those of its events that were moved
    or cancelled are drafts of their own. Raises `Permanent` (reason `bad_calendar`) if this is no calendar, or none of
    its events can be read.
    """
    if not page.text[:1024].lstrip("\ufeff \t\r\n").upper().startswith("BEGIN:VCALENDAR"):
        raise Permanent(f"{page.url} is no calendar: it does not begin with BEGIN:VCALENDAR", reason="bad_calendar")
    calendar = cut(page.text)
    reading = _Reading(page, calendar, zone_of(page.rules) or calendar.clock or UTC)
    events = _latest(events_of(calendar))
    for event in events:
        if (instance := event.time("RECURRENCE-ID")) is not None:
            reading.moved.setdefault(event.text("UID"), []).append(instance)
        elif event.text("UID"):
            reading.titles[event.text("UID")] = _line(event, "SUMMARY")
    drafts = {draft.item_key: draft for event in events if (draft := _draft(reading, event)) is not None}
    if calendar.events and not drafts:
        raise Permanent(f"none of {len(calendar.events)} events of {page.url} can be read", reason="bad_calendar")
    return tuple(drafts.values())


def _latest(events: Iterable[Event]) -> list[Event]:
    """Of several versions of an event that can be shown the last; each where its first version stands."""
    found: dict[str, tuple[int, Event]] = {}
    for event in events:
        key, sequence = _item_key(event), event.sequence()
        if _start(event) is not None and (key not in found or sequence >= found[key][0]):
            found[key] = sequence, event
    return [event for _, event in found.values()]


def _draft(reading: _Reading, event: Event) -> Draft | None:
    """The event as a draft; `None` if it has no time, or nothing that could be its title."""
    start = _start(event)
    try:
        description = plain_text(event.text("DESCRIPTION"))
        end = _end(event, start) if start is not None else None
        times = [_zoned(time, reading.clock) for time in (start, end)]
    except (Permanent, OverflowError):  # markup that no parser is given; the end of all days
        return None
    title = _line(event, "SUMMARY") or reading.titles.get(event.text("UID")) or first_line(description)
    if start is None or not title:
        return None
    flags = ((ZONE_ASSUMED, times != [start, end]), ("truncated", reading.calendar.truncated))
    url = web_url("", event.text("URL"))
    draft = Draft(
        kind="event",
        item_key=_item_key(event),
        title=title,
        content=description,
        markdown=as_markdown(description),
        canonical_url=url,
        site_name=reading.calendar.name,
        tags=event.categories(),
        fields={**_fields(event, times[0], times[1], url), **_series(reading, event, start)},
        flags=(*reading.page.charset_flags, *(flag for flag, is_so in flags if is_so)),
    )
    return replace(draft, provenance=_provenance(event, draft))


def _fields(event: Event, start: date | None, end: date | None, url: str | None) -> dict[str, Json]:
    status = event.text("STATUS").lower()
    fields: dict[str, Json] = {
        "start": start.isoformat() if start is not None else None,
        "end": end.isoformat() if end is not None else None,
        "all_day": not isinstance(start, datetime),
        "location": _line(event, "LOCATION") or None,
        "url": url,
        "organizer": event.organizer(),
        "status": _SPELLINGS.get(status, status) or None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _series(reading: _Reading, event: Event, start: date) -> dict[str, Json]:
    """What is said of a series only: its rule, and the start times of its first occurrences."""
    rule = rule_of(event)
    if event.time("RECURRENCE-ID") is not None or not (rule or event.times("RDATE")):
        return {}
    moved = reading.moved.get(event.text("UID"), ()) if event.text("UID") else ()
    starts, truncated = occurrences(event, start, reading.clock, moved, reading.budget)
    fields: dict[str, Json] = {"rrule": rule} if rule else {}
    return {**fields, "occurrences": list(starts), **({"occurrences_truncated": True} if truncated else {})}


def _provenance(event: Event, draft: Draft) -> dict[str, str]:
    """From which property each value comes; the title may be a line of the description."""
    named = {name for name in _PROPERTIES if name in draft.fields or getattr(draft, name, None)}
    other = {
        "title": "DESCRIPTION" if draft.title == first_line(draft.content) else "SUMMARY",
        "start": "DTSTART" if event.time("DTSTART") is not None else "RECURRENCE-ID",
        "end": "DTEND" if event.time("DTEND") is not None else "DURATION",
        "occurrences": "RRULE" if "rrule" in draft.fields else "RDATE",
    }
    return {name: origin("ical", "1", other.get(name, _PROPERTIES[name])) for name in _PROPERTIES if name in named}


def _line(event: Event, name: str) -> str:
    return " ".join(event.text(name).split())


def _start(event: Event) -> date | None:
    """When it starts. One that was cancelled may say only which of its series it is."""
    start = event.time("DTSTART")
    return start if start is not None else event.time("RECURRENCE-ID")


def _end(event: Event, start: date) -> date | None:
    """When the event ends. A whole day is its own end, as in schema.org; RFC 5545 gives the day after the last."""
    end = event.time("DTEND")
    length = event.duration()
    if end is None and length is not None:
        end = _later(start, length)
    if isinstance(start, datetime):
        return end if isinstance(end, datetime) else None
    day = end.date() if isinstance(end, datetime) else end
    return max(start, day - timedelta(days=1)) if day is not None else None


def _later(start: date, length: timedelta) -> date:
    """Days are added by the clock, hours as they pass (RFC 5545, 3.8.2.5). Raises `OverflowError`."""
    if not isinstance(start, datetime) or start.tzinfo is None:
        return start + length
    moved = in_zone(start.replace(tzinfo=None) + timedelta(days=length.days), start.tzinfo)
    return (moved.astimezone(UTC) + timedelta(seconds=length.seconds)).astimezone(start.tzinfo)


def _zoned(time: date | None, clock: tzinfo) -> date | None:
    """A time with a zone; a day stays a day. Raises `OverflowError`."""
    return in_zone(time, clock) if isinstance(time, datetime) and time.tzinfo is None else time


def _item_key(event: Event) -> str:
    """The same for an event in every version of its calendar."""
    start, instance = _start(event), event.time("RECURRENCE-ID")
    identity = event.text("UID")
    if not identity:
        name = web_url("", event.text("URL")) or _line(event, "SUMMARY")
        identity = f"{name or event.text('DESCRIPTION')}\x1f{start.isoformat() if start is not None else ''}"
    moved = instance.isoformat() if instance is not None else ""
    return blake2b(f"{identity}\x1f{moved}".encode("utf-8", "replace"), digest_size=12).hexdigest()
