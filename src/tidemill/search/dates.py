"""Days counted become the bars of a histogram: days, months or years."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from tidemill.search.base import Count, Interval

_CHARS = {"day": 10, "month": 7, "year": 4}


def bars(days: Iterable[tuple[datetime, int]], interval: Interval) -> tuple[Count, ...]:
    """Each bar by its first day (`2024-05`, say, for a month), in the order of time; empty ones are left out."""
    summed: dict[str, int] = {}
    for day, count in sorted(days):
        if count:
            name = day.date().isoformat()[: _CHARS[interval]]
            summed[name] = summed.get(name, 0) + count
    return tuple(Count(name, count) for name, count in summed.items())


def recency(published_at: float | None, now: float, days: float) -> float:
    """What share of its score a document keeps: all today, three quarters after `days`, half in the end or undated."""
    if published_at is None:
        return 0.5
    age_days = max(0.0, now - published_at) / 86_400
    return 0.5 + 0.5 * float(2.0 ** (-age_days / days))
