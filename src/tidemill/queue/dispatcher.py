"""What a broker does for the queue: it carries identifiers, by priority, to whoever asks first, and nothing else.

Implemented by `redis` and `rabbitmq`; called by `dispatched`, which knows the rows. Each method raises `Transient`
(`queue_unavailable`) while the broker is gone, at once if it was just now, and `Permanent` if it must not be used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """Says "look at this capture". `receipt` is the broker's: what it is to be acknowledged by."""

    capture_id: str
    receipt: object


class Dispatcher(Protocol):
    """A broker, as the queue needs it."""

    async def publish(self, announced: Sequence[tuple[str, str]]) -> None:
        """Take over these identifiers with their priorities, in their order, for good: durable when it returns."""

    async def take(self, limit: int) -> list[Message]:
        """The next messages, priorities by turns, without waiting. They stay with us until they are acknowledged."""

    async def wait(self, timeout_s: float) -> None:
        """Until there may be something to take, or the time is over."""

    async def acknowledge(self, messages: Sequence[Message]) -> None:
        """Forget these messages. Those that the broker has given to somebody else meanwhile are left to them."""

    async def depth(self) -> int:
        """About how many messages the broker holds; none exactly if it holds none."""

    async def abandoned(self) -> list[Message]:
        """Messages that someone took and did not acknowledge in time, or that were delivered too often; now ours."""

    async def check(self) -> None:
        """Ask whether it is there and may be trusted with a queue."""

    async def close(self) -> None:
        """Give back what was taken and not acknowledged; let go of the connection."""
