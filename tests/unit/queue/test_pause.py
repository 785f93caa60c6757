"""A broker that is gone is not asked again at once, and each failure in a row makes the pause longer, up to a bound."""

from __future__ import annotations

import pytest

from tidemill.errors import Transient
from tidemill.queue import pause
from tidemill.queue.pause import Pause


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(pause.time, "monotonic", lambda: now[0])
    return now


def test_nobody_asks_during_the_pause_and_everybody_after_it(clock: list[float]) -> None:
    resting = Pause()
    resting.raise_if_resting()
    length = resting.begin("it is gone").retry_after_s
    assert length
    with pytest.raises(Transient, match="it is gone") as told:
        resting.raise_if_resting()
    assert told.value.reason == "queue_unavailable"
    clock[0] += length
    resting.raise_if_resting()


def test_pauses_grow_to_a_bound_and_start_anew_when_it_works(clock: list[float]) -> None:
    resting = Pause()
    lengths = [resting.begin("gone").retry_after_s or 0.0 for _ in range(12)]
    assert lengths == sorted(lengths)
    assert lengths[-1] == lengths[-2] == 5.0
    resting.end()
    resting.raise_if_resting()
    assert resting.begin("gone again").retry_after_s == lengths[0]
