"""Accounts: API keys as the database keeps them, by their public prefix and a hash of their secret."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.errors import NotFound
from tidemill.models.ids import new_id
from tidemill.store import locks
from tidemill.store.engine import Store
from tidemill.store.tables import api_keys


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A stored key. `prefix` names it in public; `secret_hash` is the hexadecimal SHA-256 of its secret."""

    id: str
    name: str
    prefix: str
    secret_hash: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        """Whether it may be used at `now`."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


async def add_key(
    store: Store,
    *,
    name: str,
    prefix: str,
    secret_hash: str,
    scopes: Sequence[str] = (),
    expires_at: datetime | None = None,
) -> ApiKey:
    """Keep a new key."""
    async with store.write() as connection:
        return await _insert(
            connection, ApiKey(new_id(), name, prefix, secret_hash, tuple(scopes), store.now(), expires_at)
        )


async def add_first_key(store: Store, *, name: str, prefix: str, secret_hash: str) -> ApiKey | None:
    """Keep a key if there is none at all, not even a revoked one; `None` if there is one."""
    async with store.write(locks.KEYS) as connection:
        if await connection.scalar(select(func.count()).select_from(api_keys)):
            return None
        return await _insert(connection, ApiKey(new_id(), name, prefix, secret_hash, (), store.now()))


async def key_by_prefix(store: Store, prefix: str) -> ApiKey | None:
    """The key of that prefix, valid or not."""
    statement = select(*_COLUMNS).where(api_keys.c.prefix == prefix)
    async with store.read() as connection:
        row = (await connection.execute(statement)).mappings().one_or_none()
    return None if row is None else _key(dict(row))


async def revoke_key(store: Store, prefix: str) -> None:
    """End a key for good; revoking it again changes nothing. Raises `NotFound`."""
    async with store.write() as connection:
        ended = {"revoked_at": func.coalesce(api_keys.c.revoked_at, literal(store.now(), api_keys.c.revoked_at.type))}
        done = await connection.execute(update(api_keys).where(api_keys.c.prefix == prefix).values(ended))
        if done.rowcount != 1:
            raise NotFound(f"no API key {prefix!r}", reason="no_such_key")


_COLUMNS = (
    api_keys.c.id,
    api_keys.c.name,
    api_keys.c.prefix,
    api_keys.c.secret_hash,
    api_keys.c.scopes,
    api_keys.c.created_at,
    api_keys.c.expires_at,
    api_keys.c.revoked_at,
)


async def _insert(connection: AsyncConnection, key: ApiKey) -> ApiKey:
    values = {column.name: getattr(key, column.name) for column in _COLUMNS}
    await connection.execute(insert(api_keys).values(values | {"scopes": list(key.scopes)}))
    return key


def _key(values: dict[str, Any]) -> ApiKey:
    return ApiKey(**values | {"scopes": tuple(values["scopes"])})
