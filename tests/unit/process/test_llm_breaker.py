"""An endpoint that fails is left alone for a while, and asked again then."""

from __future__ import annotations

import pytest

from tidemill.process.llm.breaker import FAILURES, LONGEST_PAUSE_S, PAUSE_S, Breaker


class Clock:
    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_it_rests_after_so_many_failures_in_a_row(clock: Clock) -> None:
    breaker = Breaker(clock)
    for _ in range(FAILURES - 1):
        breaker.failed()
    breaker.succeeded()
    for _ in range(FAILURES - 1):
        breaker.failed()
    assert not breaker.is_resting()
    breaker.failed()
    assert breaker.is_resting()


def test_it_is_asked_again_and_rests_with_the_next_failure(clock: Clock) -> None:
    breaker = Breaker(clock, failures=FAILURES)
    breaker.failed()
    clock.at += PAUSE_S
    assert not breaker.is_resting()
    breaker.failed()
    assert breaker.is_resting()


def test_a_wrong_key_is_not_tried_on_every_page(clock: Clock) -> None:
    breaker = Breaker(clock)
    breaker.failed(at_once=True)
    assert breaker.is_resting()


def test_it_rests_as_long_as_it_was_asked_to_but_not_for_ever(clock: Clock) -> None:
    breaker = Breaker(clock)
    breaker.failed(retry_after_s=1e9)
    clock.at += LONGEST_PAUSE_S - 1
    assert breaker.is_resting()
    clock.at += 1
    assert not breaker.is_resting()
