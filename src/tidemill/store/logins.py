"""Failed logins by account and by address: who tries too often waits, in every process and after a restart.

An attempt is counted before its password is looked at and forgiven if it was right, so that a thousand tries at once
are a thousand attempts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.store import locks
from tidemill.store.engine import Store, insert
from tidemill.store.tables import login_attempts

_SHORTEST_S = 1.0
_MOST_DOUBLINGS = 20
_FORGOTTEN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Throttled:
    """A subject (an account, an address) may fail `free` times; then it waits, twice as long after each failure."""

    subject: str
    free: int


@dataclass(frozen=True, slots=True)
class Pause:
    """Why an attempt has to wait: a subject that failed too often, until when, and how many seconds that is."""

    subject: str
    until: datetime
    wait_s: float


async def enter(store: Store, subjects: Sequence[Throttled], longest_s: float) -> Pause | None:
    """Count an attempt for each subject; or the longest pause that must be over first, and nothing was counted."""
    async with store.write(locks.KEYS) as connection:
        now = store.now()
        names = [each.subject for each in subjects]
        statement = select(login_attempts).where(login_attempts.c.subject.in_(names))
        found = {row.subject: row for row in await connection.execute(statement)}
        blocked = [row for row in found.values() if row.blocked_until and row.blocked_until > now]
        if blocked:
            last = max(blocked, key=lambda row: row.blocked_until)
            return Pause(last.subject, last.blocked_until, (last.blocked_until - now).total_seconds())
        for each in subjects:
            row = found.get(each.subject)
            is_new = row is None or now - row.last_at > timedelta(seconds=2 * longest_s)
            before = 0 if row is None or is_new else row.failures
            await _count(connection, each, before + 1, now, longest_s)
        await connection.execute(delete(login_attempts).where(login_attempts.c.last_at < now - _FORGOTTEN))
        return None


async def forgive(store: Store, account: str, others: Sequence[str]) -> None:
    """The password was right: the account has no failures any more, the others one less."""
    async with store.write(locks.KEYS) as connection:
        await connection.execute(delete(login_attempts).where(login_attempts.c.subject == account))
        less = {"failures": login_attempts.c.failures - 1, "blocked_until": None}
        await connection.execute(update(login_attempts).where(login_attempts.c.subject.in_(others)).values(less))


async def _count(
    connection: AsyncConnection, throttled: Throttled, failures: int, now: datetime, longest_s: float
) -> None:
    beyond = failures - throttled.free
    pause_s = min(longest_s, _SHORTEST_S * 2 ** min(beyond, _MOST_DOUBLINGS)) if beyond >= 0 else 0.0
    blocked_until = now + timedelta(seconds=pause_s) if pause_s else None
    values = {"failures": failures, "last_at": now, "blocked_until": blocked_until}
    statement = insert(login_attempts).values(subject=throttled.subject, **values)
    await connection.execute(statement.on_conflict_do_update(index_elements=["subject"], set_=values))
