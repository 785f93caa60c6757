"""Users, passwords, sessions, tokens and keys over both databases: who gets in, for how long, and who does not."""

from __future__ import annotations

import asyncio
import contextlib
import json
import stat
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from tests.contract.account_house import CHEAP, ME, PASSWORD, SOMEBODY, Accounts, opened_accounts
from tests.contract.store_house import EPOCH

from tidemill.errors import Conflict, Forbidden, Invalid, NotFound, Permanent, TooMany, Transient
from tidemill.manage import accounts as manage_keys
from tidemill.manage import signing
from tidemill.manage import users as manage
from tidemill.manage.accounts import create_key, recognise
from tidemill.manage.logins import Logins, RefusedLogin
from tidemill.manage.signing import SigningKeys
from tidemill.manage.tokens import BadToken, Tokens
from tidemill.models.account import SCOPES, SCOPES_OF, Caller, Role, caller_of
from tidemill.models.audit import AuditLine
from tidemill.settings import load_settings
from tidemill.store import accounts, audit, users
from tidemill.store.tables import login_attempts, refresh_tokens
from tidemill.store.tables import users as users_table

ADA = "ada@example.org"


@pytest.fixture
async def house(tmp_path: Path, database: str) -> AsyncIterator[Accounts]:
    async with opened_accounts(tmp_path) as opened:
        yield opened


class TestUsers:
    async def test_made_changed_and_told_apart(self, house: Accounts) -> None:
        ada = await house.user(" Ada@Example.ORG ", Role.ADMIN, team="editors")
        assert (ada.email, ada.role, ada.team, ada.active) == (ADA, Role.ADMIN, "editors", True)
        with pytest.raises(Conflict) as caught:
            await house.user("ADA@example.org")
        assert caught.value.reason == "user_exists"
        bob = await house.user("bob@example.org", Role.VIEWER, team="editors")
        assert bob.team_id == ada.team_id
        changed = await manage.change(house.store, bob.email, ME, role=Role.OPERATOR, team="", quotas={"sources": 3})
        assert (changed.role, changed.team, changed.quotas) == (Role.OPERATOR, None, {"sources": 3})
        assert await users.get(house.store, bob.id) == changed
        assert [each.email for each in await users.listed(house.store)] == [ADA, "bob@example.org"]
        assert [each.name for each in await users.list_teams(house.store)] == ["editors"]

    @pytest.mark.parametrize("reference", ["nobody@example.org", "", "x", "a\0@b", "\ud800@x", "%", "' OR 1=1 --"])
    async def test_unknown(self, house: Accounts, reference: str) -> None:
        await house.user()
        with pytest.raises(NotFound):
            await users.get(house.store, reference)

    @pytest.mark.parametrize(
        "email",
        ["", "ada", "@example.org", "ada@", "a b@c.org", "a@b@c", "a\n@b.org", "<a@b.org>", "a@b.org\0", "x" * 400],
    )
    async def test_what_is_no_address(self, house: Accounts, email: str) -> None:
        with pytest.raises(Invalid) as caught:
            await house.user(email)
        assert caught.value.reason == "bad_email"

    @pytest.mark.parametrize(
        "password",
        ["", "short", "eleven char", "aaaaaaaaaaaa", ADA, "x" * 2000 + "abcde", "twelve\0chars", "new\nline and so on"],
    )
    async def test_passwords_that_are_too_easy(self, house: Accounts, password: str) -> None:
        with pytest.raises(Invalid) as caught:
            await manage.create(house.store, house.settings.auth, ADA, password, ME)
        assert caught.value.reason == "weak_password"
        assert password not in str(caught.value) or password == ""

    async def test_somebody_must_be_left_who_can_let_others_in(self, house: Accounts) -> None:
        ada, bob = await house.user(role=Role.ADMIN), await house.user("bob@example.org", Role.ADMIN)
        await manage.change(house.store, bob.id, ME, role=Role.VIEWER)
        for change in ({"role": Role.OPERATOR}, {"active": False}):
            with pytest.raises(Conflict) as caught:
                await manage.change(house.store, ada.id, ME, **change)  # type: ignore[arg-type]
            assert caught.value.reason == "last_admin"
        assert (await users.get(house.store, ADA)).role is Role.ADMIN

    async def test_two_admins_cannot_both_be_the_last_to_go(self, house: Accounts) -> None:
        admins = [await house.user(f"{name}@example.org", Role.ADMIN) for name in ("ada", "bob", "cyd")]
        gone = await asyncio.gather(
            *(manage.change(house.store, each.id, ME, active=False) for each in admins), return_exceptions=True
        )
        assert sorted(isinstance(each, Conflict) for each in gone) == [False, False, True]

    async def test_no_password_is_kept_nor_written_down(self, house: Accounts) -> None:
        await house.user()
        with pytest.raises(RefusedLogin):
            await house.login(password="canary-4711-canary")  # pragma: allowlist secret
        with pytest.raises(RefusedLogin):
            await house.login(email="canary-4711-canary")
        async with house.store.read() as connection:
            row = (await connection.execute(select(users_table))).mappings().one()
        assert row["password_hash"].startswith("$argon2id$v=19$m=64,t=1,p=1$")
        said = str([line async for line in audit.lines(house.store)])
        assert PASSWORD not in said
        assert "canary" not in said


