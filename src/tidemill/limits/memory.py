"""Limits and answers in the memory of one process, both bounded: the default, and the resort while Redis is gone."""

from __future__ import annotations

import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence

from tidemill.limits.base import SLOTS, Quota, Standing, Verdict

_MOST_WINDOWS = 20_000
_ENTRY_BYTES = 200


class _Window:
    """The requests counted in each slot, oldest first."""

    __slots__ = ("slots", "total")

    def __init__(self) -> None:
        self.slots: deque[list[int]] = deque()
        self.total = 0

    def advance(self, current: int) -> None:
        """Forget slots that have left the window. What a clock put into the future counts as of now."""
        slots = self.slots
        while slots and slots[0][0] < current - SLOTS:
            self.total -= slots.popleft()[1]
        ahead = 0
        while slots and slots[-1][0] > current:
            ahead += slots.pop()[1]
        if ahead:
            self._add(current, ahead)

    def count(self, current: int) -> None:
        """One more request."""
        self._add(current, 1)
        self.total += 1

    def _add(self, current: int, number: int) -> None:
        if self.slots and self.slots[-1][0] == current:
            self.slots[-1][1] += number
        else:
            self.slots.append([current, number])


class MemoryLimiter:
    """Implements `Limiter`. `most` windows of each rule are kept: in a flood the longest silent go first."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, most: int = _MOST_WINDOWS) -> None:
        self._clock = clock
        self._most = most
        self._rules: dict[str, OrderedDict[str, _Window]] = {}

    async def take(self, quotas: Sequence[Quota]) -> Verdict:
        """See `Limiter.take`. Nothing is awaited here, which makes it one step."""
        now = self._clock()
        found = [(quota, self._window(quota), int(now // (quota.window_s / SLOTS))) for quota in quotas]
        for _, window, current in found:
            window.advance(current)
        is_allowed = all(window.total < quota.most for quota, window, _ in found)
        if is_allowed:
            for _, window, current in found:
                window.count(current)
        return Verdict(is_allowed, tuple(_standing(quota, window, now) for quota, window, _ in found))

    async def check(self) -> None:
        """Memory is always there."""

    async def close(self) -> None:
        """Nothing is held."""

    def __len__(self) -> int:
        """How many windows are kept."""
        return sum(map(len, self._rules.values()))

    def _window(self, quota: Quota) -> _Window:
        kept = self._rules.setdefault(quota.name, OrderedDict())
        key = quota.key
        window = kept.get(key)
        if window is None:
            while len(kept) >= self._most:
                kept.popitem(last=False)
            window = kept[key] = _Window()
        else:
            kept.move_to_end(key)
        return window


def _standing(quota: Quota, window: _Window, now: float) -> Standing:
    slot_s = quota.window_s / SLOTS
    oldest = window.slots[0][0] if window.slots else math.floor(now / slot_s)
    return Standing(quota, max(0, quota.most - window.total), (oldest + SLOTS + 1) * slot_s - now)


class MemoryCache:
    """Implements `AnswerCache` with at most `most_bytes`; what was asked for longest ago goes first."""

    def __init__(self, most_bytes: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most_bytes = most_bytes
        self._clock = clock
        self._kept: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self.size_bytes = 0

    async def get(self, key: str) -> bytes | None:
        """See `AnswerCache.get`."""
        found = self._kept.get(key)
        if found is None:
            return None
        if self._clock() >= found[0]:
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return found[1]

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        """See `AnswerCache.put`. What is larger than an eighth of the room is not kept."""
        size = _size(key, value)
        if size > self._most_bytes // 8:
            return
        if key in self._kept:
            self._drop(key)
        while self.size_bytes + size > self._most_bytes:
            self._drop(next(iter(self._kept)))
        self._kept[key] = (self._clock() + ttl_s, value)
        self.size_bytes += size

    async def close(self) -> None:
        """Nothing is held."""

    def _drop(self, key: str) -> None:
        self.size_bytes -= _size(key, self._kept.pop(key)[1])


def _size(key: str, value: bytes) -> int:
    return len(key) + len(value) + _ENTRY_BYTES
