"""Logging in, users and keys over HTTP: RFC 6749 as it is written, and what a stranger may try."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pydantic import BaseModel
from tests.contract.account_house import CHEAP, ME, PASSWORD
from tests.contract.api_house import Client, Reply, house, served

from tidemill.api.schemas.account import AuditPage, KeyAnswer, KeyList, MadeKey, Me, TokenAnswer, UserAnswer, UserList
from tidemill.app import App
from tidemill.manage import users
from tidemill.manage.passwords import Passwords
from tidemill.models.account import Role
from tidemill.store import audit

pytestmark = pytest.mark.asyncio(loop_scope="module")
TOKEN, REFRESH, LOGOUT, SELF = (f"/api/v1/auth/{each}" for each in ("token", "refresh", "logout", "me"))
ADA, ROOT = "ada@example.org", "root@example.org"


@dataclass(frozen=True)
class Place:
    """The house of this file, listening for everybody, with an admin and an operator."""

    app: App
    client: Client
    admin: dict[str, str]
    ada: dict[str, str]

    async def login(self, email: str = ADA, password: str = PASSWORD) -> Reply:
        form = {"grant_type": "password", "username": email, "password": password}
        return await self.client.post(TOKEN, data=form)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    settings = {name.replace(".", "__"): value for name, value in CHEAP.items()}
    async with (
        house(tmp_path_factory.mktemp("accounts"), auth__address_failures=500, **settings) as app,
        served(app, "0.0.0.0") as client,
    ):
        given = {}
        for email, role in ((ROOT, Role.ADMIN), (ADA, Role.OPERATOR)):
            await users.create(app.store, app.settings.auth, email, PASSWORD, ME, role=role)
            form = {"grant_type": "password", "username": email, "password": PASSWORD}
            token = (await client.post(TOKEN, data=form)).json["access_token"]
            given[email] = {"authorization": f"Bearer {token}"}
        yield Place(app, client, given[ROOT], given[ADA])


def fits(model: type[BaseModel], reply: Reply) -> Any:
    assert reply.status < 300, reply.body
    model.model_validate(reply.json)
    required = {name for name, field in model.model_fields.items() if field.is_required()}
    assert required <= reply.json.keys()
    return reply.json


class TestToken:
    async def test_password(self, place: Place) -> None:
        answer = await place.login()
        given = fits(TokenAnswer, answer)
        assert (given["token_type"], given["expires_in"]) == ("Bearer", 900)
        assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
        me = fits(Me, await place.client.get(SELF, headers={"authorization": f"Bearer {given['access_token']}"}))
        assert (me["name"], me["role"], me["user"]["email"]) == (f"user:{ADA}", "operator", ADA)
        assert me["scopes"] == given["scope"].split()
        assert me["used"] == {"sources": 0, "pages_per_day": 0, "documents": 0, "exports_per_day": 0}
        by_key = await place.client.get(SELF, headers={"x-api-key": given["access_token"]})
        assert by_key.status == 200

    async def test_refresh_by_either_route_then_reuse(self, place: Place) -> None:
        first = (await place.login()).json
        second = fits(TokenAnswer, await place.client.post(REFRESH, data={"refresh_token": first["refresh_token"]}))
        form = {"grant_type": "refresh_token", "refresh_token": second["refresh_token"]}
        third = fits(TokenAnswer, await place.client.post(TOKEN, data=form))
        again = await place.client.post(REFRESH, data={"refresh_token": first["refresh_token"]})
        assert (again.status, again.json["error"]) == (400, "invalid_grant")
        last = await place.client.post(REFRESH, data={"refresh_token": third["refresh_token"]})
        assert (last.status, last.json["error"]) == (400, "invalid_grant")

    async def test_log_out_by_either_token(self, place: Place) -> None:
        for way in ("refresh", "access"):
            given = (await place.login()).json
            bearer = {"authorization": f"Bearer {given['access_token']}"}
            sent: dict[str, Any] = (
                {"data": {"refresh_token": given["refresh_token"]}} if way == "refresh" else {"headers": bearer}
            )
            assert (await place.client.post(LOGOUT, **sent)).status == 204
            assert (await place.client.get(SELF, headers=bearer)).status == 401
            left = await place.client.post(REFRESH, data={"refresh_token": given["refresh_token"]})
            assert left.json["error"] == "invalid_grant"
        assert (await place.client.post(LOGOUT, data={"refresh_token": "unknown"})).status == 204
        assert (await place.client.post(LOGOUT)).json["error"] == "invalid_request"

    async def test_client_credentials(self, place: Place) -> None:
        made = (await place.client.post("/api/v1/keys", json={"name": "robot"}, headers=place.ada)).json
        form = {"grant_type": "client_credentials", "scope": "runs:read documents:read"}
        basic = base64.b64encode(f"{made['prefix']}:{made['key']}".encode()).decode()
        ways: list[dict[str, Any]] = [
            {"data": form | {"client_id": made["prefix"], "client_secret": made["key"]}},
            {"data": form, "headers": {"authorization": f"Basic {basic}"}},
        ]
        for way in ways:
            given = fits(TokenAnswer, await place.client.post(TOKEN, **way))
            assert given["scope"] == "documents:read runs:read"
            assert "refresh_token" not in given
            bearer = {"authorization": f"Bearer {given['access_token']}"}
            assert (await place.client.get("/api/v1/runs", headers=bearer)).status == 200
            assert (await place.client.get("/api/v1/sources", headers=bearer)).reason == "insufficient_scope"
        for header in (
            "Basic !",
            "Basic " + base64.b64encode(b"x").decode(),
            "Basic " + base64.b64encode(b"x:y").decode(),
        ):
            answer = await place.client.post(TOKEN, data=form, headers={"authorization": header})
            assert (answer.status, answer.json["error"]) == (401, "invalid_client")
            assert answer.headers["www-authenticate"].startswith("Basic")

    @pytest.mark.parametrize(
        ("form", "error"),
        [
            ("", "invalid_request"),
            ("grant_type=", "invalid_request"),
            ("grant_type=implicit", "unsupported_grant_type"),
            ("grant_type=password", "invalid_request"),
            ("grant_type=password&username=a", "invalid_request"),
            ("grant_type=password&username=a&password=b", "invalid_grant"),
            ("grant_type=password&username=a&password=b&password=c", "invalid_request"),
            ("grant_type=password&username=%FF&password=b", "invalid_request"),
            ("grant_type=password&username=%00&password=%00", "invalid_grant"),
            ("grant_type=password&username=' OR 1=1 --&password=x", "invalid_grant"),
            ("grant_type=refresh_token", "invalid_request"),
            ("grant_type=refresh_token&refresh_token=x", "invalid_grant"),
            ("grant_type=client_credentials", "invalid_request"),
            ("grant_type=client_credentials&client_id=a&client_secret=b", "invalid_client"),
            ("grant_type=password&username=u&password=" + "x" * 20_000, "invalid_request"),
            ("&".join(f"f{n}=x" for n in range(50)), "invalid_request"),
        ],
    )
    async def test_what_is_refused(self, place: Place, form: str, error: str) -> None:
        headers = {"content-type": "application/x-www-form-urlencoded"}
        answer = await place.client.post(TOKEN, data=form.encode(), headers=headers)
        assert answer.status == (401 if error == "invalid_client" else 400)
        assert answer.json["error"] == error
        assert answer.headers["content-type"] == "application/json"
        assert answer.json["error_description"].isascii()

    async def test_json_and_the_query_string_are_no_forms(self, place: Place) -> None:
        form = {"grant_type": "password", "username": ADA, "password": PASSWORD}
        assert (await place.client.post(TOKEN, json=form)).json["error"] == "invalid_request"
        assert (await place.client.post(TOKEN, params=form)).json["error"] == "invalid_request"
        assert (await place.client.get(TOKEN, params=form)).status in (401, 405)

    async def test_scopes_beyond_the_role(self, place: Place) -> None:
        form = {"grant_type": "password", "username": ADA, "password": PASSWORD, "scope": "users:write"}
        answer = await place.client.post(TOKEN, data=form)
        assert (answer.status, answer.json["error"]) == (400, "invalid_scope")

    async def test_too_many_failures(self, place: Place) -> None:
        await users.create(place.app.store, place.app.settings.auth, "slow@example.org", PASSWORD, ME)
        for _ in range(5):
            assert (await place.login("slow@example.org", "wrong wrong wrong")).json["error"] == "invalid_grant"
        answer = await place.login("slow@example.org")
        assert (answer.status, answer.json["error"]) == (429, "temporarily_unavailable")
        assert int(answer.headers["retry-after"]) >= 1

    async def test_who_exists_cannot_be_told_by_the_answer(self, place: Place) -> None:
        known, unknown = (
            await place.login(ADA, "wrong wrong wrong"),
            await place.login("no@example.org", "wrong wrong wrong"),
        )
        assert (known.status, known.json) == (unknown.status, unknown.json)

    async def test_an_expired_or_foreign_token_is_refused_even_on_loopback(self, tmp_path: Path) -> None:
        async with house(tmp_path) as app, served(app) as client:
            assert (await client.get("/api/v1/runs")).status == 200
            for secret in ("x", "eyJhbGciOiJub25lIn0.e30.", "tdm_0123456789ab_" + "A" * 43):  # pragma: allowlist secret
                answer = await client.get("/api/v1/runs", headers={"authorization": f"Bearer {secret}"})
                assert (answer.status, answer.reason) == (401, "invalid_key")


class TestPassword:
    async def test_change_ones_own(self, place: Place) -> None:
        await users.create(place.app.store, place.app.settings.auth, "eve@example.org", PASSWORD, ME)
        bearer = {"authorization": f"Bearer {(await place.login('eve@example.org')).json['access_token']}"}
        path = "/api/v1/auth/password"
        for current, new, reason in (
            ("wrong wrong wrong", "a good new one", "wrong_password"),
            (PASSWORD, "short", "weak_password"),
        ):
            answer = await place.client.post(path, json={"current": current, "new": new}, headers=bearer)
            assert answer.reason == reason
        good = {"current": PASSWORD, "new": "a good new one"}
        assert (await place.client.post(path, json=good, headers=bearer)).status == 204
        assert (await place.login("eve@example.org", "a good new one")).status == 200
        made = (await place.client.post("/api/v1/keys", json={"name": "k"}, headers=place.ada)).json
        answer = await place.client.post(path, json=good, headers={"x-api-key": made["key"]})
        assert (answer.status, answer.reason) == (403, "no_session")


class TestHashing:
    async def test_all_passwords_of_a_process_wait_in_one_line(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each hash takes memory by design: a second line would bound nothing."""
        hashed: list[Passwords] = []
        right = Passwords.hash

        async def counting(self: Passwords, password: str) -> str:
            hashed.append(self)
            return await right(self, password)

        monkeypatch.setattr(Passwords, "hash", counting)
        new = {"email": "hal@example.org", "password": PASSWORD}
        made = await place.client.post("/api/v1/users", json=new, headers=place.admin)
        path = f"/api/v1/users/{made.json['id']}/password"
        assert (await place.client.ask("PUT", path, json={"password": PASSWORD}, headers=place.admin)).status == 204
        bearer = {"authorization": f"Bearer {(await place.login('hal@example.org')).json['access_token']}"}
        own = {"current": PASSWORD, "new": "a good new one"}
        assert (await place.client.post("/api/v1/auth/password", json=own, headers=bearer)).status == 204
        assert hashed == [place.app.logins.passwords] * 3


