"""The port of the queue: captures are announced, claimed in batches under a token, and acknowledged or given back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from tidemill.models.capture import Capture


@dataclass(frozen=True, slots=True)
class Claim:
    """Captures that this worker alone may process. Storing their results needs the `token`."""

    token: str
    captures: tuple[Capture, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Captures of one priority that wait or are being processed, and when the oldest of them was fetched."""

    captures: int
    oldest_fetched_at: datetime


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits or is being processed, when the oldest of it was fetched, and the same for each priority."""

    captures: int
    oldest_fetched_at: datetime | None
    by_priority: Mapping[str, Waiting] = field(default_factory=dict)


class Queue(Protocol):
    """Every implementation dispatches over the same rows: losing a broker loses no work."""

    async def announce(self, capture_ids: Sequence[str]) -> None:
        """Tell processors of new captures, whose rows are committed already. A broker that is gone is no error."""

    async def claim(self, worker_id: str, limit: int) -> Claim:
        """The next captures, `limit` at the most, at once; none if none is due, or the broker is gone."""

    async def wait(self, timeout_s: float) -> None:
        """Until there may be something to claim, or the time is over."""

    async def acknowledge(self, claim: Claim) -> None:
        """The results of a claim are committed."""

    async def release(self, claim: Claim) -> None:
        """Give back what is not committed, untouched."""

    async def sweep(self) -> int:
        """Announce what waits and is not known to be announced; how many. Any process may, as often as it likes."""

    async def backlog(self) -> Backlog:
        """How far the processors are behind."""

    async def check(self) -> None:
        """Raises `Transient` if the broker is gone, `Permanent` if it cannot be trusted with a queue."""

    async def close(self) -> None:
        """Let go of the broker."""
