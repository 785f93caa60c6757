"""Users, keys and logins over a store whose clock the test turns: what the tests of accounts share."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.contract.store_house import TurnedStore, opened_store

from tidemill.manage import users
from tidemill.manage.logins import Granted, Logins, RefusedLogin
from tidemill.models.account import Caller, Role, User, caller_of
from tidemill.settings import Settings, load_settings

PASSWORD = "correct horse battery"  # pragma: allowlist secret
CHEAP = {"auth.argon2_passes": 1, "auth.argon2_memory_kib": 64, "auth.argon2_lanes": 1}
ME = caller_of("cli:me", Role.ADMIN)
SOMEBODY = replace(Caller("anonymous", Role.VIEWER, frozenset()), address="192.0.2.7", request_id="r-1")


@dataclass(frozen=True, slots=True)
class Accounts:
    """A store with its logins."""

    store: TurnedStore
    settings: Settings
    logins: Logins

    async def user(self, email: str = "ada@example.org", role: Role = Role.OPERATOR, **more: str) -> User:
        """A new user with the password that all of them have."""
        return await users.create(self.store, self.settings.auth, email, PASSWORD, ME, role=role, **more)

    async def login(self, email: str = "ada@example.org", password: str = PASSWORD, address: str = "") -> Granted:
        """A login from an address."""
        by = replace(SOMEBODY, address=address or SOMEBODY.address)
        return await self.logins.with_password(email, password, (), by)

    async def whose(self, token: str) -> Caller | None:
        """Whose access token it is."""
        return (await self.logins.recognise(token))[0]

    async def refreshed(self, token: str | None) -> Granted | None:
        """What a refresh token gives, if anything."""
        assert token is not None
        with contextlib.suppress(RefusedLogin):
            return await self.logins.with_refresh_token(token, (), SOMEBODY)
        return None


@asynccontextmanager
async def opened_accounts(folder: Path, **overrides: object) -> AsyncIterator[Accounts]:
    """A new store without users; overrides are settings by dotted name, `__` for the dot."""
    dotted = {name.replace("__", "."): value for name, value in overrides.items()}
    settings = load_settings({"data_dir": folder / "data", **CHEAP, **dotted}, environ={}, directory=folder)
    async with opened_store(folder / "t.db") as store:
        yield Accounts(store, settings, Logins(store, settings))
