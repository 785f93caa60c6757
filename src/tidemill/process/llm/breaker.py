"""Whether an endpoint is worth asking: after several failures in a row it is left alone for a while.

Comes in: how requests ended, and the time; goes out: leave to ask. Called by `model`, so that an endpoint that is down
costs a batch seconds and not a timeout for each page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

FAILURES = 5
PAUSE_S = 60.0
LONGEST_PAUSE_S = 600.0


@dataclass(slots=True)
class Breaker:
    """`clock` gives seconds that only go forward."""

    clock: Callable[[], float]
    failures: int = 0
    rests_until: float = float("-inf")

    def is_resting(self) -> bool:
        """Whether the endpoint is to be left alone now."""
        return self.clock() < self.rests_until

    def succeeded(self) -> None:
        """It answered."""
        self.failures = 0

    def failed(self, *, at_once: bool = False, retry_after_s: float | None = None) -> None:
        """It did not answer. `at_once`: it would not answer the next one either. It may have said when to come back."""
        self.failures += 1
        if at_once or self.failures >= FAILURES:
            self.rests_until = self.clock() + PAUSE_S
        if retry_after_s is not None:
            self.rests_until = max(self.rests_until, self.clock() + min(retry_after_s, LONGEST_PAUSE_S))
