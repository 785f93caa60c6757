"""When pages are due again: their intervals until now, and the bounds of their sources, for whoever ends a visit."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.models.recrawl import next_interval_s
from tidemill.models.source import RecrawlRules
from tidemill.store.tables import pages, sources

_RULES = TypeAdapter(RecrawlRules)


@dataclass(frozen=True, slots=True)
class Due:
    """What is known of a batch of pages."""

    intervals: Mapping[str, float | None]
    rules: Mapping[str, RecrawlRules]

    def next(self, page_id: str, source_id: str, *, changed: bool | None, now: datetime) -> dict[str, Any]:
        """The bound values that set a page's interval and the time at which it is due again."""
        interval_s = next_interval_s(self.intervals.get(page_id), changed=changed, rules=self.rules[source_id])
        return {"b_interval_s": interval_s, "b_due_at": now + timedelta(seconds=interval_s)}


async def due_of(connection: AsyncConnection, page_ids: Collection[str], source_ids: Collection[str]) -> Due:
    """What is known of these pages and sources."""
    intervals = select(pages.c.id, pages.c.interval_s).where(pages.c.id.in_(page_ids))
    specs = select(sources.c.id, sources.c.spec).where(sources.c.id.in_(source_ids))
    return Due(
        intervals={row.id: row.interval_s for row in await connection.execute(intervals)},
        rules={row.id: _RULES.validate_python(row.spec.get("recrawl", {})) for row in await connection.execute(specs)},
    )
