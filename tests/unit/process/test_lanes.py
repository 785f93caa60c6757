"""Two lanes of a processor work off a backlog: the one that finds nothing to claim ends with the other."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from tidemill.process import worker
from tidemill.process.worker import Processor
from tidemill.queue.base import Backlog, Claim

_PATIENCE_S = 5.0


class OneBatch:
    """A queue with one batch, which is in it until it is stored; nobody ever announces anything."""

    def __init__(self) -> None:
        self.stored = False
        self.claims = [Claim("token", ("a capture",))]  # type: ignore[arg-type]
        self.empty_handed = asyncio.Event()

    async def claim(self, worker_id: str, limit: int) -> Claim:
        del worker_id, limit
        if self.claims:
            return self.claims.pop()
        self.empty_handed.set()
        return Claim("token", ())

    async def backlog(self) -> Backlog:
        return Backlog(0 if self.stored else 1, None)

    async def wait(self, timeout_s: float) -> None:
        await asyncio.sleep(timeout_s)


async def test_who_waits_for_the_last_batch_need_not_wait_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_LAST_POLL_S", 1000.0)
    queue = OneBatch()

    class Storing(Processor):
        async def _work(self, claim: Claim) -> None:
            await queue.empty_handed.wait()
            await asyncio.sleep(0.01)  # the other lane is waiting by now
            queue.stored = True

    bench: Any = SimpleNamespace(queue=queue, archive=None, settings=SimpleNamespace(batch_size=64))
    nothing: Any = None
    await asyncio.wait_for(
        Storing(bench, nothing, "worker")._run_lanes(asyncio.Event(), until_idle=True), timeout=_PATIENCE_S
    )
    assert queue.stored
