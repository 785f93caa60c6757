"""API keys as the database keeps them: by their public prefix and a hash of their secret."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, and_, case, func, insert, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.errors import Conflict, NotFound
from tidemill.models.account import Caller, Role
from tidemill.models.audit import Note
from tidemill.models.ids import new_id
from tidemill.store import audit, locks
from tidemill.store.engine import Store
from tidemill.store.tables import api_keys, users

_USED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A stored key. `prefix` names it in public; `secret_hash` is the hexadecimal SHA-256 of its secret.

    It may do what its `role` and its `scopes` allow (no scopes: all of the role's), and no more than `user` may, if it
    is somebody's. `replaced_by` is the prefix of the key that it was rotated to.
    """

    id: str
    name: str
    prefix: str
    secret_hash: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    role: Role = Role.ADMIN
    user_id: str | None = None
    team_id: str | None = None
    last_used_at: datetime | None = None
    replaced_by: str | None = None
    user: str | None = None
    user_role: Role | None = None
    user_active: bool = True

    def is_valid(self, now: datetime) -> bool:
        """Whether it may be used at `now`."""
        is_over = self.revoked_at is not None or (self.expires_at is not None and now >= self.expires_at)
        return not is_over and self.user_active


async def add_key(store: Store, key: ApiKey, by: Caller) -> ApiKey:
    """Keep a new key."""
    async with store.write(locks.AUDIT, locks.KEYS) as connection:
        now = store.now()
        made = replace(key, id=new_id(), created_at=now)
        await _insert(connection, made)
        await audit.append(connection, by, [_created(made)], now)
    return await key_by_prefix(store, key.prefix) or made


async def add_first_key(store: Store, key: ApiKey, by: Caller) -> ApiKey | None:
    """Keep a key if there is none at all, not even a revoked one, and no user; `None` if there is."""
    async with store.write(locks.AUDIT, locks.KEYS) as connection:
        for table in (api_keys, users):
            if await connection.scalar(select(func.count()).select_from(table)):
                return None
        now = store.now()
        made = replace(key, id=new_id(), created_at=now)
        await _insert(connection, made)
        await audit.append(connection, by, [_created(made)], now)
        return made


async def key_by_prefix(store: Store, prefix: str) -> ApiKey | None:
    """The key of that prefix, valid or not."""
    async with store.read() as connection:
        return await _find(connection, api_keys.c.prefix == prefix)


async def get_key(store: Store, prefix: str, user_id: str | None = None) -> ApiKey:
    """The key of that prefix, if it is this user's or no user is given. Raises `NotFound` (`no_such_key`)."""
    found = await key_by_prefix(store, prefix) if prefix.isalnum() else None
    if found is None or user_id not in (None, found.user_id):
        raise _unknown(prefix)
    return found


async def list_keys(
    store: Store,
    user_id: str | None = None,
    *,
    after: tuple[datetime, str] | None = None,
    limit: int | None = None,
) -> list[ApiKey]:
    """All keys, or those of one user, the oldest first; `limit` of those younger than the moment and key `after`."""
    statement = _select().order_by(api_keys.c.created_at, api_keys.c.id).limit(limit)
    if after is not None:
        at, key_id = after
        same_moment = and_(api_keys.c.created_at == at, api_keys.c.id > key_id)
        statement = statement.where(or_(api_keys.c.created_at > at, same_moment))
    if user_id is not None:
        statement = statement.where(api_keys.c.user_id == user_id)
    async with store.read() as connection:
        return [_key(row) for row in (await connection.execute(statement)).mappings()]


async def rotate_key(store: Store, prefix: str, successor: ApiKey, overlap: timedelta, by: Caller) -> ApiKey:
    """Keep a key like that of `prefix`, which ends when `overlap` has passed. Raises `NotFound` or `Conflict`."""
    async with store.write(locks.AUDIT, locks.KEYS) as connection:
        now = store.now()
        old = await _find(connection, api_keys.c.prefix == prefix)
        if old is None:
            raise _unknown(prefix)
        if not old.is_valid(now) or old.replaced_by is not None:
            why = f"it was rotated to {old.replaced_by}" if old.replaced_by else "it is revoked or has expired"
            raise Conflict(f"API key {prefix!r} cannot be rotated: {why}; make a new one", reason="key_ended")
        kept = replace(old, expires_at=successor.expires_at, last_used_at=None, replaced_by=None)
        made = replace(kept, id=new_id(), prefix=successor.prefix, secret_hash=successor.secret_hash, created_at=now)
        await _insert(connection, made)
        ends_at = now + overlap if old.expires_at is None else min(old.expires_at, now + overlap)
        ended = {"expires_at": ends_at, "replaced_by": made.prefix}
        await connection.execute(update(api_keys).where(api_keys.c.id == old.id).values(ended))
        detail = {"successor": made.prefix, "ends_at": ends_at.isoformat()}
        await audit.append(connection, by, [Note("key.rotate", prefix, detail)], now)
        return made