class TestLogin:
    async def test_right_wrong_and_unknown(self, house: Accounts) -> None:
        ada = await house.user(role=Role.OPERATOR)
        granted = await house.login("ADA@example.org ")
        caller = await house.whose(granted.access_token)
        assert caller is not None
        assert (caller.name, caller.role, caller.user_id) == (f"user:{ADA}", Role.OPERATOR, ada.id)
        assert caller.scopes == SCOPES_OF[Role.OPERATOR]
        assert (await users.get(house.store, ADA)).last_login_at is not None
        told = set()
        for email, password in ((ADA, "wrong horse battery"), ("bob@example.org", PASSWORD), ("", ""), ("\0", "\0")):
            with pytest.raises(RefusedLogin) as caught:
                await house.login(email, password)
            told.add((str(caught.value), caught.value.reason))
        assert len(told) == 1, "the answer must not say whether there is such a user"

    async def test_characters_that_look_the_same_are_the_same(self, house: Accounts) -> None:
        await manage.create(house.store, house.settings.auth, ADA, "e\u0301clair au chocolat", ME)
        assert (await house.login(password="\u00e9clair au chocolat")).access_token  # pragma: allowlist secret

    async def test_a_disabled_user_is_out_at_once_and_stays_out(self, house: Accounts) -> None:
        ada = await house.user()
        await house.user("root@example.org", Role.ADMIN)
        granted = await house.login()
        _, clear = await create_key(house.store, "hers", by=ME, role=Role.OPERATOR, user=ADA)
        assert await recognise(house.store, clear) is not None
        await manage.change(house.store, ada.id, ME, active=False)
        assert await house.whose(granted.access_token) is None
        assert await house.refreshed(granted.refresh_token) is None
        assert await recognise(house.store, clear) is None
        with pytest.raises(RefusedLogin):
            await house.login()
        await manage.change(house.store, ada.id, ME, active=True)
        assert await house.whose(granted.access_token) is None, "a session that ended does not come back"
        assert await recognise(house.store, clear) is not None

    async def test_a_new_password_ends_every_session(self, house: Accounts) -> None:
        await house.user()
        before = [await house.login() for _ in range(2)]
        await manage.set_password(house.store, house.settings.auth, ADA, "another good one", ME)
        for granted in before:
            assert await house.whose(granted.access_token) is None
            assert await house.refreshed(granted.refresh_token) is None
        with pytest.raises(RefusedLogin):
            await house.login()
        assert (await house.login(password="another good one")).access_token  # pragma: allowlist secret

    async def test_a_role_is_that_of_now_not_that_of_the_token(self, house: Accounts) -> None:
        ada = await house.user(role=Role.OPERATOR)
        token = (await house.login()).access_token
        await manage.change(house.store, ada.id, ME, role=Role.VIEWER)
        caller = await house.whose(token)
        assert caller is not None
        assert (caller.role, caller.may("sources:write")) == (Role.VIEWER, False)

    async def test_hashes_are_made_anew_with_todays_parameters(self, house: Accounts, tmp_path: Path) -> None:
        await house.user()
        stronger = {"data_dir": tmp_path / "data", **CHEAP, "auth.argon2_passes": 2}
        logins = Logins(house.store, load_settings(stronger, environ={}, directory=tmp_path))
        await logins.with_password(ADA, PASSWORD, (), SOMEBODY)
        found = await users.with_password(house.store, ADA)
        assert found is not None
        assert ",t=2," in found[1]
        assert (await house.login()).access_token

    async def test_scopes_can_be_fewer_and_never_more(self, house: Accounts) -> None:
        await house.user(role=Role.VIEWER)
        granted = await house.logins.with_password(ADA, PASSWORD, ("documents:read",), SOMEBODY)
        assert granted.scopes == ("documents:read",)
        for each in (granted, await house.refreshed(granted.refresh_token)):
            assert each is not None
            caller = await house.whose(each.access_token)
            assert caller is not None
            assert caller.scopes == {"documents:read"}
        for scopes in (("sources:write",), ("no:such",), ("documents:read", "users:write")):
            with pytest.raises(RefusedLogin) as caught:
                await house.logins.with_password(ADA, PASSWORD, scopes, SOMEBODY)
            assert caught.value.reason == "invalid_scope"
        narrow = await house.logins.with_password(ADA, PASSWORD, ("documents:read",), SOMEBODY)
        with pytest.raises(RefusedLogin) as caught:
            await house.logins.with_refresh_token(str(narrow.refresh_token), ("runs:read",), SOMEBODY)
        assert caught.value.reason == "invalid_scope"


