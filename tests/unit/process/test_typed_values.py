"""Values of markup as people write them, and what is made of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.models.document import Json
from tidemill.process.extract.typed.values import (
    duration_of,
    line_of,
    minutes_of,
    number_of,
    paragraphs_of,
    slug_of,
)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("9.90", 9.9),
        ("12,50 €", 12.5),
        ("1,299", 1299.0),
        ("1,299.00", 1299.0),
        ("1.299,00", 1299.0),
        ("1 299,00", 1299.0),
        ("1,234,567", 1234567.0),
        ("4.567", 4.567),
        ("USD 5", 5.0),
        (7, 7.0),
        (True, None),
        ("free", None),
        ("", None),
        (None, None),
    ],
)
def test_numbers(text: Json, number: float | None) -> None:
    assert number_of(text) == number


@given(st.floats(0, 1e9).map(lambda number: round(number, 2)))
def test_a_price_with_or_without_commas_is_the_same_number(number: float) -> None:
    assert number_of(f"{number:,.2f}") == number_of(f"{number:.2f}") == number


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("PT1H30M", 90),
        ("P0DT0H45M", 45),
        ("P1DT2H", 1560),
        ("pt90m", 90),
        ("PT90S", 2),
        ("1 hr 20 min", 80),
        ("45 minutes", 45),
        ("1.5 h", 90),
        ("2026 1,5 h", 90),
        ("PT", None),
        ("30", None),
        ("soon", None),
    ],
)
def test_durations(text: str, minutes: int | None) -> None:
    assert minutes_of(text) == minutes


@given(st.integers(0, 100_000))
def test_a_duration_is_read_as_it_was_written(minutes: int) -> None:
    assert minutes_of(duration_of(minutes)) == minutes


@pytest.mark.parametrize(
    ("value", "slug"),
    [
        ("https://schema.org/InStock", "in_stock"),
        ("In stock", "in_stock"),
        ("FULL_TIME", "full_time"),
        ({"@id": "schema:PreOrder"}, "pre_order"),
        ("Usually ships within two to three working days", None),
        ("", None),
    ],
)
def test_members_of_enumerations(value: Json, slug: str | None) -> None:
    assert slug_of(value) == slug


def test_texts_lose_their_markup() -> None:
    assert line_of("A <b>fine</b>&nbsp;day <br>today") == "A fine day today"
    assert line_of("Staub<wbr/>sauger") == "Staubsauger"
    assert line_of("3 < 4 and 5 > 2") == "3 < 4 and 5 > 2"
    assert paragraphs_of("&lt;p&gt;One.&lt;/p&gt;&lt;p&gt;Two.&lt;/p&gt;") == "One.\n\nTwo."