class TestUsers:
    async def test_made_listed_changed_and_disabled(self, place: Place) -> None:
        new = {"email": "Bob@Example.org", "password": PASSWORD, "role": "viewer", "team": "editors"}
        made = await place.client.post("/api/v1/users", json=new, headers=place.admin)
        bob = fits(UserAnswer, made)
        assert (made.status, bob["email"], bob["team"]) == (201, "bob@example.org", "editors")
        assert PASSWORD.encode() not in made.body
        assert (await place.client.get(made.headers["location"], headers=place.admin)).json == bob
        assert (await place.client.get("/api/v1/users/bob@example.org", headers=place.admin)).json == bob
        listed = fits(UserList, await place.client.get("/api/v1/users", headers=place.admin))
        assert bob in listed["items"]
        again = await place.client.post("/api/v1/users", json=new, headers=place.admin)
        assert (again.status, again.reason) == (409, "user_exists")
        change = {"role": "operator", "quotas": {"sources": 2, "documents": None}}
        changed = await place.client.ask("PATCH", made.headers["location"], json=change, headers=place.admin)
        assert fits(UserAnswer, changed)["quotas"] == {"sources": 2, "documents": None}
        token = (await place.login("bob@example.org")).json["access_token"]
        await place.client.ask("PATCH", made.headers["location"], json={"active": False}, headers=place.admin)
        assert (await place.client.get(SELF, headers={"authorization": f"Bearer {token}"})).status == 401
        assert (await place.login("bob@example.org")).json["error"] == "invalid_grant"

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({}, 422),
            ({"email": "x", "password": PASSWORD}, 422),
            ({"email": "x@example.org", "password": "short"}, 422),  # pragma: allowlist secret
            ({"email": "x@example.org", "password": PASSWORD, "role": "root"}, 422),
            ({"email": "x@example.org", "password": PASSWORD, "team": "\ud800"}, 422),
            ({"email": "\ud800@example.org", "password": PASSWORD}, 422),
            ({"email": "x@example.org", "password": PASSWORD, "id": "7"}, 422),
            ({"email": "x@example.org", "password": {"canary": 1}}, 422),
            ([], 422),
        ],
    )
    async def test_what_is_refused(self, place: Place, body: Any, status: int) -> None:
        answer = await place.client.post("/api/v1/users", json=body, headers=place.admin)
        assert answer.status == status
        assert answer.reason in ("invalid", "bad_email", "weak_password", "bad_team")
        assert PASSWORD.encode() not in answer.body

    @pytest.mark.parametrize("user", ["nobody", "x@y.z", "%00", "%FF@x", "a%00@b", "' OR 1=1 --"])
    async def test_unknown(self, place: Place, user: str) -> None:
        for method, path, body in (
            ("GET", "", None),
            ("PATCH", "", {"role": "viewer"}),
            ("PUT", "/password", {"password": PASSWORD}),
        ):
            answer = await place.client.ask(method, f"/api/v1/users/{user}{path}", json=body, headers=place.admin)
            assert (answer.status, answer.reason) == (404, "no_such_user")

    async def test_nobody_lifts_themselves(self, place: Place) -> None:
        for body in ({"role": "admin"}, {"quotas": {}}):
            answer = await place.client.ask("PATCH", f"/api/v1/users/{ADA}", json=body, headers=place.ada)
            assert (answer.status, answer.reason) == (403, "insufficient_scope")


