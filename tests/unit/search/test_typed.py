"""Own fields as they are compared, and what a comparison says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.search.typed import Bounds, bounds_of, number_of, ordered, seconds, typed, unordered


def at(text: str) -> float:
    return seconds(datetime.fromisoformat(text).replace(tzinfo=UTC))


def test_values_are_numbers_and_texts_by_dotted_names() -> None:
    fields = {
        "Price": 19.5,
        "City": " New  York ",
        "place": {"Lat": -1},
        "sold": True,
        "sizes": [5, "10", 5],
        "no": None,
    }
    found = typed(fields)
    assert found.numbers == {"price": (19.5,), "place.lat": (-1.0,), "sold": (1.0,), "sizes": (5.0, 10.0)}
    assert found.texts == {"city": ("new york",), "sold": ("true",), "sizes": ("10",)}


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("20", 20.0), ("-4.5e2", -450.0), ("2024", 2024.0), ("2024-05-03", at("2024-05-03")), ("yes", 1.0),
        ("2024-05-03T10:00+02:00", at("2024-05-03T08:00")), ("porto", None), ("", None), ("nan", None), (10**400, None),
    ],
)  # fmt: skip
def test_what_a_number_is(value: str | int, number: float | None) -> None:
    assert number_of(value) == number


@pytest.mark.parametrize(
    ("text", "dates", "expected"),
    [
        ("<20", False, Bounds(high=20.0, include_high=False)),
        ("<=20", False, Bounds(high=20.0)),
        (">19.5", False, Bounds(low=19.5, include_low=False)),
        (">=-1", False, Bounds(low=-1.0)),
        ("10..20", False, Bounds(10.0, 20.0)),
        ("10..", False, Bounds(10.0)),
        ("..20", False, Bounds(high=20.0)),
        ("..", False, None),
        ("20", False, None),
        ("<abc", False, None),
        ("2024", True, Bounds(at("2024-01-01"), at("2025-01-01"), include_high=False)),
        ("2024-12", True, Bounds(at("2024-12-01"), at("2025-01-01"), include_high=False)),
        (">2024-05-03", True, Bounds(low=at("2024-05-04"))),
        (">=2024-05-03", True, Bounds(low=at("2024-05-03"))),
        ("<=2024", True, Bounds(high=at("2025-01-01"), include_high=False)),
        ("2023..2024-05", True, Bounds(at("2023-01-01"), at("2024-06-01"), include_high=False)),
        ("2024-02-30", True, None),
        ("9999", True, None),
        ("whenever", True, None),
    ],
)
def test_a_comparison_says(text: str, dates: bool, expected: Bounds | None) -> None:
    assert bounds_of(text, dates=dates) == expected


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_whole_numbers_sort_like_the_numbers_they_stand_for(one: float, other: float) -> None:
    assert (ordered(one) < ordered(other)) == (one < other)
    assert unordered(ordered(one)) == one
