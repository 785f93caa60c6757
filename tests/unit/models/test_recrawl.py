"""When a page is due again: bounds always hold, changes shorten the interval and rest lengthens it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.models.recrawl import next_interval_s, rests
from tidemill.models.source import RecrawlRules

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR_S = 3600.0
LAWS = RecrawlRules(first_hours=24, min_hours=1, max_hours=720)
hours = st.floats(0.01, 10_000)
intervals = st.none() | st.floats(0, 1e9)
seen = st.sampled_from([True, False, None])


@st.composite
def rules(draw: st.DrawFn) -> RecrawlRules:
    least, first, most = sorted((draw(hours), draw(hours), draw(hours)))
    return RecrawlRules(first_hours=first, min_hours=least, max_hours=most)


@given(intervals, seen, rules())
def test_an_interval_stays_within_its_bounds(before: float | None, changed: bool | None, bounds: RecrawlRules) -> None:
    interval_s = next_interval_s(before, changed=changed, rules=bounds)
    assert bounds.min_hours * HOUR_S <= interval_s <= bounds.max_hours * HOUR_S


@given(st.floats(0, 1e9), rules())
def test_a_change_never_lengthens_it_and_rest_never_shortens_it(before: float, bounds: RecrawlRules) -> None:
    as_it_was = next_interval_s(before, changed=None, rules=bounds)
    assert next_interval_s(before, changed=True, rules=bounds) <= as_it_was
    assert next_interval_s(before, changed=False, rules=bounds) >= as_it_was


@given(st.floats(0, 1e9), st.floats(0, 1e9), seen, rules())
def test_longer_before_is_not_shorter_after(one: float, other: float, changed: bool | None, r: RecrawlRules) -> None:
    shorter, longer = sorted((one, other))
    assert next_interval_s(shorter, changed=changed, rules=r) <= next_interval_s(longer, changed=changed, rules=r)


@given(seen)
def test_the_first_is_the_sources_own_whatever_was_seen(changed: bool | None) -> None:
    assert next_interval_s(None, changed=changed, rules=LAWS) == 24 * HOUR_S


def test_a_page_that_never_changes_is_asked_for_less_and_less_and_a_lively_one_more_and_more() -> None:
    quiet = lively = next_interval_s(None, changed=True, rules=LAWS)
    for _ in range(20):
        quiet = next_interval_s(quiet, changed=False, rules=LAWS)
        lively = next_interval_s(lively, changed=True, rules=LAWS)
    assert (quiet, lively) == (720 * HOUR_S, HOUR_S)


def ago(**given: float) -> datetime:
    return NOW - timedelta(**given)


@pytest.mark.parametrize(
    ("modified_at", "fetched_at", "answer"),
    [
        (ago(days=9), ago(days=1), True),
        (ago(days=1), ago(days=1), True),
        (ago(hours=1), ago(days=1), False),
        (ago(hours=-23), ago(days=1), False),
        (ago(hours=-25), ago(days=1), None),
        (ago(days=90), ago(days=29), True),
        (ago(days=90), ago(days=31), None),
        (None, ago(days=1), None),
        (ago(days=9), None, None),
    ],
    ids=[
        "older",
        "the same",
        "newer",
        "newer, clocks differ",
        "future",
        "just in time",
        "too long ago",
        "no date",
        "new",
    ],
)
def test_what_a_listing_says_of_a_page(
    modified_at: datetime | None, fetched_at: datetime | None, answer: object
) -> None:
    assert rests(modified_at, fetched_at, NOW, LAWS) is answer


@given(st.datetimes(timezones=st.just(UTC)) | st.none(), st.datetimes(timezones=st.just(UTC)) | st.none())
def test_a_source_that_does_not_believe_its_listings_asks(modified: datetime | None, fetched: datetime | None) -> None:
    assert rests(modified, fetched, NOW, RecrawlRules(lastmod=False)) is None
