"""How long visits and events are kept, for every door: cutting tables up, and letting old rows go.

In: the store and the settings. Out: what was made and what went.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tidemill.settings import RetentionSettings
from tidemill.store import dropping, partitions, retention
from tidemill.store.engine import Store
from tidemill.store.retention import Forgotten

AHEAD = 3


@dataclass(frozen=True, slots=True)
class Retained:
    """What one look after it did. Rows that went with a partition are not counted."""

    made: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    forgotten: Forgotten = field(default_factory=Forgotten)

    def as_json(self) -> dict[str, Any]:
        """As one object."""
        gone = self.forgotten
        return {
            "partitions_made": self.made,
            "partitions_dropped": self.dropped,
            "runs_compacted": gone.runs,
            "visits_deleted": gone.visits,
            "events_deleted": gone.events,
        }


async def partition(store: Store, *, size: int = partitions.EVENTS_IN_PIECE, ahead: int = AHEAD) -> list[str]:
    """Cut visits and events up. Raises `Invalid` (`not_partitioned`) for SQLite."""
    async with store.read():
        now = store.now()
    return await partitions.cut_up(store, now, ahead=ahead, size=size)


async def retain(store: Store, settings: RetentionSettings, *, size: int = partitions.EVENTS_IN_PIECE) -> Retained:
    """Make the next partitions, drop those that are too old, and delete what is left of old rows bit by bit."""
    async with store.read():
        now = store.now()
    are_cut = await partitions.are_cut(store)
    made = await partitions.make_ahead(store, now, ahead=AHEAD, size=size) if are_cut else []
    dropped: list[str] = []
    gone = Forgotten()
    if (oldest := _before(now, settings.visits_days)) is not None:
        dropped += await dropping.drop_visits(store, oldest) if are_cut else []
        gone = await retention.compact_runs(store, oldest)
    if (oldest := _before(now, settings.events_days)) is not None:
        dropped += await dropping.drop_events(store, oldest) if are_cut else []
        gone = Forgotten(gone.runs, gone.visits, await retention.forget_events(store, oldest))
    return Retained(made, dropped, gone)


async def preview(store: Store, settings: RetentionSettings) -> Forgotten:
    """What `retain` would let go."""
    async with store.read():
        now = store.now()
    before = _before(now, settings.visits_days), _before(now, settings.events_days)
    return await retention.count_forgettable(store, *before)


def _before(now: datetime, days: int | None) -> datetime | None:
    return None if days is None else now - timedelta(days=days)
