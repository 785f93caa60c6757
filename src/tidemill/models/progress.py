"""How far a run is: its pace, what is left, and the hosts that hold it up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class HeldHost:
    """A host of a run that is asked less than it may be, or not at all, and how many of the run's URLs wait for it.

    `breaker` is `closed`, `open` or `half_open`; `until` is when an open one gets its next trial. `rate_per_s` is the
    rate to which it was slowed down, `None` if it was not.
    """

    origin: str
    breaker: str
    until: datetime | None
    rate_per_s: float | None
    waiting: int


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` URLs have their outcome, `open` ones not yet; `left_s` is the estimated time to the end of the crawl.

    `pages_per_s` counts URLs that got an outcome, over the time of the run. `left_s` is `None` before there is a pace,
    and 0 when nothing is open.
    """

    done: int
    open: int
    pages_per_s: float
    left_s: float | None
    hosts: tuple[HeldHost, ...] = ()
