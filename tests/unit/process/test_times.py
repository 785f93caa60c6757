"""What is written of a time is read as it was meant; nothing is guessed but the zone, and that is said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.errors import Permanent
from tidemill.models.source import ProcessRules
from tidemill.process.extract.times import iso_with_zone, parse_aware_time, parse_time, zone_of

MADRID = ZoneInfo("Europe/Madrid")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-04-03T10:00:00+02:00", "2026-04-03T10:00:00+02:00"),
        ("2026-04-03T10:00:00.000Z", "2026-04-03T10:00:00+00:00"),
        ("20260403T100000Z", "2026-04-03T10:00:00+00:00"),
        ("2026-04-03 10:00 +0200", "2026-04-03T10:00:00+02:00"),
        ("2026-04-03 10:00 PM EST", "2026-04-03T22:00:00-05:00"),
        ("2026-04-03T10:00:00+02:00[Europe/Madrid]", "2026-04-03T10:00:00+02:00"),
        ("2026-04-03T10:00[America/New_York]", "2026-04-03T10:00:00-04:00"),
        ("2026-04-03 10:00 Europe/Madrid", "2026-04-03T10:00:00+02:00"),
        ("2026-04-03 10:00 GMT+2", "2026-04-03T10:00:00+02:00"),
        ("2026-04-03 10:00 UTC-05:30", "2026-04-03T10:00:00-05:30"),
        ("Fri, 03 Apr 2026 10:00:00 GMT", "2026-04-03T10:00:00+00:00"),
        ("Fri, 03 Apr 26 10:00:00 -0000", "2026-04-03T10:00:00+00:00"),
        ("Fri Apr 03 2026 10:00:00 GMT+0200 (Central European Summer Time)", "2026-04-03T10:00:00+02:00"),
        ("Fri Apr  3 10:00:00 UTC 2026", "2026-04-03T10:00:00+00:00"),
        ("April 3rd, 2026 at 12:05 a.m. ET", "2026-04-03T00:05:00-04:00"),
        ("January 3, 2026 12 PM ET", "2026-01-03T12:00:00-05:00"),
        ("Dienstag, 7. April 2026, 19.30 Uhr MESZ", "2026-04-07T19:30:00+02:00"),
        ("3 April 2026 10:00 (CET)", "2026-04-03T10:00:00+01:00"),
    ],
)
def test_a_zone_that_is_written_is_kept(text: str, shown: str) -> None:
    assert iso_with_zone(text, MADRID) == (shown, False)
    assert parse_aware_time(text, MADRID) == (datetime.fromisoformat(shown).astimezone(UTC), False)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-04-03 10:00:00", "2026-04-03T10:00:00"),
        ("2026/04/03 10:00", "2026-04-03T10:00:00"),
        ("2026-04-03T24:00:00", "2026-04-04T00:00:00"),
        ("Fri Apr  3 10:00:00 2026", "2026-04-03T10:00:00"),
        ("April 3, 2026 7pm", "2026-04-03T19:00:00"),
        ("domingo, 5 de abril de 2026 a las 19:30 h", "2026-04-05T19:30:00"),
        ("12 août 2026 à 20h30", "2026-08-12T20:30:00"),
        ("07.04.2026 19:30", "2026-04-07T19:30:00"),
        ("13/04/2026 10:00", "2026-04-13T10:00:00"),
        ("04/13/2026 10:00 AM", "2026-04-13T10:00:00"),
        ("3 April 2026, 10:00-12:00", "2026-04-03T10:00:00"),
        ("2026-04-03 10:00 IST", "2026-04-03T10:00:00"),
        ("2026-04-03 10:00 Nowhere/City", "2026-04-03T10:00:00"),
    ],
)
def test_a_time_without_a_zone_is_read_in_that_of_its_source_or_in_utc_and_that_is_said(text: str, shown: str) -> None:
    assert iso_with_zone(text) == (f"{shown}+00:00", True)
    assert iso_with_zone(text, MADRID) == (f"{shown}+02:00", True)
    assert parse_aware_time(text, MADRID) == (datetime.fromisoformat(f"{shown}+02:00").astimezone(UTC), True)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-04-03", "2026-04-03"),
        ("20260403", "2026-04-03"),
        ("2026-4-3", "2026-04-03"),
        ("5 de abril de 2026", "2026-04-05"),
        ("mar 7 abr 2026", "2026-04-07"),
        ("Mar 7, 2026", "2026-03-07"),
        ("1er janvier 2026", "2026-01-01"),
        ("03-Apr-2026", "2026-04-03"),
        ("05/05/2026", "2026-05-05"),
        ("2026-04-03 and what follows", "2026-04-03"),
    ],
)
def test_a_date_stays_that_date_in_every_zone(text: str, day: str) -> None:
    assert iso_with_zone(text, MADRID) == (day, False)
    assert parse_aware_time(text, MADRID) == (datetime.fromisoformat(day).replace(tzinfo=UTC), False)


@pytest.mark.parametrize(
    "text",
    [
        "", "soon", "last Tuesday", "2026", "2026-13-40", "31 February 2026", "0001-01-01T00:00:00", "10:00",
        "1712138400", "03/04/2026", "13/13/2026", "April 2026", "3 Brumaire 2026", "April 3, 2026 13:00 pm",
        "5 May 2026 km walked",
        "x" * 1_000_000,
    ],
)  # fmt: skip
def test_what_is_no_time_or_may_be_two_is_not_read(text: str) -> None:
    assert iso_with_zone(text) == (None, False)
    assert parse_aware_time(text) == (None, False)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-03-29T02:30:00", "2026-03-29T03:30:00+02:00"),  # left out: the clocks go from 2:00 to 3:00
        ("2026-10-25T02:30:00", "2026-10-25T02:30:00+02:00"),  # there twice: the first
        ("2026-10-25T03:00:00", "2026-10-25T03:00:00+01:00"),
    ],
)
def test_changes_of_clocks_are_read_as_rfc_5545_has_it(text: str, shown: str) -> None:
    assert iso_with_zone(text, MADRID) == (shown, True)


def test_an_abbreviation_of_several_zones_is_that_of_the_source_if_its_clocks_are_called_so() -> None:
    assert iso_with_zone("2026-04-03 10:00 IST", ZoneInfo("Asia/Kolkata")) == ("2026-04-03T10:00:00+05:30", False)
    assert iso_with_zone("2026-04-03 10:00 IST", ZoneInfo("Europe/Dublin")) == ("2026-04-03T10:00:00+01:00", False)
    assert iso_with_zone("2026-04-03 10:00 CST", ZoneInfo("Asia/Shanghai")) == ("2026-04-03T10:00:00+08:00", False)


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-05:00", "31 December 9999 23:59 EST", "31 Dec 9999 24:00"])
def test_the_end_of_all_days_is_no_accident(text: str) -> None:
    assert parse_aware_time(text)[0] is None


def test_the_zone_of_a_source() -> None:
    assert zone_of(ProcessRules()) is None
    assert zone_of(ProcessRules(time_zone="Europe/Madrid")) == MADRID
    with pytest.raises(Permanent, match=r"Europe/Nowhere.*IANA"):
        zone_of(ProcessRules(time_zone="Europe/Nowhere"))


@given(st.datetimes(min_value=datetime(1900, 1, 2), max_value=datetime(2100, 1, 1)))  # noqa: DTZ001
def test_what_is_shown_is_read_as_the_same_time(time: datetime) -> None:
    shown, assumed = iso_with_zone(time.isoformat(), MADRID)
    assert assumed
    assert shown is not None
    assert iso_with_zone(shown) == (shown, False)
    assert parse_aware_time(shown)[0] == parse_aware_time(time.isoformat(), MADRID)[0]


@given(st.integers(0, 23), st.integers(0, 59))
def test_a_clock_of_twelve_hours_is_the_clock_of_twenty_four(hour: int, minute: int) -> None:
    half = f"{(hour + 11) % 12 + 1}:{minute:02} {'am' if hour < 12 else 'pm'}"
    expected = datetime(2026, 4, 3, tzinfo=UTC) + timedelta(hours=hour, minutes=minute)
    assert parse_aware_time(f"3 April 2026 {half} UTC") == (expected, False)


@given(
    st.text(st.sampled_from("0123456789-/.:,TZ+ apmMarAPbilHhde()[]\u2212\u00a0"), max_size=40) | st.text(max_size=40)
)
def test_rubbish_is_no_time_or_one_with_a_zone(text: str) -> None:
    found = parse_aware_time(text, MADRID)[0]
    assert found is None or found.tzinfo is UTC
    assert parse_time(text) is None or found is not None or parse_time(text).year == 9999  # type: ignore[union-attr]
