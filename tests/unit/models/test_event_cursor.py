"""Cursors of the change feed: read back as they were, told from what is none, and whether they miss something."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.models.event_cursor import EventCursor, cursor_of

EPOCH = "01890a5d-ac96-774b-bcce-b302099a8057"
NUMBERS = st.integers(0, 10**18 - 1)


@given(NUMBERS, NUMBERS)
def test_a_cursor_is_read_back_as_it_was(event_id: int, floor: int) -> None:
    cursor = EventCursor(EPOCH, event_id, floor)
    assert cursor_of(str(cursor)) == cursor
    assert set(str(cursor)) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@given(st.text(max_size=60))
def test_nothing_else_is_one(text: str) -> None:
    found = cursor_of(text)
    assert found is None or cursor_of(str(found)) == found


@pytest.mark.parametrize("plain", ["2.e.1.0", "1.e.-1.0", "1.e.1", "1.e.1.0\n", "1.E F.1.0", "1.e.٣.0"])
def test_forged_ones(plain: str) -> None:
    assert cursor_of(base64.urlsafe_b64encode(plain.encode()).decode()) is None


@pytest.mark.parametrize(
    ("event_id", "floor_then", "floor_now", "whole"),
    [(0, 0, 0, True), (5, 0, 5, True), (5, 0, 6, False), (2, 6, 6, True), (2, 6, 7, False), (9, 6, 7, True)],
)
def test_what_was_let_go_since_is_missed(event_id: int, floor_then: int, floor_now: int, whole: bool) -> None:
    assert EventCursor("e", event_id, floor_then).is_whole(floor_now) is whole
