"""What was searched for, by day: counts only, without anything that tells who asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import delete, func, select

from tidemill.store.engine import Store
from tidemill.store.engine import insert as upsert
from tidemill.store.tables import search_queries


@dataclass(frozen=True, slots=True)
class QueryCount:
    """How often a query was asked, and how often it found nothing."""

    query: str
    asked: int
    empty: int


async def add(store: Store, day: str, counts: Mapping[str, tuple[int, int]], *, drop_before: str) -> None:
    """Add (asked, empty) to the counts of queries on a day (`2024-05-03`); forget days before `drop_before`."""
    statement = upsert(search_queries)
    grown = {
        "asked": search_queries.c.asked + statement.excluded.asked,
        "empty": search_queries.c.empty + statement.excluded.empty,
    }
    rows = [
        {"day": day, "query": query, "asked": asked, "empty": empty} for query, (asked, empty) in sorted(counts.items())
    ]
    async with store.write() as connection:
        await connection.execute(statement.on_conflict_do_update(index_elements=["day", "query"], set_=grown), rows)
        await connection.execute(delete(search_queries).where(search_queries.c.day < drop_before))


async def most(store: Store, since: str, limit: int, *, empty: bool = False) -> list[QueryCount]:
    """The queries asked most since a day, or those that most often found nothing."""
    asked, failed = func.sum(search_queries.c.asked), func.sum(search_queries.c.empty)
    first = failed if empty else asked
    statement = (
        select(search_queries.c.query, asked.label("asked"), failed.label("empty"))
        .where(search_queries.c.day >= since)
        .group_by(search_queries.c.query)
        .having(first > 0)
        .order_by(first.desc(), search_queries.c.query)
        .limit(limit)
    )
    async with store.read() as connection:
        rows = await connection.execute(statement)
        return [QueryCount(row.query, int(row.asked), int(row.empty)) for row in rows]