async def revoke_key(store: Store, prefix: str, by: Caller) -> None:
    """End a key for good; revoking it again changes nothing. Raises `NotFound`."""
    async with store.write(locks.AUDIT, locks.KEYS) as connection:
        now = store.now()
        found = await _find(connection, api_keys.c.prefix == prefix)
        if found is None:
            raise _unknown(prefix)
        if found.revoked_at is None:
            await connection.execute(update(api_keys).where(api_keys.c.id == found.id).values(revoked_at=now))
            await audit.append(connection, by, [Note("key.revoke", prefix, {"name": found.name})], now)


async def note_use(store: Store, key: ApiKey) -> None:
    """Remember that a key was used; written once a minute at the most."""
    now = store.now()
    if key.last_used_at is not None and now - key.last_used_at < _USED_EVERY:
        return
    is_older = or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at <= now - _USED_EVERY)
    async with store.write() as connection:
        await connection.execute(update(api_keys).where(api_keys.c.id == key.id, is_older).values(last_used_at=now))


_KEPT = ("id", "name", "prefix", "secret_hash", "scopes", "created_at", "expires_at", "revoked_at", "role", "user_id")
_COLUMNS = tuple(api_keys.c[name] for name in (*_KEPT, "team_id", "last_used_at", "replaced_by"))


def _select() -> Select[Any]:
    of_user = (users.c.email.label("user"), users.c.role.label("user_role"))
    # Not a boolean literal: SQLite has none of its own
    active = func.coalesce(users.c.active, literal(True)).label("user_active")
    # Somebody's key is of their team, whichever that is now: a key keeps no team that its user has left
    team = case((api_keys.c.user_id.is_not(None), users.c.team_id), else_=api_keys.c.team_id).label("team_id")
    own = [column for column in _COLUMNS if column.name != "team_id"]
    return select(*own, team, *of_user, active).outerjoin(users, users.c.id == api_keys.c.user_id)


async def _find(connection: AsyncConnection, condition: ColumnElement[bool]) -> ApiKey | None:
    row = (await connection.execute(_select().where(condition))).mappings().one_or_none()
    return None if row is None else _key(row)


async def _insert(connection: AsyncConnection, key: ApiKey) -> None:
    values = {column.name: getattr(key, column.name) for column in _COLUMNS}
    await connection.execute(insert(api_keys).values(values | {"scopes": list(key.scopes), "role": key.role.value}))


def _key(row: RowMapping) -> ApiKey:
    role = Role(row["user_role"]) if row["user_role"] else None
    changed: dict[str, Any] = {"scopes": tuple(row["scopes"]), "role": Role(row["role"]), "user_role": role}
    return ApiKey(**{**row, **changed, "user_active": bool(row["user_active"])})


def _created(key: ApiKey) -> Note:
    expires_at = key.expires_at.isoformat() if key.expires_at else None
    detail = {"name": key.name, "role": key.role.value, "scopes": list(key.scopes), "user_id": key.user_id}
    return Note("key.create", key.prefix, detail | {"expires_at": expires_at})


def _unknown(prefix: str) -> NotFound:
    return NotFound(f"no API key {prefix!r}; `tidemill keys list` shows those there are", reason="no_such_key")


def new_key(
    name: str,
    prefix: str,
    secret_hash: str,
    created_at: datetime,
    *,
    role: Role = Role.ADMIN,
    scopes: Sequence[str] = (),
    expires_at: datetime | None = None,
    user_id: str | None = None,
) -> ApiKey:
    """A key that is not kept yet."""
    return ApiKey("", name, prefix, secret_hash, tuple(scopes), created_at, expires_at, role=role, user_id=user_id)
