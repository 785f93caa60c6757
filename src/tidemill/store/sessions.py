"""Sessions of users: families of refresh tokens, each used once. Whoever uses one again ends the whole family.

In: hashes of tokens. Out: whose they are, or that they are not valid. A token that is used twice was stolen, or its
thief came first: nobody can tell which, so both lose it (RFC 9700, 4.14.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.models.account import Caller, Role, User
from tidemill.models.audit import Note
from tidemill.models.ids import new_id
from tidemill.store import audit, locks
from tidemill.store.engine import Store
from tidemill.store.tables import refresh_tokens, users

_KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Session:
    """A login of a user, until `expires_at`. `scopes` narrow what it may do; none stand for all of the role's."""

    id: str
    user_id: str
    scopes: tuple[str, ...]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """What a session may do just now."""

    user_id: str
    email: str
    role: Role
    team_id: str | None
    scopes: tuple[str, ...]


async def begin(
    store: Store, user: User, token_hash: str, scopes: Sequence[str], expires_at: datetime, by: Caller
) -> Session:
    """A new session with its first refresh token."""
    session = Session(new_id(), user.id, tuple(scopes), expires_at)
    async with store.write(locks.AUDIT, locks.KEYS) as connection:
        now = store.now()
        over = and_(refresh_tokens.c.user_id == user.id, refresh_tokens.c.expires_at < now - _KEPT)
        await connection.execute(delete(refresh_tokens).where(over))
        await _insert(connection, session, token_hash, now)
        await connection.execute(update(users).where(users.c.id == user.id).values(last_login_at=now))
        await audit.append(connection, by, [Note("session.begin", session.id, {"user": user.email})], now)
    return session


async def rotate(store: Store, token_hash: str, new_hash: str, by: Caller) -> Session | None:
    """Use a refresh token up for the next one; `None` if it is not valid. Used once before, it ends its family."""
    async with store.write(locks.AUDIT, locks.KEYS) as connection:
        now = store.now()
        row = await _row(connection, token_hash)
        if row is None:
            return None
        session = Session(row.family_id, row.user_id, tuple(row.scopes), row.expires_at)
        if row.used_at is not None:
            if row.revoked_at is None:
                await _revoke(connection, refresh_tokens.c.family_id == session.id, now)
                detail = {"user": row.email, "why": "a refresh token was used twice"}
                await audit.append(connection, by, [Note("session.reused", session.id, detail)], now)
            return None
        if row.revoked_at is not None or row.expires_at <= now or not row.active:
            return None
        await connection.execute(
            update(refresh_tokens).where(refresh_tokens.c.token_hash == token_hash).values(used_at=now)
        )
        await _insert(connection, session, new_hash, now)
        return session


async def find(store: Store, token_hash: str) -> Session | None:
    """The session of a refresh token, whether or not it is valid still."""
    async with store.read() as connection:
        row = await _row(connection, token_hash)
    return None if row is None else Session(row.family_id, row.user_id, tuple(row.scopes), row.expires_at)


async def end(store: Store, session_id: str, by: Caller) -> None:
    """End a session; its access tokens are worth nothing from then on. Ending it again changes nothing."""
    async with store.write(locks.AUDIT, locks.KEYS) as connection:
        now = store.now()
        if await _revoke(connection, refresh_tokens.c.family_id == session_id, now):
            await audit.append(connection, by, [Note("session.end", session_id)], now)


async def revoke_all(connection: AsyncConnection, user_id: str, now: datetime) -> None:
    """End every session of a user, inside the caller's transaction."""
    await _revoke(connection, refresh_tokens.c.user_id == user_id, now)


async def standing(store: Store, session_id: str, now: datetime) -> Standing | None:
    """Whose session it is and in which role they are; `None` if it has ended or the user is disabled."""
    statement = (
        select(users.c.id, users.c.email, users.c.role, users.c.team_id, refresh_tokens.c.scopes)
        .join(users, users.c.id == refresh_tokens.c.user_id)
        .where(
            refresh_tokens.c.family_id == session_id,
            refresh_tokens.c.revoked_at.is_(None),
            refresh_tokens.c.expires_at > now,
            users.c.active,
        )
        .limit(1)
    )
    async with store.read() as connection:
        row = (await connection.execute(statement)).one_or_none()
    return None if row is None else Standing(row.id, row.email, Role(row.role), row.team_id, tuple(row.scopes))


async def _row(connection: AsyncConnection, token_hash: str) -> Any:
    of_user = select(refresh_tokens, users.c.email, users.c.active).join(users, users.c.id == refresh_tokens.c.user_id)
    return (await connection.execute(of_user.where(refresh_tokens.c.token_hash == token_hash))).one_or_none()


async def _insert(connection: AsyncConnection, session: Session, token_hash: str, now: datetime) -> None:
    await connection.execute(
        insert(refresh_tokens).values(
            id=new_id(),
            user_id=session.user_id,
            family_id=session.id,
            token_hash=token_hash,
            scopes=list(session.scopes),
            expires_at=session.expires_at,
            created_at=now,
        )
    )


async def _revoke(connection: AsyncConnection, condition: Any, now: datetime) -> int:
    live = refresh_tokens.c.revoked_at.is_(None)
    done = await connection.execute(update(refresh_tokens).where(condition, live).values(revoked_at=now))
    return int(done.rowcount)
