"""Exceptions become failures that can be grouped by place and never grow without bound."""

from __future__ import annotations

import pytest

from tidemill.process.failures import describe
from tidemill.process.steps.clean import clean


def test_the_place_is_the_innermost_frame_of_tidemill() -> None:
    try:
        clean(None, None, None)  # type: ignore[arg-type]
    except AttributeError as error:
        failure = describe(error)
    assert failure.reason == "error"
    assert failure.error_type == "AttributeError"
    assert failure.place.startswith("process/steps/clean.py:")
    assert failure.place.endswith(" clean")
    assert "AttributeError" in failure.trace


def test_message_and_trace_are_capped() -> None:
    try:
        raise ValueError("ü" * 100_000)
    except ValueError as error:
        failure = describe(error, reason="out_of_memory")
    assert failure.reason == "out_of_memory"
    assert len(failure.message) == 1000
    assert len(failure.trace.encode()) <= 8192
    assert failure.place.startswith("test_failures.py:")


def test_a_deep_trace_keeps_its_beginning_and_its_end() -> None:
    def first(depth: int) -> None:
        second(depth) if depth else third()

    def second(depth: int) -> None:
        first(depth - 1)

    def third() -> None:
        raise ValueError("at the bottom")

    with pytest.raises(ValueError, match="bottom") as caught:
        first(300)
    trace = describe(caught.value).trace
    assert "test_a_deep_trace" in trace
    assert "in third" in trace
    assert trace.endswith("ValueError: at the bottom\n")
    assert len(trace.encode()) <= 8192
