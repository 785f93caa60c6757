"""Back-pressure: crawlers lease no more pages while too many captures wait, and go on when few enough are left.

In: the marks of `queue.high_water` and `queue.low_water`. Out: whether to hold back. Asked by the crawl before each
lease; what is in flight still ends, and captures are processed meanwhile, so it always lets go again.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from tidemill.settings import QueueSettings
from tidemill.store import captures
from tidemill.store.engine import Store
from tidemill.telemetry.logs import get_logger
from tidemill.telemetry.metrics import Metrics

_LOOK_S = 0.5
_log = get_logger(__name__)


class BackPressure:
    """Of one process. It looks into the database twice a second at the most, and counts no further than it must."""

    def __init__(
        self, store: Store, settings: QueueSettings, metrics: Metrics, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._high, self._low = settings.high_water, settings.low_water
        self._metrics = metrics
        self._clock = clock
        self._look_at = 0.0
        self.is_holding = False

    async def holds(self) -> bool:
        """Whether crawlers are to wait for the processors."""
        if not self._high:
            return False
        if self._clock() >= self._look_at:
            self._look_at = self._clock() + _LOOK_S
            most = self._low + 1 if self.is_holding else self._high
            self._turn(await captures.count_waiting(self._store, most) >= most)
        return self.is_holding

    def _turn(self, holding: bool) -> None:
        if holding is self.is_holding:
            return
        self.is_holding = holding
        self._metrics.set_held_back(holding)
        if holding:
            _log.info("waiting for the processors", action="crawl.held_back", high_water=self._high)
        else:
            _log.info("going on", action="crawl.let_go", low_water=self._low)
