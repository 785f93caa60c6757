"""Recurrence rules unrolled within bounds.

Comes in: a rule and when its series starts; goes out: times by the clock of the series, in their order. Called by the
reader of calendars, for series and for the changes of clocks that a VTIMEZONE defines.

Our own and not dateutil's: a rule that no day fulfils keeps that one busy for minutes, and nothing can stop it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, time, timedelta
from itertools import islice, product

from tidemill.process.extract.recurrence_days import completed, day_filter, periods
from tidemill.process.extract.recurrence_rule import HORIZON_YEARS, UNITS, Budget, Rule

_DAY = timedelta(days=1)
_MAX_TIMES_OF_DAY = 1_440
_COST_OF_CHOICE = 5  # what BYSETPOS costs within a day, in steps of the budget


def unroll(rule: Rule, start: datetime, budget: Budget) -> Iterator[datetime]:
    """The times of a series by its own clock: `start`, which always counts as the first, and what the rule gives.

    Ends with COUNT or UNTIL, a hundred years after the start, or when the budget is spent.
    """
    end = _end(rule, start)
    if start.replace(tzinfo=None) > end or rule.count == 0:
        return
    yield start
    given = 1
    for moment in _sets(rule, start, budget):
        if moment > end or (rule.count is not None and given >= rule.count) or budget.is_spent:
            return
        if moment > start:
            given += 1
            yield moment


def _end(rule: Rule, start: datetime) -> datetime:
    """The last moment of the series by its own clock."""
    horizon = datetime(min(start.year + HORIZON_YEARS, 9999), 12, 31)  # noqa: DTZ001 (a clock without a zone)
    return min(rule.until.replace(tzinfo=None), horizon) if rule.until is not None else horizon


def _sets(rule: Rule, start: datetime, budget: Budget) -> Iterator[datetime]:
    """The times of each period of the rule, from the one in which the series starts."""
    if rule.freq in UNITS:
        yield from _within_days(rule, start, budget)
        return
    times = _times_of_day(rule, start)
    positions = rule.numbers("BYSETPOS")
    for days in periods(completed(rule, start), start, budget):
        found: Iterable[datetime] = (datetime.combine(day, clock) for day in days for clock in times)
        if not positions:
            for moment in found:
                if not budget.spend():
                    return
                yield moment
        elif budget.spend(len(days) * len(times)):
            yield from _chosen(list(found), positions)


def _chosen(moments: list[datetime], positions: frozenset[int]) -> list[datetime]:
    """Those at the positions of BYSETPOS, which count from either end."""
    size = len(moments)
    places = {place - 1 if place > 0 else size + place for place in positions}
    return [moments[place] for place in sorted(places) if 0 <= place < size]


def _times_of_day(rule: Rule, start: datetime) -> tuple[time, ...]:
    own = {"BYHOUR": start.hour, "BYMINUTE": start.minute, "BYSECOND": start.second}
    parts = (sorted(rule.numbers(name) or {number}) for name, number in own.items())
    return tuple(time(h, m, s) for h, m, s in islice(product(*parts), _MAX_TIMES_OF_DAY))


def _within_days(rule: Rule, start: datetime, budget: Budget) -> Iterator[datetime]:
    """The times of a series that comes back within the day."""
    step = UNITS[rule.freq] * rule.interval
    allows = day_filter(rule)
    hours, minutes, seconds = (rule.numbers(name) for name in ("BYHOUR", "BYMINUTE", "BYSECOND"))
    cost = _COST_OF_CHOICE if rule.by.get("BYSETPOS") else 1
    moment = start
    try:
        while budget.spend(cost):
            if not allows(moment.date()):
                midnight = datetime.combine(moment.date() + _DAY, time.min)
                moment += step * -(-(midnight - moment) // step)
                continue
            if not hours or moment.hour in hours:
                yield from _within_hour(rule, moment, minutes, seconds)
            moment += step
    except OverflowError:
        return


def _within_hour(rule: Rule, moment: datetime, minutes: frozenset[int], seconds: frozenset[int]) -> Iterator[datetime]:
    """The times of one hour, minute or second."""
    chosen_minutes = sorted(minutes or {moment.minute}) if rule.freq == "HOURLY" else [moment.minute]
    if rule.freq != "HOURLY" and minutes and moment.minute not in minutes:
        return
    chosen_seconds = sorted(seconds or {moment.second}) if rule.freq != "SECONDLY" else [moment.second]
    if rule.freq == "SECONDLY" and seconds and moment.second not in seconds:
        return
    moments = [moment.replace(minute=minute, second=second) for minute in chosen_minutes for second in chosen_seconds]
    positions = rule.numbers("BYSETPOS")
    yield from _chosen(moments, positions) if positions else moments
