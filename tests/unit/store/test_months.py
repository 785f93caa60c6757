"""Every run identifier and every event falls into exactly one piece: bounds meet and leave no gap."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tidemill.models.ids import new_id
from tidemill.store import months

MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - given a zone


def made_at(moment: datetime, rest: int) -> str:
    """A UUIDv7 of that moment."""
    first = months.first_run_id(moment)[:13]
    return f"{first}-7{rest % 0xFFF:03x}-8000-{rest:012x}"


@given(MOMENTS, st.integers(0, 2**48 - 1), st.integers(1, 30))
def test_a_run_lies_in_the_month_in_which_it_began(moment: datetime, rest: int, number: int) -> None:
    run = made_at(moment, rest)
    inside = [each for each in months.months(moment, number) if each.low <= run < each.high]
    assert [each.name for each in inside] == [f"visits_y{moment:%Y}m{moment:%m}"]


@given(MOMENTS)
def test_months_follow_each_other_without_a_gap(moment: datetime) -> None:
    made = list(months.months(moment, 14))
    assert all(one.high == other.low for one, other in pairwise(made))
    assert len({each.name for each in made}) == 14


def test_a_new_run_lies_in_this_month() -> None:
    now = datetime.now(UTC)
    (this,) = months.months(now - timedelta(0), 1)
    assert this.low <= new_id() < this.high or datetime.now(UTC).month != now.month


@given(st.integers(0, 2**62), st.integers(1, 10), st.integers(1, 10**9))
def test_an_event_lies_in_the_first_of_its_pieces(event: int, number: int, size: int) -> None:
    made = list(months.pieces(event, number, size))
    assert int(made[0].low) <= event < int(made[0].high)
    assert all(one.high == other.low for one, other in pairwise(made))
    assert len(made) == number
