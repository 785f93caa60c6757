"""Users and teams. Passwords come here as hashes only; a user is never deleted, since the audit log speaks of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Unpack

from sqlalchemy import ColumnElement, RowMapping, Select, and_, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.errors import Conflict, NotFound
from tidemill.models.account import Caller, Role, Team, User, UserEdit
from tidemill.models.audit import Note
from tidemill.models.ids import new_id
from tidemill.store import audit, locks, sessions
from tidemill.store.engine import Store
from tidemill.store.tables import teams, users


async def add(store: Store, email: str, password_hash: str, role: Role, by: Caller, *, team: str | None = None) -> User:
    """Keep a new user. A team that is not there yet is made. Raises `Conflict` (`user_exists`)."""
    async with store.write(locks.AUDIT, locks.KEYS) as connection:
        now = store.now()
        if await connection.scalar(select(users.c.id).where(users.c.email == email)):
            raise Conflict(f"there is a user {email!r} already; `tidemill users list` shows them", reason="user_exists")
        values = {"id": new_id(), "email": email, "password_hash": password_hash, "role": role.value, "active": True}
        team_id = await _team_id(connection, team, by, now) if team else None
        await connection.execute(insert(users).values(**values, team_id=team_id, quotas={}, created_at=now))
        detail = {"role": role.value, "team": team}
        await audit.append(connection, by, [Note("user.create", email, detail)], now)
        return await _one(connection, users.c.email == email, email)


async def get(store: Store, reference: str) -> User:
    """The user of that identifier or address. Raises `NotFound` (`no_such_user`)."""
    async with store.read() as connection:
        return await referred(connection, reference)


async def by_id(store: Store, user_id: str) -> User:
    """The user of that identifier. Raises `NotFound`."""
    async with store.read() as connection:
        return await _one(connection, users.c.id == user_id, user_id)


async def listed(store: Store, *, after: str | None = None, limit: int | None = None) -> list[User]:
    """All users by address, or `limit` of them behind the address `after`."""
    statement = _select().order_by(users.c.email).limit(limit)
    if after is not None:
        statement = statement.where(users.c.email > after)
    async with store.read() as connection:
        return [_user(row) for row in (await connection.execute(statement)).mappings()]


async def with_password(store: Store, email: str) -> tuple[User, str] | None:
    """The user of that address and the hash of the password, if there are both."""
    statement = _select().add_columns(users.c.password_hash).where(users.c.email == email)
    async with store.read() as connection:
        row = (await connection.execute(statement)).mappings().one_or_none()
    return (_user(row), row["password_hash"]) if row is not None and row["password_hash"] else None


async def change(
    store: Store,
    reference: str,
    by: Caller,
    *,
    check: Callable[[User], None] | None = None,
    **edit: Unpack[UserEdit],
) -> User:
    """Change what is given. Who is disabled is logged out everywhere.

    `check` sees the user as they stand, inside the transaction, and may refuse. Raises `NotFound`, or `Conflict`
    (`last_admin`): somebody must be left who can let others in.
    """
    async with store.write(locks.AUDIT, locks.KEYS) as connection:
        now = store.now()
        user = await referred(connection, reference)
        if check is not None:
            check(user)
        values = _own_values(user, edit)
        team = edit.get("team")
        if team is not None and team != (user.team or ""):
            values["team_id"] = await _team_id(connection, team, by, now) if team else None
        if not values:
            return user
        await _keep_an_admin(connection, user, values)
        await connection.execute(update(users).where(users.c.id == user.id).values(values))
        if edit.get("active") is False:
            await sessions.revoke_all(connection, user.id, now)
        told = {"team": team or None} if "team_id" in values else {}
        told |= {name: value for name, value in values.items() if name != "team_id"}
        await audit.append(connection, by, [Note("user.change", user.email, told)], now)
        return await _one(connection, users.c.id == user.id, user.email)


async def set_password(store: Store, reference: str, password_hash: str, by: Caller) -> User:
    """Give a new password; every session of the user ends. Raises `NotFound`."""
    async with store.write(locks.AUDIT, locks.KEYS) as connection:
        now = store.now()
        user = await referred(connection, reference)
        await connection.execute(update(users).where(users.c.id == user.id).values(password_hash=password_hash))
        await sessions.revoke_all(connection, user.id, now)
        await audit.append(connection, by, [Note("user.set_password", user.email)], now)
        return user


async def rehash(store: Store, user_id: str, old: str, new: str) -> None:
    """Keep the same password under a stronger hash, unless it was changed in the meantime."""
    unchanged = and_(users.c.id == user_id, users.c.password_hash == old)
    async with store.write() as connection:
        await connection.execute(update(users).where(unchanged).values(password_hash=new))


async def list_teams(store: Store) -> list[Team]:
    """All teams by name."""
    async with store.read() as connection:
        rows = (await connection.execute(select(teams).order_by(teams.c.name))).mappings()
        return [Team(**row) for row in rows]


async def team_id(connection: AsyncConnection, name: str) -> str:
    """The identifier of a team. Raises `NotFound` (`no_such_team`)."""
    found = await connection.scalar(select(teams.c.id).where(teams.c.name == name))
    if found is None:
        raise NotFound(f"no team {name!r}; `tidemill users teams` shows those there are", reason="no_such_team")
    return str(found)


async def referred(connection: AsyncConnection, reference: str) -> User:
    """The user of an identifier or address, inside a transaction. Raises `NotFound`."""
    if not reference.isprintable():
        raise _unknown(reference)
    column = users.c.email if "@" in reference else users.c.id
    return await _one(connection, column == (reference.lower() if "@" in reference else reference), reference)


def _own_values(user: User, edit: UserEdit) -> dict[str, Any]:
    """What of an edit differs, but for the team."""
    values: dict[str, Any] = {}
    role, active, quotas = edit.get("role"), edit.get("active"), edit.get("quotas")
    if role is not None and role is not user.role:
        values["role"] = role.value
    if active is not None and active is not user.active:
        values["active"] = active
    if quotas is not None and dict(quotas) != dict(user.quotas):
        values["quotas"] = dict(quotas)
    return values


async def _keep_an_admin(connection: AsyncConnection, user: User, values: Mapping[str, Any]) -> None:
    is_admin = user.role is Role.ADMIN and user.active
    stays = values.get("role", user.role.value) == Role.ADMIN.value and values.get("active", True)
    if not is_admin or stays:
        return
    others = and_(users.c.role == Role.ADMIN.value, users.c.active, users.c.id != user.id)
    if not await connection.scalar(select(func.count()).select_from(users).where(others)):
        raise Conflict(f"{user.email} is the last admin; give another user the role admin first", reason="last_admin")


async def _team_id(connection: AsyncConnection, name: str, by: Caller, now: datetime) -> str:
    found = await connection.scalar(select(teams.c.id).where(teams.c.name == name))
    if found is not None:
        return str(found)
    made = new_id()
    await connection.execute(insert(teams).values(id=made, name=name, created_at=now))
    await audit.append(connection, by, [Note("team.create", name)], now)
    return made


async def _one(connection: AsyncConnection, condition: ColumnElement[bool], reference: str) -> User:
    row = (await connection.execute(_select().where(condition))).mappings().one_or_none()
    if row is None:
        raise _unknown(reference)
    return _user(row)


def _unknown(reference: str) -> NotFound:
    return NotFound(f"no user {reference!r}; `tidemill users list` shows those there are", reason="no_such_user")


def _select() -> Select[Any]:
    names = ("id", "email", "role", "active", "created_at", "team_id", "quotas", "last_login_at")
    columns = [users.c[name] for name in names]
    return select(*columns, teams.c.name.label("team")).outerjoin(teams, teams.c.id == users.c.team_id)


def _user(row: RowMapping) -> User:
    names = ("id", "email", "active", "created_at", "team_id", "team", "quotas", "last_login_at")
    return User(role=Role(row["role"]), **{name: row[name] for name in names})