class TestKeys:
    async def test_made_used_rotated_and_revoked(self, place: Place) -> None:
        asked = {"name": "ci", "scopes": ["runs:read"], "role": "viewer", "expires_at": "2099-01-01T00:00:00"}
        made = await place.client.post("/api/v1/keys", json=asked, headers=place.ada)
        key = fits(MadeKey, made)
        assert (made.status, key["user"], key["scopes"]) == (201, ADA, ["runs:read"])
        use = {"x-api-key": key["key"]}
        assert (await place.client.get("/api/v1/runs", headers=use)).status == 200
        shown = await place.client.get(made.headers["location"], headers=place.ada)
        assert fits(KeyAnswer, shown)["last_used_at"]
        assert key["key"].rpartition("_")[2].encode() not in shown.body
        listed = fits(KeyList, await place.client.get("/api/v1/keys", headers=place.ada))
        assert {each["user"] for each in listed["items"]} == {ADA}
        path = made.headers["location"]
        following = fits(MadeKey, await place.client.post(f"{path}/rotate", json={"overlap_s": 0}, headers=place.ada))
        assert (await place.client.get("/api/v1/runs", headers={"x-api-key": following["key"]})).status == 200
        again = await place.client.post(f"{path}/rotate", json={}, headers=place.ada)
        assert (again.status, again.reason) == (409, "key_ended")
        end = f"/api/v1/keys/{following['prefix']}"
        for _ in range(2):
            assert (await place.client.ask("DELETE", end, headers=place.ada)).status == 204
        await asyncio.sleep(5.1)  # what a server may believe a key that it has seen
        for secret in (key["key"], following["key"]):
            assert (await place.client.get("/api/v1/runs", headers={"x-api-key": secret})).reason == "invalid_key"

    async def test_whose_it_is(self, place: Place) -> None:
        """Left out, it is one's own; `null` is nobody's, which only admins make."""
        for given, user in (({}, ROOT), ({"user": None}, None), ({"user": ADA}, ADA)):
            made = await place.client.post("/api/v1/keys", json={"name": "k", **given}, headers=place.admin)
            assert (made.status, made.json["user"]) == (201, user)
        answer = await place.client.post("/api/v1/keys", json={"name": "k", "user": None}, headers=place.ada)
        assert (answer.status, answer.reason) == (403, "not_own_key")

    async def test_others_keys(self, place: Place) -> None:
        key = (await place.client.post("/api/v1/keys", json={"name": "root's"}, headers=place.admin)).json
        for method, path in (("GET", ""), ("POST", "/rotate"), ("DELETE", "")):
            body = {} if method == "POST" else None
            answer = await place.client.ask(method, f"/api/v1/keys/{key['prefix']}{path}", json=body, headers=place.ada)
            assert (answer.status, answer.reason) == (404, "no_such_key")

    @pytest.mark.parametrize(
        ("body", "status", "reason"),
        [
            ({"name": "k", "role": "admin"}, 403, "more_than_own"),
            ({"name": "k", "user": ROOT}, 403, "not_own_key"),
            ({"name": "k", "scopes": ["users:write"]}, 422, "unknown_scope"),
            ({"name": "k", "scopes": ["x"]}, 422, "unknown_scope"),
            ({"name": "k", "expires_at": "2001-01-01"}, 422, "bad_expiry"),
            ({"name": "k", "expires_at": "9999-12-31T23:59:59-14:00"}, 422, "invalid"),
            ({"name": "k", "expires_at": "9999-12-31T23:59:59Z"}, 422, "bad_expiry"),
            ({"name": "k", "expires_at": "0001-01-01T00:00:00+14:00"}, 422, "invalid"),
            ({"name": "\ud800"}, 422, "invalid"),
            ({"name": ""}, 422, "invalid"),
        ],
    )
    async def test_what_is_refused(self, place: Place, body: Any, status: int, reason: str) -> None:
        answer = await place.client.post("/api/v1/keys", json=body, headers=place.ada)
        assert answer.status == status
        assert answer.reason in (reason, "bad_name")

    async def test_a_key_makes_none_that_may_do_more(self, place: Place) -> None:
        narrow = {"name": "narrow", "scopes": ["keys:write"]}
        key = (await place.client.post("/api/v1/keys", json=narrow, headers=place.ada)).json
        use = {"x-api-key": key["key"]}
        for body in ({"name": "k"}, {"name": "k", "scopes": ["runs:write"]}):
            assert (await place.client.post("/api/v1/keys", json=body, headers=use)).reason == "more_than_own"
        full = (await place.client.post("/api/v1/keys", json={"name": "full"}, headers=place.ada)).json
        answer = await place.client.post(f"/api/v1/keys/{full['prefix']}/rotate", json={}, headers=use)
        assert answer.reason == "more_than_own"