class TestThrottling:
    async def test_an_account_waits_longer_after_each_failure_and_others_do_not(self, house: Accounts) -> None:
        await house.user()
        await house.user("bob@example.org")
        await self.fail(house, 5)
        waits = []
        for _ in range(4):
            with pytest.raises(TooMany) as caught:
                await house.login()  # the right password does not help now
            assert caught.value.reason == "too_many_logins"
            waits.append(caught.value.retry_after_s)
            house.store.turn_on(caught.value.retry_after_s + 0.1)
            await self.fail(house, 1)
        assert waits == sorted(waits)
        assert waits[3] > 4 * waits[0]
        assert (await house.login("bob@example.org", address="192.0.2.8")).access_token
        house.store.turn_on(3600)
        assert (await house.login()).access_token
        await self.fail(house, 4)
        assert (await house.login()).access_token, "who got in has failed no more"

    async def test_waits_have_an_end(self, house: Accounts) -> None:
        await house.user()
        await self.fail(house, 5)
        for _ in range(14):
            with pytest.raises(TooMany) as caught:
                await house.login()
            house.store.turn_on(caught.value.retry_after_s + 0.1)
            await self.fail(house, 1)
        assert 890 < caught.value.retry_after_s <= 900

    async def test_a_thousand_at_once_are_a_thousand_attempts(self, house: Accounts) -> None:
        await house.user()
        tried = await asyncio.gather(*(house.login(password=f"guess {n}") for n in range(40)), return_exceptions=True)
        assert sum(isinstance(each, RefusedLogin) for each in tried) == 5
        assert sum(isinstance(each, TooMany) for each in tried) == 35

    async def test_an_address_waits_whatever_accounts_it_tries(self, house: Accounts) -> None:
        await house.user()
        for number in range(20):
            with pytest.raises(RefusedLogin):
                await house.login(f"u{number}@example.org", "guess guess", address=f"2001:db8::{number + 1:x}")
        with pytest.raises(TooMany):
            await house.login(address="2001:db8::ffff")  # the same network of a customer
        assert (await house.login(address="2001:db8:0:1::1")).access_token

    async def test_it_holds_in_other_processes_and_after_a_restart(self, house: Accounts) -> None:
        await house.user()
        await self.fail(house, 5)
        other = Logins(house.store, house.settings)
        with pytest.raises(TooMany):
            await other.with_password(ADA, PASSWORD, (), replace(SOMEBODY, address="198.51.100.1"))

    async def test_it_is_told_once_for_each_pause(self, house: Accounts) -> None:
        await house.user()
        for _ in range(2):
            await self.fail(house, 1 if await told(house, "session.throttled") else 5)
            for number in range(10):
                with pytest.raises(TooMany):
                    await house.login(address=f"198.51.100.{number}")
            house.store.turn_on(2)
        lines = await told(house, "session.throttled")
        assert len(lines) == 2
        assert lines[0].detail["until"] < lines[1].detail["until"]

    async def test_an_address_that_waits_is_told_once_whatever_it_tries(self, house: Accounts) -> None:
        for number in range(20):
            with pytest.raises(RefusedLogin):
                await house.login(f"u{number}@example.org")
        for number in range(10):
            with pytest.raises(TooMany):
                await house.login(f"v{number}@example.org")
        (line,) = await told(house, "session.throttled")
        assert line.detail["blocked"] == f"address {SOMEBODY.address}"

    async def test_a_busy_server_is_nobodys_wrong_password(self, house: Accounts) -> None:
        await house.user()
        with contextlib.ExitStack() as places:
            for _ in range(64):
                places.enter_context(house.logins.passwords.place())
            for _ in range(20):
                with pytest.raises(Transient) as caught:
                    await house.login()
                assert caught.value.reason == "logins_busy"
        assert (await house.login()).access_token
        async with house.store.read() as connection:
            failures = (await connection.execute(select(login_attempts.c.failures))).scalars().all()
        assert set(failures) <= {0}

    async def fail(self, house: Accounts, times: int) -> None:
        for _ in range(times):
            with pytest.raises(RefusedLogin):
                await house.login(password="wrong horse battery")  # pragma: allowlist secret


