"""What a caller has written, he is not to miss when he reads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.http import own_writes
from tidemill.http.own_writes import OwnWrites, shown
from tidemill.http.problems import ProblemError


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_caller_needs_what_he_wrote_and_others_do_not() -> None:
    writes = OwnWrites(10.0, Clock())
    writes.note("ada", 500)
    assert writes.of("ada") == 500
    assert writes.of("bob") == 0


def test_an_earlier_position_takes_nothing_back() -> None:
    writes = OwnWrites(10.0, Clock())
    writes.note("ada", 500)
    writes.note("ada", 400)
    assert writes.of("ada") == 500


def test_it_is_forgotten_when_no_standby_can_lack_it() -> None:
    clock = Clock()
    writes = OwnWrites(10.0, clock)
    writes.note("ada", 500)
    clock.now_s += 10.0
    assert writes.of("ada") == 0


def test_who_finds_no_room_is_remembered_as_one_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_writes, "_MOST_CALLERS", 2)
    writes = OwnWrites(10.0, Clock())
    for position, caller in enumerate(("ada", "bob", "cyd", "dan"), 500):
        writes.note(caller, position)
    assert [writes.of(each) for each in ("ada", "bob", "cyd", "dan", "eve")] == [501, 501, 502, 503, 501]


@given(st.integers(0, 2**64 - 1))
def test_a_position_comes_back_as_it_was_given(position: int) -> None:
    scope = {"headers": [(own_writes.HEADER, shown(position).encode())]}
    assert own_writes._given(scope) == position


@pytest.mark.parametrize("text", ["", "1", "1/", "x/1", "1/123456789", "1/2\n", "1/2; DROP"])
def test_any_other_position_is_refused(text: str) -> None:
    with pytest.raises(ProblemError) as caught:
        own_writes._given({"headers": [(own_writes.HEADER, text.encode())]})
    assert caught.value.problem.status == 400
