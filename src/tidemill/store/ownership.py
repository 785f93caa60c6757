"""Whose a source is: a user's, a team's, or nobody's, which everybody may edit who may edit sources at all.

Checked inside the transaction that changes something, so that a source that changes hands is not changed by both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.errors import Forbidden, NotFound
from tidemill.models.account import Caller
from tidemill.models.audit import Note
from tidemill.store import audit, locks, users
from tidemill.store.engine import Store
from tidemill.store.quotas import source_count
from tidemill.store.tables import sources


async def check(connection: AsyncConnection, source_id: str, by: Caller | None) -> None:
    """Raises `Forbidden` (`not_owner`) unless the source is theirs to edit; nobody in particular may edit all."""
    if by is None or by.is_admin:
        return
    columns = (sources.c.name, sources.c.owner_id, sources.c.team_id)
    row = (await connection.execute(select(*columns).where(sources.c.id == source_id))).mappings().one_or_none()
    if row is not None:
        refuse_foreign(row, by)


def refuse_foreign(row: Mapping[Any, Any], by: Caller | None) -> None:
    """Raises `Forbidden` (`not_owner`) unless the source of this row is theirs to edit."""
    if by is not None and not by.may_edit(row["owner_id"], row["team_id"]):
        raise Forbidden(
            f"source {row['name']!r} belongs to another user or team; only they and admins change or crawl it",
            reason="not_owner",
        )


async def owned(connection: AsyncConnection, by: Caller | None, most: int | None) -> int:
    """How many sources a caller owns who may own only so many."""
    return 0 if most is None or by is None or by.user_id is None else await source_count(connection, by.user_id)


async def hold_to_quota(connection: AsyncConnection, by: Caller, most: int | None, before: int) -> None:
    """Raises `Forbidden` (`quota_sources`) if the caller owns more than before, and than `most`; all is undone then."""
    has = await owned(connection, by, most)
    if most is not None and has > max(before, most):
        raise Forbidden(
            f"you would own {has} sources, and your quota is {most}; delete one, or ask an admin for more",
            reason="quota_sources",
        )


async def hand_over(store: Store, name: str, by: Caller, *, user: str | None, team: str | None) -> None:
    """Give a source to a user (identifier or address), a team, both or nobody. Raises `NotFound`."""
    async with store.write(locks.NAMES) as connection:
        now = store.now()
        owner_id = (await users.referred(connection, user)).id if user else None
        team_id = await users.team_id(connection, team) if team else None
        values = {"owner_id": owner_id, "team_id": team_id}
        done = await connection.execute(update(sources).where(sources.c.name == name).values(values))
        if done.rowcount != 1:
            raise NotFound(
                f"no source {name!r}; `tidemill sources list` shows those there are", reason="no_such_source"
            )
        await audit.append(connection, by, [Note("source.hand_over", name, {"user": user, "team": team})], now)
