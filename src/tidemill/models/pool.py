"""How the connections of a process to its database stand."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PoolState:
    """`size` are kept open, `overflow` are open beyond them; `taken` and `waited_s` count since the start."""

    size: int
    idle: int
    checked_out: int
    overflow: int
    taken: int
    waited_s: float
