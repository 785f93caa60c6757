"""The ports of this room: a limiter counts requests against quotas, a cache keeps answers for a while.

In: quotas with the name of whoever they hold for. Out: whether the request may pass, and how each quota stands. The
layers of `http` call them.

**A sliding window.** Each window is cut into `SLOTS` slots, and a request counts until its whole slot has left the
window. So no stretch of time as long as the window ever sees more than the quota, all of the quota may be used at once,
and the state is a handful of numbers however large the quota is. GCRA would need one number only, but lets twice the
quota through in a window (or less than the quota at once); a fixed window lets twice the quota through at its edge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

SLOTS = 20


@dataclass(frozen=True, slots=True)
class Quota:
    """`most` requests of `who` in any `window_s` seconds. `name` says which rule this is; 0 lets nothing pass."""

    name: str
    who: str
    most: int
    window_s: float

    @property
    def key(self) -> str:
        """What its count is kept under: another window is another count."""
        return f"{self.name}:{self.window_s:g}:{self.who}"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a quota stands: what is left of it, and in how many seconds more of it comes back."""

    quota: Quota
    remaining: int
    reset_s: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request may pass; `standings` in the order of its quotas, this request counted if it passes."""

    is_allowed: bool
    standings: tuple[Standing, ...]


class Limiter(Protocol):
    """Counts requests. Any method may raise `Transient`: nobody can count just now."""

    async def take(self, quotas: Sequence[Quota]) -> Verdict:
        """Count one request against all quotas, or against none if one of them is used up: in one atomic step."""

    async def check(self) -> None:
        """Raises if it cannot count."""

    async def close(self) -> None:
        """Let go of connections."""


class AnswerCache(Protocol):
    """Keeps bytes for a while. Whatever it holds may be gone at any moment. Any method may raise `Transient`."""

    async def get(self, key: str) -> bytes | None:
        """What was put there, if it is still kept."""

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        """Keep it for so long at most."""

    async def close(self) -> None:
        """Let go of connections."""
