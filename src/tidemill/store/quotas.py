"""What a user has used of their quotas. Called by `manage.quotas`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.models.document import DocumentState
from tidemill.store.engine import Store
from tidemill.store.tables import documents, jobs, runs, sources


@dataclass(frozen=True, slots=True)
class Usage:
    """What a user has of each: live sources and their documents; pages and exports of this day."""

    sources: int
    pages_per_day: int
    documents: int
    exports_per_day: int


async def usage(store: Store, user_id: str, day: datetime) -> Usage:
    """What the user has used; `day` is when this day began."""
    async with store.read() as connection:
        return await usage_in(connection, user_id, day)


async def usage_in(connection: AsyncConnection, user_id: str, day: datetime) -> Usage:
    """The same inside a transaction. What is counted holds to its end if nobody else may add to it meanwhile."""
    return Usage(
        sources=await source_count(connection, user_id),
        pages_per_day=await _pages(connection, user_id, day),
        documents=await _documents(connection, user_id),
        exports_per_day=await _exports(connection, user_id, day),
    )


async def source_count(connection: AsyncConnection, user_id: str) -> int:
    """How many sources a user owns."""
    owned = and_(sources.c.owner_id == user_id, sources.c.deleted_at.is_(None))
    return int(await connection.scalar(select(func.count()).select_from(sources).where(owned)) or 0)


async def _pages(connection: AsyncConnection, user_id: str, day: datetime) -> int:
    """What the runs of the day have fetched; those that go on may still fetch as much as they were allowed."""
    of_day = and_(runs.c.user_id == user_id, runs.c.created_at >= day)
    statement = select(runs.c.fetched, runs.c.finished_at, runs.c.options).where(of_day)
    total = 0
    for row in await connection.execute(statement):
        reserved = 0 if row.finished_at is not None else int(row.options.get("max_pages") or 0)
        total += max(int(row.fetched), reserved)
    return total


async def _documents(connection: AsyncConnection, user_id: str) -> int:
    statement = (
        select(func.count())
        .select_from(documents)
        .join(sources, sources.c.id == documents.c.source_id)
        .where(sources.c.owner_id == user_id, documents.c.state == DocumentState.CURRENT.value)
    )
    return int(await connection.scalar(statement) or 0)


async def _exports(connection: AsyncConnection, user_id: str, day: datetime) -> int:
    of_day = and_(jobs.c.user_id == user_id, jobs.c.kind == "export", jobs.c.created_at >= day)
    return int(await connection.scalar(select(func.count()).select_from(jobs).where(of_day)) or 0)