class TestWhatIsToldOfLogins:
    """Every token that was given, and every one that was refused, with who asked from where."""

    async def test_refused(self, house: Accounts) -> None:
        await house.user(role=Role.VIEWER)
        key, clear = await create_key(house.store, "k", by=ME, role=Role.VIEWER)
        first = await house.login()
        await house.refreshed(first.refresh_token)
        logins = house.logins
        asked = (
            logins.with_password(ADA, "wrong horse battery", (), SOMEBODY),  # pragma: allowlist secret
            logins.with_password(ADA, PASSWORD, ["users:write"], SOMEBODY),
            logins.with_refresh_token("tdr_" + "x" * 43, (), SOMEBODY),
            logins.with_refresh_token("x", (), SOMEBODY),
            logins.with_refresh_token(str(first.refresh_token), (), SOMEBODY),
            logins.with_key("0123456789ab", "x", (), SOMEBODY),
            logins.with_key(key.prefix, clear, ["runs:write"], SOMEBODY),
        )
        for each in asked:
            with pytest.raises(RefusedLogin):
                await each
        lines = await told(house, "session.refused")
        assert [(line.actor, line.detail["error"]) for line in lines] == [
            ("anonymous", "invalid_grant"),
            (f"user:{ADA}", "invalid_scope"),
            ("anonymous", "invalid_grant"),
            ("anonymous", "invalid_grant"),
            (f"user:{ADA}", "invalid_grant"),
            ("anonymous", "invalid_client"),
            (f"key:{key.prefix}", "invalid_scope"),
        ]
        assert {(line.address, line.request_id) for line in lines} == {(SOMEBODY.address, SOMEBODY.request_id)}
        assert lines[4].target is not None, "whose session it was"

    async def test_a_token_for_a_key(self, house: Accounts) -> None:
        key, clear = await create_key(house.store, "k", by=ME, role=Role.OPERATOR)
        await house.logins.with_key(key.prefix, clear, ["runs:read"], SOMEBODY)
        (line,) = await told(house, "session.token")
        assert (line.actor, line.target, line.address) == (f"key:{key.prefix}", key.prefix, SOMEBODY.address)
        assert line.detail == {"scopes": ["runs:read"]}

    async def test_nothing_is_given_to_whom_no_scope_is_left(self, house: Accounts) -> None:
        """No scopes at all would read as all of the role's."""
        await house.user()
        key, clear = await create_key(house.store, "k", by=ME, role=Role.OPERATOR, scopes=["runs:write"], user=ADA)
        session = await house.logins.with_password(ADA, PASSWORD, ["runs:write"], SOMEBODY)
        await manage.change(house.store, ADA, ME, role=Role.VIEWER)
        for asked in (
            house.logins.with_key(key.prefix, clear, (), SOMEBODY),
            house.logins.with_refresh_token(str(session.refresh_token), (), SOMEBODY),
        ):
            with pytest.raises(RefusedLogin) as caught:
                await asked
            assert caught.value.reason == "invalid_scope"
        await manage.change(house.store, ADA, ME, role=Role.OPERATOR)
        assert (await house.logins.with_key(key.prefix, clear, (), SOMEBODY)).scopes == ("runs:write",)
        assert await house.refreshed(session.refresh_token) is not None, "it was not used up"


async def told(house: Accounts, action: str) -> list[AuditLine]:
    return [line async for line in audit.lines(house.store, audit.Wanted(action=action))]


