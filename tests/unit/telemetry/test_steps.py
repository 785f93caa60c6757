"""A step costs nothing until one is armed, and then ends the process at the passing that was named."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tidemill.errors import Invalid
from tidemill.settings import load_settings
from tidemill.telemetry import steps


@pytest.fixture
def blows(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[int, int]]]:
    """Which signals this process would have sent."""
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(steps.os, "kill", lambda pid, number: sent.append((pid, number)))
    yield sent
    steps.arm("")


def test_nothing_is_armed_by_default(blows: list[tuple[int, int]]) -> None:
    steps.reached("crawl.fetched")
    steps.reached("process.claimed")
    assert blows == []
    assert load_settings({}, environ={}).testing.crash_at == ""


def test_the_named_passing_is_the_last(blows: list[tuple[int, int]]) -> None:
    steps.arm("crawl.fetched:3")
    for _ in range(2):
        steps.reached("crawl.fetched")
        steps.reached("crawl.archived")
    assert blows == []
    steps.reached("crawl.fetched")
    assert blows == [(os.getpid(), signal.SIGKILL)]


@pytest.mark.parametrize("text", ["crawl.fetched", "crawl.fetched:0", "fetched:1", "crawl.fetched:x", "a.b:1;c.d:1"])
def test_what_is_no_step_and_number_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match=r"testing\.crash_at"):
        load_settings({"testing.crash_at": text}, environ={})


def test_production_kills_no_process() -> None:
    with pytest.raises(Invalid, match=r"testing\.crash_at"):
        load_settings({"profile": "production", "testing.crash_at": "crawl.fetched:1"}, environ={})
