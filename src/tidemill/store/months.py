"""Where partitions begin and end: months of UUIDv7 run identifiers, pieces of the identifiers of events. Pure.

In: moments and numbers. Out: names and bounds as SQL writes them. Called by `partitions`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

_RANDOM_BITS = 80


@dataclass(frozen=True, slots=True)
class Piece:
    """One partition: its name, and the bounds of its keys, the upper one excluded."""

    name: str
    low: str
    high: str


def first_run_id(moment: datetime) -> str:
    """No UUIDv7 made at that moment or later is smaller, and none made before is greater (RFC 9562, section 5.7)."""
    milliseconds = int(moment.timestamp() * 1000)
    return str(UUID(int=milliseconds << _RANDOM_BITS))


def month_of(moment: datetime) -> datetime:
    """The beginning of the month, in UTC."""
    at = moment.astimezone(UTC)
    return datetime(at.year, at.month, 1, tzinfo=UTC)


def after(month: datetime) -> datetime:
    """The beginning of the next month."""
    return datetime(month.year + month.month // 12, month.month % 12 + 1, 1, tzinfo=UTC)


def months(first: datetime, number: int) -> Iterator[Piece]:
    """The partitions of visits of so many months."""
    month = month_of(first)
    for _ in range(number):
        following = after(month)
        name = f"visits_y{month:%Y}m{month:%m}"
        yield Piece(name, first_run_id(month), first_run_id(following))
        month = following


def pieces(first: int, number: int, size: int) -> Iterator[Piece]:
    """The partitions of events from the piece on in which the identifier `first` lies."""
    start = first // size * size
    for low in range(start, start + number * size, size):
        yield Piece(f"events_from_{low}", str(low), str(low + size))
