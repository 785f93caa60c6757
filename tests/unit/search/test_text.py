"""Text for engines: always valid, and folded without moving a character."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.search.text import clean, fold, is_unspaced


@given(st.text())
def test_folding_keeps_places(text: str) -> None:
    assert len(fold(text)) == len(text)


@given(st.text(st.characters(exclude_categories=())))
def test_clean_text_is_valid_and_stays_clean(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode("utf-8")
    assert clean(cleaned) == cleaned
    assert "\0" not in cleaned


@pytest.mark.parametrize(
    ("text", "folded"), [("AZÚCAR", "azucar"), ("Ñandú", "nandu"), ("İ", "i"), ("ß", "ß"), ("日本", "日本")]
)
def test_folding(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_scripts_without_spaces_are_known() -> None:
    assert [is_unspaced(text) for text in ("日", "ひらがな", "ไทย", "한국어", "déjà", "a")] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]
