"""When a page is due again: an interval for each page, learned from whether it had changed when it was fetched.

In: the interval until now, what the last visit saw, and the source's bounds. Out: the next interval. Called by the
store in the transaction that ends a visit.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from tidemill.models.source import RecrawlRules

_HOUR_S = 3600.0
_SHORTER = 0.5
_LONGER = 1.5


def next_interval_s(previous_s: float | None, *, changed: bool | None, rules: RecrawlRules) -> float:
    """Seconds until a page is due again: half of before if it `changed`, half as much again if not, within bounds.

    The first interval is the source's own; `changed` None (nothing was seen: the page failed, or was blocked) leaves
    it as it is. The multiplicative rule is that of adaptive fetch schedules as Apache Nutch has them.
    """
    if previous_s is None:
        interval_s = rules.first_hours * _HOUR_S
    elif changed is None:
        interval_s = previous_s
    else:
        interval_s = previous_s * (_SHORTER if changed else _LONGER)
    return min(rules.max_hours * _HOUR_S, max(rules.min_hours * _HOUR_S, interval_s))


def rests(modified_at: datetime | None, fetched_at: datetime | None, now: datetime, rules: RecrawlRules) -> bool | None:
    """What a listing's date says of a page: True if it need not be asked for, False if it must be, None if nothing.

    A date in the future says nothing, and no date is believed longer than the longest interval: many sites never
    change theirs.
    """
    if not rules.lastmod or modified_at is None or fetched_at is None or modified_at > now + timedelta(days=1):
        return None
    if modified_at > fetched_at:
        return False
    return fetched_at + timedelta(hours=rules.max_hours) > now or None
