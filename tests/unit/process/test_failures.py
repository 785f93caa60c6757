"""Exceptions become failures that can be grouped by place and never grow without bound."""

from __future__ import annotations

from tidemill.process.failures import describe
from tidemill.process.steps.clean import clean


def test_the_place_is_the_innermost_frame_of_tidemill() -> None:
    try:
        clean(None, None)  # type: ignore[arg-type]
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
