"""Facets and the date histogram, counted by the server over everything that matches."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.search.base import Count, SearchQuery
from tidemill.search.dates import bars
from tidemill.search.postgres.conditions import Parameters
from tidemill.search.typed import PREFIX, own_name
from tidemill.search.values import FACETS

_DAY_S = 86_400


async def counts(
    connection: AsyncConnection, matching: str, parameters: Parameters, asked: SearchQuery
) -> tuple[dict[str, tuple[Count, ...]], tuple[Count, ...]]:
    """The facets by the names asked for, and the histogram."""
    facets = {name: await _facet(connection, matching, parameters, name, asked.facet_size) for name in asked.facets}
    if not asked.histogram:
        return facets, ()
    day = f"CAST(floor(d.published_at / {float(_DAY_S)}) AS bigint)"
    statement = (
        f"SELECT {day} AS day, count(*) AS held FROM search_documents d"
        f" WHERE {matching} AND d.published_at IS NOT NULL GROUP BY 1"
    )
    rows = await connection.execute(text(statement), parameters.values)
    days = [(datetime.fromtimestamp(row.day * _DAY_S, UTC), row.held) for row in rows]
    return facets, bars(days, asked.histogram)


async def _facet(
    connection: AsyncConnection, matching: str, parameters: Parameters, name: str, size: int
) -> tuple[Count, ...]:
    """The texts of a field, or its numbers if it has no texts."""
    if not name.startswith(PREFIX):
        return await _counted(connection, matching, parameters, f"d.counted -> {parameters.put(FACETS[name])}", size)
    own = parameters.put(own_name(name))
    texts = await _counted(connection, matching, parameters, f"d.own -> 's' -> {own}", size)
    if texts:
        return texts
    numbers = await _counted(connection, matching, parameters, f"d.own -> 'n' -> {own}", size)
    return tuple(Count(f"{float(each.value):.15g}", each.count) for each in numbers)


async def _counted(
    connection: AsyncConnection, matching: str, parameters: Parameters, values: str, size: int
) -> tuple[Count, ...]:
    statement = (
        f"SELECT value, count(*) AS held FROM search_documents d,"
        f" jsonb_array_elements_text(COALESCE({values}, CAST('[]' AS jsonb))) AS each(value)"
        f" WHERE {matching} GROUP BY value ORDER BY held DESC, value LIMIT {int(size)}"
    )
    rows = await connection.execute(text(statement), parameters.values)
    return tuple(Count(row.value, row.held) for row in rows)
