"""Priorities of captures, and whose turn it is: the important go first, and nobody waits for ever.

A source has a priority, its captures take it over. Every queue shares out its batches by `Turns`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

HIGH, MEDIUM, LOW = "high", "medium", "low"
PRIORITIES = (HIGH, MEDIUM, LOW)

_CYCLE = (HIGH, MEDIUM, HIGH, HIGH, MEDIUM, HIGH, LOW, HIGH, MEDIUM, HIGH)
"""Six turns, three and one, as evenly spread as they can be."""


class Turns:
    """Weighted round robin, 6:3:1, that goes on from batch to batch; a turn that nobody needs passes to the others."""

    def __init__(self) -> None:
        self._at = 0

    def shares(self, limit: int) -> dict[str, int]:
        """How many of the next `limit` places each priority has a right to. Takes no turn."""
        shares = dict.fromkeys(PRIORITIES, 0)
        for place in range(limit):
            shares[_CYCLE[(self._at + place) % len(_CYCLE)]] += 1
        return shares

    def deal(self, waiting: Mapping[str, Sequence[T]], limit: int) -> list[T]:
        """The next `limit` of what waits, each priority's in its order; fewer only if fewer wait."""
        waits = [priority for priority in PRIORITIES if waiting.get(priority)]
        if len(waits) == 1:  # as nearly always: nobody to take turns with
            only = list(islice(waiting[waits[0]], limit))
            self._at = (self._at + len(only)) % len(_CYCLE)
            return only
        queues = {priority: iter(waiting.get(priority, ())) for priority in PRIORITIES}
        left = {priority: len(waiting.get(priority, ())) for priority in PRIORITIES}
        dealt: list[T] = []
        while len(dealt) < limit and any(left.values()):
            turn = _CYCLE[self._at]
            self._at = (self._at + 1) % len(_CYCLE)
            taken = turn if left[turn] else next(each for each in PRIORITIES if left[each])
            left[taken] -= 1
            dealt.append(next(queues[taken]))
        return dealt
