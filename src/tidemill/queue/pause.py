"""How long a broker that is gone is left alone: nobody waits for one that was not there a moment ago."""

from __future__ import annotations

import time

from tidemill.errors import Transient

_FIRST_S, _LONGEST_S = 0.2, 5.0


class Pause:
    """Doubled with each failure in a row, up to five seconds. `reason` is that of the errors it makes."""

    def __init__(self, reason: str = "queue_unavailable") -> None:
        self._reason = reason
        self._length_s = 0.0
        self._until = 0.0
        self._why = ""

    def begin(self, why: str) -> Transient:
        """It failed; the error to raise."""
        self._length_s = min(_LONGEST_S, max(_FIRST_S, self._length_s * 2))
        self._until = time.monotonic() + self._length_s
        self._why = why
        return self._error()

    def end(self) -> None:
        """It works."""
        self._length_s = self._until = 0.0

    def raise_if_resting(self) -> None:
        """Raises `Transient` with what was said last, as long as the pause lasts."""
        if time.monotonic() < self._until:
            raise self._error()

    def _error(self) -> Transient:
        return Transient(f"queue.url: {self._why}", reason=self._reason, retry_after_s=self._length_s)
