"""The days of a recurrence rule: which of each year, month, week or day it allows.

Comes in: a rule and when its series starts; goes out: lists of days, one for each period. Called by `unroll`.
"""

from __future__ import annotations

from calendar import isleap, monthrange
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta

from tidemill.process.extract.recurrence_rule import HORIZON_YEARS, Budget, Rule

_DAY = timedelta(days=1)


def completed(rule: Rule, start: datetime) -> Rule:
    """The rule with what it does not say taken from the start of its series."""
    by, by_day = dict(rule.by), rule.by_day
    has_day = by_day or any(name in by for name in ("BYMONTHDAY", "BYYEARDAY"))
    if rule.freq == "WEEKLY" or (rule.freq == "YEARLY" and "BYWEEKNO" in by):
        by_day = by_day if has_day else frozenset({(0, start.weekday())})
    elif rule.freq in ("MONTHLY", "YEARLY") and not has_day:
        by["BYMONTHDAY"] = frozenset({start.day})
        if rule.freq == "YEARLY":
            by.setdefault("BYMONTH", frozenset({start.month}))
    return Rule(rule.freq, rule.interval, rule.count, rule.until, by, by_day, rule.week_start)


def periods(rule: Rule, start: datetime, budget: Budget) -> Iterator[list[date]]:
    """The days of each period that the rule allows."""
    walk = {"YEARLY": _years, "MONTHLY": _months, "WEEKLY": _weeks, "DAILY": _single_days}[rule.freq]
    allows = day_filter(rule)
    try:
        for days in walk(rule, start.date()):
            if not budget.spend(len(days) + 1):
                return
            yield [day for day in days if allows(day)]
    except (OverflowError, ValueError):  # The calendar ends with the year 9999.
        return


def _years(rule: Rule, first: date) -> Iterator[list[date]]:
    months = sorted(rule.numbers("BYMONTH")) or range(1, 13)
    weeks = rule.numbers("BYWEEKNO")
    for year in range(first.year, first.year + HORIZON_YEARS + 1, rule.interval):
        yield _weeks_of(year, weeks, rule.week_start) if weeks else [day for m in months for day in _month(year, m)]


def _weeks_of(year: int, numbers: frozenset[int], week_start: int) -> list[date]:
    """The days of some weeks of a year, of which the first is the first with four days in it."""
    first, following = (fourth - _DAY * ((fourth.weekday() - week_start) % 7) for fourth in _fourths(year))
    count = (following - first).days // 7
    weeks = sorted({number if number > 0 else count + 1 + number for number in numbers})
    return [first + _DAY * (7 * week - 7 + day) for week in weeks if 0 < week <= count for day in range(7)]


def _fourths(year: int) -> tuple[date, date]:
    return date(year, 1, 4), date(year + 1, 1, 4)


def _months(rule: Rule, first: date) -> Iterator[list[date]]:
    allowed = rule.numbers("BYMONTH")
    for number in range(first.year * 12 + first.month - 1, (first.year + HORIZON_YEARS + 1) * 12, rule.interval):
        year, month = divmod(number, 12)
        yield _month(year, month + 1) if not allowed or month + 1 in allowed else []


def _month(year: int, month: int) -> list[date]:
    return [date(year, month, day) for day in range(1, monthrange(year, month)[1] + 1)]


def _weeks(rule: Rule, first: date) -> Iterator[list[date]]:
    monday = first - _DAY * ((first.weekday() - rule.week_start) % 7)
    for _ in range(HORIZON_YEARS * 53):
        yield [monday + _DAY * number for number in range(7)]
        monday += _DAY * 7 * rule.interval


def _single_days(rule: Rule, first: date) -> Iterator[list[date]]:
    for _ in range(HORIZON_YEARS * 366):
        yield [first]
        first += _DAY * rule.interval


def day_filter(rule: Rule) -> Callable[[date], bool]:
    """Whether a day fulfils all parts of the rule that speak of days."""
    months, month_days, year_days = (rule.numbers(name) for name in ("BYMONTH", "BYMONTHDAY", "BYYEARDAY"))
    each_week = frozenset(day for place, day in rule.by_day if place == 0 or rule.freq not in ("YEARLY", "MONTHLY"))
    placed = rule.by_day - {(0, day) for day in each_week} if rule.freq in ("YEARLY", "MONTHLY") else frozenset()
    in_month = rule.freq == "MONTHLY" or bool(months)

    def allows(day: date) -> bool:
        if months and day.month not in months:
            return False
        if month_days and day.day not in month_days and not _from_end_of_month(day, month_days):
            return False
        if year_days and not _is_year_day(day, year_days):
            return False
        if rule.by_day and day.weekday() not in each_week:
            return bool(placed) and _is_placed(day, placed, in_month=in_month)
        return True

    return allows


def _from_end_of_month(day: date, month_days: frozenset[int]) -> bool:
    return min(month_days) < 0 and day.day - monthrange(day.year, day.month)[1] - 1 in month_days


def _is_year_day(day: date, year_days: frozenset[int]) -> bool:
    number = day.timetuple().tm_yday
    return number in year_days or number - (366 if isleap(day.year) else 365) - 1 in year_days


def _is_placed(day: date, placed: frozenset[tuple[int, int]], *, in_month: bool) -> bool:
    """Whether the day is, say, the second Monday, or the last one, of its month or year."""
    number = day.day if in_month else day.timetuple().tm_yday
    length = monthrange(day.year, day.month)[1] if in_month else 366 if isleap(day.year) else 365
    weekday = day.weekday()
    return ((number - 1) // 7 + 1, weekday) in placed or (-((length - number) // 7 + 1), weekday) in placed
