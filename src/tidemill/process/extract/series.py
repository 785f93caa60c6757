"""The occurrences of an event that comes back: what RRULE and RDATE give, without what EXDATE takes away.

Comes in: an event, its start, and the moments of its series that have events of their own; goes out: start times.
Called by `ical`.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, tzinfo
from itertools import islice

from icalendar.prop import vRecur

from tidemill.process.extract.calendar_parts import Event
from tidemill.process.extract.recurrence import unroll
from tidemill.process.extract.recurrence_rule import Budget, Rule, parse_rule
from tidemill.process.extract.zones import in_zone

MAX_OCCURRENCES = 500
"""From the start of a series; what depends on today would make every calendar new every day."""

STEPS_OF_EVENT = 30_000
"""Days and times looked at for one series: some 50 ms."""

STEPS_OF_CALENDAR = 1_000_000


def rule_of(event: Event) -> str | None:
    """The RRULE as it is written; `None` if there is none, or none that can be understood."""
    value = event.value("RRULE")
    if not isinstance(value, vRecur):
        return None
    try:
        text = str(value.to_ical(), "utf-8")  # type: ignore[no-untyped-call]
        parse_rule(text)
    except (
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        OverflowError,
    ):  # The library keeps what it cannot write.
        return None
    return text


def occurrences(
    event: Event, start: date, clock: tzinfo, moved: Iterable[date], budget: Budget
) -> tuple[list[str], bool]:
    """The start times of the first 500 (ISO 8601), and whether there are more.

    `clock` is the zone of times without one, `moved` the RECURRENCE-IDs that have events of their own. A series keeps
    the time of day by its own clock when that changes to summer time; whole days are dates.
    """
    zone = (start.tzinfo or clock) if isinstance(start, datetime) else None
    own = Budget(min(STEPS_OF_EVENT, max(budget.left, 0)))
    granted = own.left
    taken = {_moment(each, zone) for each in (*event.times("EXDATE"), *moved)}
    found: dict[date, None] = {}
    for local in _locals(event, start, zone, own):
        moment = _moment(local, zone)
        if moment not in taken and local.date() not in taken:
            found[moment] = None
        if len(found) > MAX_OCCURRENCES:
            break
    budget.spend(granted - own.left)
    shown = [_shown(moment, zone) for moment in islice(found, MAX_OCCURRENCES)]
    return shown, len(found) > MAX_OCCURRENCES or own.is_spent


def _locals(event: Event, start: date, zone: tzinfo | None, budget: Budget) -> Iterator[datetime]:
    """RRULE and RDATE by the clock of the series, in their order."""
    first = _local(start, zone)
    text = rule_of(event)
    by_rule = unroll(_by_clock(parse_rule(text), zone), first, budget) if text else iter((first,))
    return heapq.merge(by_rule, sorted(_local(each, zone) for each in event.times("RDATE")))


def _by_clock(rule: Rule, zone: tzinfo | None) -> Rule:
    """The rule with its UNTIL by the clock of the series."""
    if rule.until is None or rule.until.tzinfo is None:
        return rule
    try:
        return replace(rule, until=(rule.until.astimezone(zone) if zone else rule.until).replace(tzinfo=None))
    except OverflowError:  # the end of all days
        return replace(rule, until=None)


def _local(each: date, zone: tzinfo | None) -> datetime:
    """A day or time by the clock of the series; a day is its midnight."""
    if not isinstance(each, datetime):
        return datetime.combine(each, time.min)
    try:
        return (each.astimezone(zone) if zone and each.tzinfo else each).replace(tzinfo=None)
    except OverflowError:
        return each.replace(tzinfo=None)


def _moment(each: date, zone: tzinfo | None) -> date:
    """What tells two occurrences apart: the moment in UTC, or of whole days the day."""
    if not isinstance(each, datetime):
        return each
    if zone is None:
        return each.date()
    try:
        return (each if each.tzinfo else in_zone(each, zone)).astimezone(UTC)
    except OverflowError:
        return each.date()


def _shown(moment: date, zone: tzinfo | None) -> str:
    return (moment.astimezone(zone) if isinstance(moment, datetime) and zone else moment).isoformat()