class TestSessions:
    async def test_each_refresh_token_is_good_once(self, house: Accounts) -> None:
        await house.user()
        first = await house.login()
        second = await house.refreshed(first.refresh_token)
        assert second is not None
        assert await house.whose(first.access_token) is not None, "the access token before it lives on"
        third = await house.refreshed(second.refresh_token)
        assert third is not None
        assert await house.refreshed(first.refresh_token) is None, "used twice"
        for granted in (first, second, third):
            assert await house.whose(granted.access_token) is None
        assert await house.refreshed(third.refresh_token) is None
        actions = [line.action async for line in audit.lines(house.store)]
        assert actions.count("session.reused") == 1

    async def test_of_several_who_use_one_at_once_none_keeps_the_session(self, house: Accounts) -> None:
        await house.user()
        first = await house.login()
        got = await asyncio.gather(*(house.refreshed(first.refresh_token) for _ in range(5)))
        winners = [each for each in got if each is not None]
        assert len(winners) == 1
        assert await house.whose(winners[0].access_token) is None

    async def test_other_sessions_live_on(self, house: Accounts) -> None:
        await house.user()
        mine, other = await house.login(), await house.login()
        await house.refreshed(mine.refresh_token)
        await house.refreshed(mine.refresh_token)
        assert await house.whose(other.access_token) is not None

    async def test_logging_out_ends_the_access_token_too(self, house: Accounts) -> None:
        await house.user()
        granted = await house.login()
        await house.logins.end(str(granted.refresh_token), SOMEBODY)
        await house.logins.end(str(granted.refresh_token), SOMEBODY)
        await house.logins.end("tdr_unknown", SOMEBODY)
        assert await house.whose(granted.access_token) is None
        assert await house.refreshed(granted.refresh_token) is None

    async def test_a_login_lasts_as_long_as_it_was_meant_to_however_often_it_is_refreshed(
        self, house: Accounts
    ) -> None:
        await house.user()
        granted = await house.login()
        for _ in range(13):
            house.store.turn_on(86_400)
            granted = await house.refreshed(granted.refresh_token) or pytest.fail("ended too early")
        house.store.turn_on(86_400)
        assert await house.refreshed(granted.refresh_token) is None

    async def test_only_hashes_are_kept(self, house: Accounts) -> None:
        await house.user()
        granted = await house.login()
        async with house.store.read() as connection:
            rows = str((await connection.execute(select(refresh_tokens))).mappings().all())
        assert str(granted.refresh_token) not in rows
        assert str(granted.refresh_token).removeprefix("tdr_") not in rows

    @pytest.mark.parametrize("token", ["", "tdr_", "x" * 5000, "tdr_" + "A" * 43, "\0", "\ud800", "' OR '1'='1"])
    async def test_what_is_no_refresh_token(self, house: Accounts, token: str) -> None:
        assert await house.refreshed(token) is None


class TestAccessTokens:
    async def test_what_is_in_one(self, house: Accounts) -> None:
        ada = await house.user()
        token = (await house.login()).access_token
        header, claims = jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})
        assert (header["alg"], header["typ"]) == ("EdDSA", "at+jwt")
        assert claims.keys() == {"iss", "aud", "sub", "sid", "iat", "exp", "jti", "scope"}
        assert (claims["iss"], claims["aud"], claims["sub"]) == ("tidemill", "tidemill-api", ada.id)
        assert claims["exp"] - claims["iat"] == 900
        other = jwt.decode((await house.login()).access_token, options={"verify_signature": False})
        assert other["jti"] != claims["jti"]

    async def test_it_expires_and_is_told_apart(self, house: Accounts) -> None:
        await house.user()
        token = (await house.login()).access_token
        house.store.turn_on(898)
        assert await house.whose(token) is not None
        house.store.turn_on(2)
        assert await house.logins.recognise(token) == (None, True)

    async def test_forgeries(self, house: Accounts) -> None:
        await house.user()
        token = (await house.login()).access_token
        keys = SigningKeys(house.settings)
        good = jwt.decode(token, options={"verify_signature": False})
        header = {"kid": keys.current().kid, "typ": "at+jwt"}
        ours, public = keys.current().private, keys.current().private.public_key().public_bytes_raw()

        def signed(claims: dict[str, Any], **more: Any) -> str:
            return jwt.encode(claims, ours, algorithm="EdDSA", headers=header | more)

        assert await house.whose(signed(good)) is not None
        head, body, signature = token.split(".")
        forged = [
            jwt.encode(good, Ed25519PrivateKey.generate(), algorithm="EdDSA", headers=header),
            jwt.encode(good, "", algorithm="none", headers=header),
            jwt.encode(good, public.hex(), algorithm="HS256", headers=header),
            signed(good, kid="unknown"),
            signed(good, kid="../../etc/passwd"),
            jwt.encode(good, ours, algorithm="EdDSA", headers={"typ": "at+jwt"}),
            signed(good, typ="JWT"),
            signed(good | {"aud": "other"}),
            signed(good | {"iss": "other"}),
            signed(good | {"exp": good["exp"] + 10**9}),
            signed(good | {"iat": good["iat"] + 10**6, "exp": good["exp"] + 10**6}),
            signed(good | {"exp": str(good["exp"])}),
            signed(good | {"exp": True}),
            signed(good | {"sub": "01a2067a-ae1e-71e2-bb9b-25ed687bea8f"}),
            signed(good | {"sid": "01a2067a-ae1e-71e2-bb9b-25ed687bea8f"}),
            signed(good | {"sid": "' OR '1'='1"}),
            signed(good | {"sid": "key:abc", "sub": "key:abc"}),
            signed(good | {"scope": 7}),
            *(
                signed({name: value for name, value in good.items() if name != missing})
                for missing in good
                if missing != "scope"
            ),
            f"{head}.{body}.{signature[:-4]}AAAA",
            f"{head}.{body}.",
            f"{head}.{body[:-2]}.{signature}",
            f"{head}.{body}.{signature}.x",
            "eyJ..",
            "..",
            "eyJ" + "A" * 100_000,
        ]
        for each in forged:
            assert (await house.whose(each)) is None, each

    @given(st.text(max_size=200))
    def test_no_text_breaks_the_reader(self, text: str) -> None:
        settings = load_settings({"auth.secret": "s" * 32}, environ={})
        tokens = Tokens(settings.auth, SigningKeys(settings))
        for each in (text, f"eyJ{text}.{text}.{text}", f"{text}.."):
            with pytest.raises(BadToken):
                tokens.read(each, EPOCH)


