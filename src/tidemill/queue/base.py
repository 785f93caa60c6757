"""The port of the queue: captures are announced, claimed in batches under a token, and acknowledged or given back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tidemill.models.capture import Capture


@dataclass(frozen=True, slots=True)
class Claim:
    """Captures that this worker alone may process. Storing their results needs the `token`."""

    token: str
    captures: tuple[Capture, ...]


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits or is being processed, and when the oldest of it was fetched."""

    captures: int
    oldest_fetched_at: datetime | None


class Queue(Protocol):
    """Every implementation dispatches over the same rows: losing a broker loses no work."""

    async def announce(self, capture_ids: Sequence[str]) -> None:
        """Tell processors of new captures, whose rows are committed already."""

    async def claim(self, worker_id: str, limit: int) -> Claim:
        """The next captures, `limit` at the most, at once; none if none is due."""

    async def acknowledge(self, claim: Claim) -> None:
        """The results of a claim are committed."""

    async def release(self, claim: Claim) -> None:
        """Give back what is not committed, untouched."""

    async def backlog(self) -> Backlog:
        """How far the processors are behind."""
