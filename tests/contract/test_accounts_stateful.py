"""Keys and refresh tokens under logins, refreshes, thefts, rotations, revocations and time, in any order.

A model says which secrets must work now; every one ever handed out is held against it after each step.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.contract.account_house import ME, PASSWORD, Accounts, opened_accounts
from tests.contract.store_house import stores_on

from tidemill.errors import Conflict
from tidemill.manage import accounts as keys
from tidemill.manage import users
from tidemill.models.account import Role, User
from tidemill.store import accounts, audit

T = TypeVar("T")
PEOPLE = ("ada@example.org", "bob@example.org")
WHO = st.sampled_from(PEOPLE)
_ACCESS_S = 900
_REFRESH_S = 1_209_600


@dataclass
class Family:
    """A session as the model knows it."""

    who: str
    ends_at: datetime
    live: str
    used: list[str] = field(default_factory=list)
    access: list[tuple[str, datetime]] = field(default_factory=list)
    is_over: bool = False


@dataclass
class Key:
    """A key as the model knows it."""

    prefix: str
    clear: str
    who: str | None
    ends_at: datetime | None
    is_revoked: bool = False
    is_rotated: bool = False


class AccountMachine(RuleBasedStateMachine):
    """Two people, their sessions and keys."""

    database = "sqlite"

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.stack.enter_context(stores_on(self.database))
        folder = Path(self.stack.enter_context(TemporaryDirectory()))
        self.house: Accounts = self.wait(self.stack.enter_async_context(opened_accounts(folder)))
        self.users: dict[str, User] = {who: self.wait(self.house.user(who)) for who in PEOPLE}
        self.active = dict.fromkeys(PEOPLE, True)
        self.families: list[Family] = []
        self.keys: list[Key] = []

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    @property
    def now(self) -> datetime:
        return self.house.store.at

    @rule(who=WHO)
    def log_in(self, who: str) -> None:
        if not self.active[who]:
            return
        granted = self.wait(self.house.login(who))
        family = Family(who, self.now + timedelta(seconds=_REFRESH_S), str(granted.refresh_token))
        family.access.append((granted.access_token, self.now + timedelta(seconds=_ACCESS_S)))
        self.families.append(family)

    @precondition(lambda self: self.families)
    @rule(data=st.data())
    def refresh(self, data: st.DataObject) -> None:
        family = data.draw(st.sampled_from(self.families))
        granted = self.wait(self.house.refreshed(family.live))
        assert (granted is not None) == self.is_alive(family)
        if granted is not None:
            family.used.append(family.live)
            family.live = str(granted.refresh_token)
            family.access.append((granted.access_token, self.now + timedelta(seconds=_ACCESS_S)))

    @precondition(lambda self: any(family.used for family in self.families))
    @rule(data=st.data())
    def use_a_stolen_token(self, data: st.DataObject) -> None:
        family = data.draw(st.sampled_from([each for each in self.families if each.used]))
        assert self.wait(self.house.refreshed(data.draw(st.sampled_from(family.used)))) is None
        family.is_over = True

    @precondition(lambda self: self.families)
    @rule(data=st.data())
    def log_out(self, data: st.DataObject) -> None:
        family = data.draw(st.sampled_from(self.families))
        self.wait(self.house.logins.end(data.draw(st.sampled_from([family.live, *family.used])), ME))
        family.is_over = True

    @rule(who=WHO)
    def set_password(self, who: str) -> None:
        self.wait(users.set_password(self.house.store, self.house.settings.auth, who, PASSWORD, ME))
        self.end_all(who)

    @rule(who=WHO, active=st.booleans())
    def disable_or_enable(self, who: str, active: bool) -> None:
        self.wait(users.change(self.house.store, who, ME, active=active))
        if not active and self.active[who]:
            self.end_all(who)
        self.active[who] = active

    @rule(who=st.one_of(st.none(), WHO), lasts_s=st.one_of(st.none(), st.sampled_from([60, 100_000])))
    def make_key(self, who: str | None, lasts_s: int | None) -> None:
        ends_at = None if lasts_s is None else self.now + timedelta(seconds=lasts_s)
        made = keys.create_key(self.house.store, "k", by=ME, role=Role.OPERATOR, expires_at=ends_at, user=who)
        key, clear = self.wait(made)
        self.keys.append(Key(key.prefix, clear, who, ends_at))

    @precondition(lambda self: self.keys)
    @rule(data=st.data(), overlap_s=st.sampled_from([0, 600, 10**6]))
    def rotate_key(self, data: st.DataObject, overlap_s: int) -> None:
        old = data.draw(st.sampled_from(self.keys))
        may = self.works(old) and not old.is_rotated
        try:
            overlap = timedelta(seconds=overlap_s)
            key, clear = self.wait(keys.rotate_key(self.house.store, old.prefix, ME, overlap=overlap))
        except Conflict:
            assert not may
            return
        assert may
        ends_at = self.now + timedelta(seconds=overlap_s)
        old.ends_at, old.is_rotated = min(old.ends_at or ends_at, ends_at), True
        self.keys.append(Key(key.prefix, clear, old.who, key.expires_at))

    @precondition(lambda self: self.keys)
    @rule(data=st.data())
    def revoke_key(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(self.keys))
        self.wait(accounts.revoke_key(self.house.store, key.prefix, ME))
        key.is_revoked = True

    @rule(seconds=st.sampled_from([1.0, 70.0, 1000.0, 100_000.0, 1_300_000.0]))
    def let_time_pass(self, seconds: float) -> None:
        self.house.store.turn_on(seconds)

    @invariant()
    def access_tokens_work_as_long_as_their_session(self) -> None:
        for family in self.families:
            for token, ends_at in family.access:
                expected = self.is_alive(family) and self.now < ends_at - timedelta(seconds=2)
                is_close = abs((ends_at - self.now).total_seconds()) <= 2
                caller = self.wait(self.house.whose(token))
                assert is_close or (caller is not None) == expected
                assert caller is None or caller.user_id == self.users[family.who].id

    @invariant()
    def keys_work_until_they_end(self) -> None:
        for key in self.keys:
            is_close = key.ends_at is not None and abs((key.ends_at - self.now).total_seconds()) <= 1
            found = self.wait(keys.recognise(self.house.store, key.clear))
            assert is_close or (found is not None) == self.works(key)

    def is_alive(self, family: Family) -> bool:
        return not family.is_over and self.now < family.ends_at and self.active[family.who]

    def works(self, key: Key) -> bool:
        is_over = key.is_revoked or (key.ends_at is not None and self.now >= key.ends_at)
        return not is_over and (key.who is None or self.active[key.who])

    def end_all(self, who: str) -> None:
        for family in self.families:
            family.is_over = family.is_over or family.who == who

    def teardown(self) -> None:
        try:
            assert self.wait(audit.verify(self.house.store)).fault is None
        finally:
            self.wait(self.stack.aclose())
            self.runner.close()


class OnServer(AccountMachine):
    """The same on a server."""

    database = "postgresql"


_SETTINGS = settings(max_examples=12, stateful_step_count=25, deadline=None)
TestAccounts = AccountMachine.TestCase
TestAccounts.settings = _SETTINGS


@pytest.mark.usefixtures("postgres")
class TestAccountsOnServer(OnServer.TestCase):  # type: ignore[name-defined,misc]
    settings = settings(max_examples=5, stateful_step_count=20, deadline=None)