class TestAudit:
    async def test_pages_and_filters(self, place: Place) -> None:
        first = await place.client.get("/api/v1/audit?limit=2&action=session.", headers=place.admin)
        page = fits(AuditPage, first)
        assert [each["action"].partition(".")[0] for each in page["items"]] == ["session"] * 2
        assert f'<{page["next"]}>; rel="next"' == first.headers["link"]
        second = (await place.client.get(page["next"], headers=place.admin)).json
        assert second["items"][0]["id"] < page["items"][1]["id"]
        for query in (
            "limit=0",
            "before=x",
            "since=yesterday",
            "since=0001-01-01T00:00:00%2B14:00",
            f"actor={'x' * 501}",
        ):
            assert (await place.client.get(f"/api/v1/audit?{query}", headers=place.admin)).status == 422
        assert (await place.client.get("/api/v1/audit?actor=%00%FF", headers=place.admin)).json["items"] == []

    async def test_no_secret_of_this_file_is_in_it(self, place: Place) -> None:
        said = str([line async for line in audit.lines(place.app.store)])
        for secret in (PASSWORD, "a good new one", "wrong wrong wrong", "tdm_", "tdr_", "eyJ"):
            assert secret not in said
        assert (await audit.verify(place.app.store)).fault is None


class TestLoopback:
    async def test_without_credentials_it_is_an_operator_unless_the_settings_say_otherwise(
        self, tmp_path: Path
    ) -> None:
        async with house(tmp_path / "a") as app, served(app) as client:
            me = (await client.get(SELF)).json
            assert (me["name"], me["role"], me["user"]) == ("loopback", "operator", None)
            assert (await client.get("/api/v1/users")).reason == "insufficient_scope"
            assert (await client.post("/api/v1/keys", json={"name": "k"})).reason == "not_own_key"
        async with house(tmp_path / "b", auth__loopback_role="none") as app, served(app) as client:
            assert (await client.get("/api/v1/runs")).reason == "key_required"
            assert (await client.get("/livez")).status == 200
        async with house(tmp_path / "c", auth__loopback_role="admin") as app, served(app) as client:
            assert (await client.get("/api/v1/users")).status == 200