class TestSigningKeys:
    async def test_kept_in_the_data_folder_for_its_owner_alone(self, house: Accounts) -> None:
        await house.user()
        await house.login()
        file = house.settings.data_dir / "auth" / "signing-keys.json"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        assert [each.name for each in file.parent.iterdir()] == ["signing-keys.json"]

    async def test_processes_that_begin_at_once_have_one_key(self, house: Accounts) -> None:
        made = await asyncio.gather(
            *(asyncio.to_thread(lambda: SigningKeys(house.settings).current().kid) for _ in range(8))
        )
        assert len(set(made)) == 1

    async def test_tokens_of_the_key_before_hold_until_they_expire(self, house: Accounts) -> None:
        await house.user()
        before = (await house.login()).access_token
        elsewhere = SigningKeys(house.settings)
        kid = elsewhere.rotate()
        assert await house.whose(before) is not None
        after = (await house.login()).access_token
        assert jwt.get_unverified_header(after)["kid"] == kid
        assert await house.whose(after) is not None
        self.age(house, 2000)
        assert await house.whose(before) is None, "though no other rotation took it out of the file"
        assert elsewhere.find(str(jwt.get_unverified_header(before)["kid"])) is None
        assert await house.whose(after) is not None
        elsewhere.rotate()
        assert len(json.loads(self.file(house).read_text())["keys"]) == 2
        assert await house.whose(after) is not None

    async def test_a_key_that_leaked_and_was_replaced_signs_for_a_short_while_only(
        self, house: Accounts, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A process that read the file before counts the time as well, and so does one that begins then."""
        leaked = SigningKeys(house.settings)
        kid = leaked.current().kid
        SigningKeys(house.settings).rotate()
        now, kept_s = time.time(), house.settings.auth.access_s + 120
        for passed_s, is_known in ((0, True), (kept_s - 5, True), (kept_s + 1, False), (10 * kept_s, False)):
            monkeypatch.setattr(signing.time, "time", lambda passed_s=passed_s: now + passed_s)
            assert (leaked.find(kid) is not None) is is_known
            assert (SigningKeys(house.settings).find(kid) is not None) is is_known

    def file(self, house: Accounts) -> Path:
        return house.settings.data_dir / "auth" / "signing-keys.json"

    def age(self, house: Accounts, seconds: float) -> None:
        file = self.file(house)
        kept = json.loads(file.read_text())
        for each in kept["keys"]:
            if "replaced_at" in each:
                each["replaced_at"] -= seconds
        file.write_text(json.dumps(kept))

    async def test_a_secret_of_the_settings_is_the_same_on_every_machine(self, house: Accounts, tmp_path: Path) -> None:
        await house.user()

        def machine(name: str, secret: str, *old: str) -> Logins:
            given = {"data_dir": tmp_path / name, **CHEAP, "auth.secret": secret, "auth.old_secrets": list(old)}
            return Logins(house.store, load_settings(given, environ={}, directory=tmp_path))

        first, second = machine("a", "x" * 32), machine("b", "x" * 32)
        token = (await first.with_password(ADA, PASSWORD, (), SOMEBODY)).access_token
        assert (await second.recognise(token))[0] is not None
        assert (await machine("c", "y" * 32, "x" * 32).recognise(token))[0] is not None
        assert (await machine("d", "y" * 32).recognise(token))[0] is None
        with pytest.raises(Conflict) as caught:
            SigningKeys(load_settings({"auth.secret": "x" * 32}, environ={}, directory=tmp_path)).rotate()
        assert caught.value.reason == "signing_key_set"

    @pytest.mark.parametrize("content", ["", "{}", '{"keys": []}', '{"keys": [{"seed": "AAAA"}]}', '{"keys": 7}', "\0"])
    async def test_a_broken_file_is_told_and_never_replaced(self, house: Accounts, content: str) -> None:
        file = house.settings.data_dir / "auth" / "signing-keys.json"
        file.parent.mkdir(parents=True)
        file.write_text(content)
        with pytest.raises(Permanent) as caught:
            SigningKeys(house.settings).current()
        assert caught.value.reason == "signing_keys"
        assert file.read_text() == content


class TestKeys:
    async def test_may_do_what_role_scopes_and_user_all_allow(self, house: Accounts) -> None:
        await house.user(role=Role.OPERATOR)

        async def may(**more: Any) -> Caller:
            _, clear = await create_key(house.store, "k", by=ME, **more)
            key = await recognise(house.store, clear)
            assert key is not None
            return manage_keys.caller_of_key(key)

        assert (await may(role=Role.ADMIN)).scopes == set(SCOPES)
        assert (await may(role=Role.VIEWER)).scopes == SCOPES_OF[Role.VIEWER]
        assert (await may(role=Role.ADMIN, user=ADA)).role is Role.OPERATOR
        assert (await may(role=Role.OPERATOR, scopes=["runs:write"])).scopes == {"runs:write"}
        hers = await may(role=Role.ADMIN, user=ADA)
        await manage.change(house.store, ADA, ME, role=Role.VIEWER)
        key = await accounts.get_key(house.store, str(hers.key_id))
        assert manage_keys.caller_of_key(key).scopes == SCOPES_OF[Role.VIEWER]

    async def test_nobody_makes_a_key_that_may_do_more_than_they(self, house: Accounts) -> None:
        ada = await house.user(role=Role.OPERATOR)
        operator = Caller("user:ada", Role.OPERATOR, SCOPES_OF[Role.OPERATOR], ada.id)
        narrow = replace(operator, scopes=frozenset({"keys:write", "runs:read"}))
        mine = {"user": ada.id, "role": Role.OPERATOR}
        key, _ = await create_key(house.store, "fine", by=operator, **mine)  # type: ignore[arg-type]
        await create_key(house.store, "narrow", by=narrow, scopes=["runs:read"], **mine)  # type: ignore[arg-type]
        for by, asked, reason in (
            (operator, {"role": Role.ADMIN, "user": ada.id}, "more_than_own"),
            (operator, {"role": Role.OPERATOR, "user": None}, "not_own_key"),
            (narrow, mine, "more_than_own"),
            (narrow, mine | {"scopes": ["runs:write"]}, "more_than_own"),
            (replace(narrow, role=Role.ADMIN), {"role": Role.ADMIN}, "more_than_own"),
            (caller_of("loopback", Role.OPERATOR), {"role": Role.VIEWER}, "not_own_key"),
        ):
            with pytest.raises(Forbidden) as caught:
                await create_key(house.store, "more", by=by, **asked)  # type: ignore[arg-type]
            assert caught.value.reason == reason, asked
        with pytest.raises(Forbidden) as caught:
            await manage_keys.rotate_key(house.store, key.prefix, narrow, overlap=timedelta(0))
        assert caught.value.reason == "more_than_own", "whoever rotates a key gets what it may do"

    async def test_others_keys_are_not_seen(self, house: Accounts) -> None:
        await house.user()
        bob = await house.user("bob@example.org")
        key, _ = await create_key(house.store, "hers", by=ME, role=Role.VIEWER, user=ADA)
        assert await accounts.list_keys(house.store, bob.id) == []
        with pytest.raises(NotFound):
            await accounts.get_key(house.store, key.prefix, bob.id)
        other = Caller("user:bob", Role.OPERATOR, SCOPES_OF[Role.OPERATOR], bob.id)
        with pytest.raises(NotFound):
            await manage_keys.rotate_key(house.store, key.prefix, other, overlap=timedelta(0))

    async def test_rotation_overlaps(self, house: Accounts) -> None:
        old, clear = await create_key(house.store, "ci", by=ME, role=Role.OPERATOR, scopes=["runs:write"])
        new, following = await manage_keys.rotate_key(house.store, old.prefix, ME, overlap=timedelta(hours=1))
        assert (new.name, new.role, new.scopes) == (old.name, old.role, old.scopes)
        assert await recognise(house.store, clear) is not None
        assert await recognise(house.store, following) is not None
        with pytest.raises(Conflict) as caught:
            await manage_keys.rotate_key(house.store, old.prefix, ME, overlap=timedelta(days=9))
        assert caught.value.reason == "key_ended"
        house.store.turn_on(3600)
        assert await recognise(house.store, clear) is None
        assert await recognise(house.store, following) is not None

    async def test_a_key_is_of_the_team_that_its_user_is_in_now(self, house: Accounts) -> None:
        ada = await house.user(team="editors")
        old, clear = await create_key(house.store, "hers", by=ME, user=ADA)
        _, following = await manage_keys.rotate_key(house.store, old.prefix, ME, overlap=timedelta(hours=1))

        async def teams() -> list[str | None]:
            found = [await recognise(house.store, each) for each in (clear, following)]
            return [manage_keys.caller_of_key(each).team_id for each in found if each is not None]

        assert await teams() == [ada.team_id, ada.team_id]
        await manage.change(house.store, ADA, ME, team="")
        assert await teams() == [None, None], "though the key was rotated while she was in it"
        moved = await manage.change(house.store, ADA, ME, team="authors")
        assert await teams() == [moved.team_id, moved.team_id]

    async def test_rotation_never_makes_a_key_live_longer(self, house: Accounts) -> None:
        soon = house.store.now() + timedelta(minutes=5)
        old, clear = await create_key(house.store, "ci", by=ME, expires_at=soon)
        new, _ = await manage_keys.rotate_key(house.store, old.prefix, ME, overlap=timedelta(days=7))
        house.store.turn_on(301)
        assert await recognise(house.store, clear) is None
        assert new.expires_at is not None, "a key that had an end is not replaced by one without"

    async def test_last_use_is_written_once_a_minute(self, house: Accounts) -> None:
        key, clear = await create_key(house.store, "ci", by=ME)

        async def used() -> Any:
            await recognise(house.store, clear)
            return (await accounts.get_key(house.store, key.prefix)).last_used_at

        first = await used()
        assert first is not None
        house.store.turn_on(58)
        assert await used() == first
        house.store.turn_on(2)
        assert await used() > first

    @pytest.mark.parametrize(
        ("given", "reason"),
        [
            ({"scopes": ["no:such"]}, "unknown_scope"),
            ({"role": Role.VIEWER, "scopes": ["users:write"]}, "unknown_scope"),
            ({"name": ""}, "bad_name"),
            ({"name": "a\nb"}, "bad_name"),
            ({"name": "x" * 201}, "bad_name"),
        ],
    )
    async def test_what_is_refused(self, house: Accounts, given: dict[str, Any], reason: str) -> None:
        with pytest.raises(Invalid) as caught:
            await create_key(house.store, **{"name": "k", "by": ME, **given})
        assert caught.value.reason == reason

    async def test_a_client_logs_in_with_its_key(self, house: Accounts) -> None:
        key, clear = await create_key(house.store, "robot", by=ME, role=Role.OPERATOR)
        granted = await house.logins.with_key(key.prefix, clear, (), SOMEBODY)
        assert granted.refresh_token is None
        bare = await house.logins.with_key(key.prefix, clear.rpartition(f"{key.prefix}_")[2], ("runs:read",), SOMEBODY)
        caller = await house.whose(bare.access_token)
        assert caller is not None
        assert (caller.name, caller.scopes) == (f"key:{key.prefix}", {"runs:read"})
        other, _ = await create_key(house.store, "other", by=ME)
        for name, secret in ((other.prefix, clear), (key.prefix, clear[:-1]), ("", ""), ("\0", "\ud800")):
            with pytest.raises(RefusedLogin) as caught:
                await house.logins.with_key(name, secret, (), SOMEBODY)
            assert caught.value.reason == "invalid_client"
        await accounts.revoke_key(house.store, key.prefix, ME)
        assert await house.whose(granted.access_token) is None
