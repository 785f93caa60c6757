"""Quotas: what each user may have, what they have, and the check at the door of what would go beyond.

The settings `quotas.*` hold for all users, a user's own go before them. Who is no user (keys of the settings, loopback,
the command line) has none, and neither have admins.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tidemill.errors import Forbidden, TooMany
from tidemill.models.account import QUOTAS, Caller
from tidemill.models.run import RunOptions
from tidemill.settings import QuotaSettings
from tidemill.store import quotas as store_quotas
from tidemill.store import users
from tidemill.store.engine import Store
from tidemill.store.quotas import Usage

if TYPE_CHECKING:  # `tidemill.store` imports of it what is needed
    from sqlalchemy.ext.asyncio import AsyncConnection


async def limits(store: Store, settings: QuotaSettings, user_id: str) -> dict[str, int | None]:
    """How much of each a user may have; `None`: no limit."""
    own = (await users.by_id(store, user_id)).quotas
    common = {
        "sources": settings.sources,
        "pages_per_day": settings.pages_per_day,
        "documents": settings.documents,
        "exports_per_day": settings.exports_per_day,
    }
    return {name: own[name] if name in own else (common[name] or None) for name in QUOTAS}


async def used(store: Store, user_id: str) -> Usage:
    """How much of each a user has."""
    return await store_quotas.usage(store, user_id, _day(store.now()))


async def source_limit(store: Store, settings: QuotaSettings | None, by: Caller | None) -> int | None:
    """How many sources the caller may own; to be held to in the transaction that makes one."""
    found = await _limits(store, settings, by)
    return found.get("sources")


async def run_bound(
    store: Store, settings: QuotaSettings | None, by: Caller | None, options: RunOptions
) -> Callable[[AsyncConnection], Awaitable[RunOptions]]:
    """What gives, inside the transaction that makes a run, its options: it fetches no more than is left of the day.

    That transaction must hold `locks.EVENTS`, so that of several who begin runs at once each sees those before it. The
    function raises `Forbidden` (`quota_documents`) or `TooMany` (`quota_pages`).
    """
    found = await _limits(store, settings, by)

    async def bounded(connection: AsyncConnection) -> RunOptions:
        if by is None or by.user_id is None or (found.get("documents") is None and found.get("pages_per_day") is None):
            return options
        now = store.now()
        return _bounded(found, await store_quotas.usage_in(connection, by.user_id, _day(now)), options, now)

    return bounded


def _bounded(found: Mapping[str, int | None], has: Usage, options: RunOptions, now: datetime) -> RunOptions:
    most_documents, most_pages = found.get("documents"), found.get("pages_per_day")
    if most_documents is not None and has.documents >= most_documents:
        raise Forbidden(
            f"your sources hold {has.documents} documents, and your quota is {most_documents}; delete a source, or ask"
            " an admin for more",
            reason="quota_documents",
        )
    if most_pages is None:
        return options
    left = most_pages - has.pages_per_day
    if left <= 0:
        raise _used_up("pages", has.pages_per_day, most_pages, "quota_pages", now)
    return replace(options, max_pages=left if options.max_pages is None else min(options.max_pages, left))


async def export_bound(
    store: Store, settings: QuotaSettings | None, by: Caller | None
) -> Callable[[AsyncConnection], Awaitable[None]]:
    """What refuses, inside the transaction that makes an export, one too many. Raises `TooMany` (`quota_exports`).

    That transaction must hold `locks.AUDIT` from its beginning, so that each sees those made before it.
    """
    most = (await _limits(store, settings, by)).get("exports_per_day")

    async def check(connection: AsyncConnection) -> None:
        if most is None or by is None or by.user_id is None:
            return
        now = store.now()
        has = (await store_quotas.usage_in(connection, by.user_id, _day(now))).exports_per_day
        if has >= most:
            raise _used_up("exports", has, most, "quota_exports", now)

    return check


async def check_export(store: Store, settings: QuotaSettings | None, by: Caller | None) -> None:
    """Whether the caller may start one more export as things stand. Raises `TooMany` (`quota_exports`)."""
    check = await export_bound(store, settings, by)
    async with store.read() as connection:
        await check(connection)


async def _limits(store: Store, settings: QuotaSettings | None, by: Caller | None) -> Mapping[str, int | None]:
    if settings is None or by is None or by.user_id is None or by.is_admin:
        return {}
    return await limits(store, settings, by.user_id)


def _used_up(what: str, has: int, most: int, reason: str, now: datetime) -> TooMany:
    left = _day(now) + timedelta(days=1) - now
    return TooMany(
        f"your {what} of today are used up: {has} of {most}; the next day begins at 00:00 UTC",
        reason=reason,
        retry_after_s=left.total_seconds(),
    )


def _day(now: datetime) -> datetime:
    """When the day began, in UTC."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)
