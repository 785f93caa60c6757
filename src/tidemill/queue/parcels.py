"""A few identifiers in one message: a broker's message costs the same whatever it holds.

A parcel is acknowledged when each of its identifiers has been. Called by `redis` and `rabbitmq`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from tidemill.models.priority import PRIORITIES
from tidemill.queue.dispatcher import Message

IN_ONE = 16
H = TypeVar("H")


@dataclass(slots=True, eq=False)
class Parcel(Generic[H]):
    """A message as it came: what the broker knows it by, and how many of its identifiers are not acknowledged yet."""

    handle: H
    priority: str
    left: int


def packed(announced: Sequence[tuple[str, str]]) -> Iterator[tuple[str, bytes]]:
    """Priorities and what goes out in one message each."""
    for priority in PRIORITIES:
        ids = [capture_id for capture_id, of in announced if of == priority]
        for start in range(0, len(ids), IN_ONE):
            yield priority, " ".join(ids[start : start + IN_ONE]).encode()


def unpacked(body: bytes, priority: str, handle: H) -> list[Message]:
    """The identifiers of a message that came."""
    ids = body.decode("ascii", "replace").split(" ")
    parcel = Parcel(handle, priority, len(ids))
    return [Message(capture_id, parcel) for capture_id in ids]


def settled(messages: Sequence[Message], kind: type[H]) -> Iterator[H]:
    """The handles of the messages of which all is acknowledged with these."""
    for message in messages:
        parcel = cast(Parcel[H], message.receipt)
        parcel.left -= 1
        if parcel.left == 0:
            yield parcel.handle


def priority_of(message: Message) -> str:
    """The priority under which it came."""
    return cast(Parcel[object], message.receipt).priority
