"""What goes through a queue is counted, and so is what fails; the queue itself stays as it is."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.unit.telemetry.test_metrics import samples

from tidemill.errors import Transient
from tidemill.models.capture import Capture
from tidemill.models.ids import new_id
from tidemill.queue.base import Backlog, Claim
from tidemill.queue.metered import MeteredQueue
from tidemill.telemetry.metrics import Metrics


def capture(priority: str) -> Capture:
    now = datetime(2026, 11, 23, tzinfo=UTC)
    return Capture(new_id(), "", "", "", "", now, 200, "text/html", "", "", 1, priority=priority)


class Fake:
    """Gives three captures, and fails at what it is told to fail at."""

    def __init__(self, *failing: str) -> None:
        self._failing = failing

    def _do(self, operation: str) -> None:
        if operation in self._failing:
            raise Transient("gone", reason="queue_unavailable")

    async def announce(self, capture_ids: object) -> None:
        self._do("announce")

    async def claim(self, worker_id: str, limit: int) -> Claim:
        self._do("claim")
        return Claim("token", (capture("high"), capture("low"), capture("low")))

    async def wait(self, timeout_s: float) -> None:
        self._do("wait")

    async def acknowledge(self, claim: Claim) -> None:
        self._do("acknowledge")

    async def release(self, claim: Claim) -> None:
        self._do("release")

    async def sweep(self) -> int:
        self._do("sweep")
        return 4

    async def backlog(self) -> Backlog:
        return Backlog(captures=5, oldest_fetched_at=None)

    async def check(self) -> None:
        self._do("check")

    async def close(self) -> None:
        self._do("close")


def counted(metrics: Metrics) -> dict[str, float]:
    return {name: value for name, value in samples(metrics).items() if name.startswith("tidemill_queue_") and value}


async def test_what_goes_through_is_counted() -> None:
    metrics = Metrics()
    queue = MeteredQueue(Fake(), metrics)
    await queue.announce(["a", "b"])
    claim = await queue.claim("worker", 10)
    await queue.wait(0.1)
    await queue.acknowledge(claim)
    await queue.release(claim)
    assert await queue.sweep() == 4
    assert (await queue.backlog()).captures == 5
    assert counted(metrics) == {
        "tidemill_queue_captures_total,action=announced": 2,
        "tidemill_queue_captures_total,action=announced_again": 4,
        "tidemill_queue_captures_total,action=acknowledged": 3,
        "tidemill_queue_captures_total,action=released": 3,
        "tidemill_queue_claimed_total,priority=high": 1,
        "tidemill_queue_claimed_total,priority=low": 2,
    }


@pytest.mark.parametrize("operation", ["claim", "wait", "sweep", "check"])
async def test_what_fails_is_counted_with_its_reason_and_raised(operation: str) -> None:
    metrics = Metrics()
    queue = MeteredQueue(Fake(operation), metrics)
    arguments = {"claim": ("worker", 1), "wait": (0.1,)}.get(operation, ())
    with pytest.raises(Transient):
        await getattr(queue, operation)(*arguments)
    assert counted(metrics) == {f"tidemill_queue_errors_total,operation={operation},reason=queue_unavailable": 1}
