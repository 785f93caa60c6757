"""Every route for everybody: anonymous, viewer, operator, admin. And what each of them is told."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import WSMsgType
from tests.contract.account_house import CHEAP, ME, PASSWORD
from tests.contract.api_house import Client, Reply, house, served

from tidemill.api.access import TABLE, access_to
from tidemill.api.main import create_api
from tidemill.app import App
from tidemill.http.access import ANY_CALLER, NOBODY, OPEN, Access
from tidemill.manage import audit_writer, users
from tidemill.manage.accounts import create_key
from tidemill.models.account import SCOPES, SCOPES_OF, Role
from tidemill.store import audit

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVERYBODY = """
GET /
GET /api/docs
GET /api/docs/{name}
GET /api/openapi.json
GET /api/redoc
GET /docs
GET /health/live
GET /health/liveness
GET /health/readiness
GET /health/ready
GET /health/startup
GET /liveness
GET /livez
GET /readiness
GET /readyz
GET /startupz
POST /api/v1/auth/logout
POST /api/v1/auth/refresh
POST /api/v1/auth/token
"""
VIEWERS = """
DELETE /api/v1/exports/{export_id}
DELETE /api/v1/keys/{prefix}
GET /api/content
GET /api/v1/auth/me
GET /api/v1/documents
GET /api/v1/documents/export
GET /api/v1/documents/{document_id}
GET /api/v1/documents/{document_id}/diff
GET /api/v1/documents/{document_id}/provenance
GET /api/v1/documents/{document_id}/raw
GET /api/v1/documents/{document_id}/similar
GET /api/v1/documents/{document_id}/versions
GET /api/v1/documents/{document_id}/versions/{number}
GET /api/v1/events
GET /api/v1/exports
GET /api/v1/exports/{export_id}
GET /api/v1/exports/{export_id}/download
GET /api/v1/keys
GET /api/v1/keys/{prefix}
GET /api/v1/runs
GET /api/v1/runs/{run_id}
GET /api/v1/runs/{run_id}/ledger
GET /api/v1/runs/{run_id}/progress
GET /api/v1/search
GET /api/v1/search/feed.atom
GET /api/v1/search/feed.rss
GET /api/v1/search/queries
GET /api/v1/search/suggest
GET /api/v1/sources
GET /api/v1/sources/{name:path}
GET /api/v1/sources/{name:path}/versions
GET /api/v1/stats
GET /search
GET /search/
POST /api/v1/auth/password
POST /api/v1/exports
POST /api/v1/keys
POST /api/v1/keys/{prefix}/rotate
WS /api/v1/runs/{run_id}/progress/ws
"""
OPERATORS = """
DELETE /api/v1/sources/{name:path}
GET /api/v1/dead-letters
GET /api/v1/dead-letters/groups
GET /api/v1/dead-letters/{letter_id}
GET /health
GET /health/detailed
GET /metrics
GET /status
POST /api/scraping/trigger
POST /api/v1/dead-letters/discard
POST /api/v1/dead-letters/replay
POST /api/v1/dead-letters/{letter_id}/discard
POST /api/v1/dead-letters/{letter_id}/replay
POST /api/v1/runs
POST /api/v1/runs/{run_id}/cancel
POST /api/v1/sources
POST /api/v1/sources/check
PUT /api/v1/sources/{name:path}
"""
ADMINS = """
GET /api/v1/audit
GET /api/v1/users
GET /api/v1/users/{user_id}
PATCH /api/v1/users/{user_id}
POST /api/v1/users
PUT /api/v1/users/{user_id}/password
"""
LEAST = {
    operation: least
    for least, operations in enumerate((EVERYBODY, VIEWERS, OPERATORS, ADMINS))
    for operation in operations.strip().splitlines()
}
"""Who may at least: 0 anybody, 1 a viewer, 2 an operator, 3 an admin. Written out: the code must not say it alone."""
CALLERS = ("anonymous", *(role.value for role in Role))


@dataclass(frozen=True)
class Place:
    """The house of this file, listening for everybody, with a key and a user of each role."""

    app: App
    client: Client
    keys: dict[str, str]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    settings = {name.replace(".", "__"): value for name, value in CHEAP.items()}
    with pytest.MonkeyPatch.context() as patch:  # however slow the machine is, a denial is written before it is told
        patch.setattr(audit_writer, "_WAIT_S", 60.0)
        async with opened(tmp_path_factory.mktemp("access"), settings) as made:
            yield made


@asynccontextmanager
async def opened(folder: Path, settings: dict[str, object]) -> AsyncIterator[Place]:
    async with house(folder, **settings) as app:
        keys = {}
        async with served(app, "0.0.0.0") as client:
            for role in Role:
                _, keys[role.value] = await create_key(app.store, role.value, by=ME, role=role)
                await users.create(app.store, app.settings.auth, _address(role), PASSWORD, ME, role=role)
            yield Place(app, client, keys)


def _address(role: str) -> str:
    return f"{role}@example.org"


async def token(client: Client, role: str) -> str:
    """A new access token of the user in that role."""
    form = {"grant_type": "password", "username": _address(role), "password": PASSWORD}
    answer = await client.post("/api/v1/auth/token", data=form)
    assert answer.status == 200, answer.body
    return str(answer.json["access_token"])


def path_of(operation: str) -> str:
    """A path of that route, of things that are not there."""
    return re.sub(r"{(\w+)(:path)?}", lambda found: "7" if found[1] == "number" else "nothing", operation.split()[1])


async def ask(client: Client, operation: str, secret: str | None, *, bearer: bool = False) -> Reply:
    headers = {} if secret is None else {"authorization": f"Bearer {secret}"} if bearer else {"x-api-key": secret}
    return await client.ask(operation.split()[0], path_of(operation), headers=headers)


async def test_every_route_is_in_the_table_and_nothing_else(place: Place) -> None:
    served_now = set(routes_of(place.app).operations())
    assert served_now == TABLE.keys(), "give each new route an entry in api/access.py"
    assert TABLE.keys() == LEAST.keys(), "say here who may at least ask for it"


async def test_the_table_names_scopes_that_there_are() -> None:
    assert set(TABLE.values()) - {OPEN, ANY_CALLER} <= set(SCOPES)
    assert NOBODY not in TABLE.values()
    assert SCOPES_OF[Role.VIEWER] < SCOPES_OF[Role.OPERATOR] < SCOPES_OF[Role.ADMIN] == set(SCOPES)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("operation", [each for each in sorted(LEAST) if not each.startswith("WS ")])
async def test_route_and_role(place: Place, operation: str, caller: str) -> None:
    """A token is used for one route: logging out is a route, too, and whoever has a session no more is told otherwise
    as soon as the server believes it no more."""
    ways = [(None, False)]
    if caller != "anonymous":
        ways = [(place.keys[caller], False), (await token(place.client, caller), True)]
    for secret, bearer in ways:
        answer = await ask(place.client, operation, secret, bearer=bearer)
        assert answer.status < 500
        if CALLERS.index(caller) >= LEAST[operation]:
            assert answer.status != 401, answer.body
            assert answer.status != 403 or answer.reason != "insufficient_scope", answer.body
        elif caller == "anonymous":
            assert (answer.status, answer.reason) == (401, "key_required")
        else:
            assert (answer.status, answer.reason) == (403, "insufficient_scope")
            assert f'scope="{TABLE[operation]}"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("operation", [each for each in sorted(LEAST) if each.startswith("WS ")])
async def test_socket_and_role(place: Place, operation: str, caller: str) -> None:
    """By a header, and for browsers, which send none, by the first message; never before that is anything told."""
    path = place.client.base_url + path_of(operation)
    if caller == "anonymous":
        async with place.client.session.ws_connect(path) as socket:
            await socket.send_str('{"no": "token"}')
            assert (await socket.receive()).type is WSMsgType.CLOSE
            assert socket.close_code == 1008
        return
    for secret in (place.keys[caller], await token(place.client, caller)):
        for headers in ({"authorization": f"Bearer {secret}"}, {}):
            async with place.client.session.ws_connect(path, headers=headers) as socket:
                if not headers:
                    await socket.send_json({"token": secret})
                assert "no_such_run" in (await socket.receive()).data


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "PUT", "PATCH", "DELETE", "FOO"])
@pytest.mark.parametrize("path", ["/api/v1/search", "/api/v1/users", "/metrics", "/api/v1/nothing"])
async def test_other_methods_open_nothing(place: Place, method: str, path: str) -> None:
    assert (await place.client.ask(method, path)).status in (400, 401)
    known = await place.client.ask(method, path, headers={"x-api-key": place.keys["viewer"]})
    assert known.status in (400, 403, 404, 405)


@pytest.mark.parametrize(
    "path",
    ["/api/v1/users/", "//api/v1/users", "/api/v1//users", "/api/v1/users%2F", "/API/V1/users", "/api/v1/./users",
     "/livez/../api/v1/users", "/api/docs/../v1/users", "/api/docs/%2e%2e/v1/users", "/api/v1/users;x", "/metrics/"],
)  # fmt: skip
async def test_no_other_spelling_of_a_path_leads_in(place: Place, path: str) -> None:
    for secret in (None, place.keys["viewer"]):
        answer = await place.client.get(path, headers={"x-api-key": secret} if secret else {})
        assert answer.status in (401, 403, 404), path
        assert b"example.org" not in answer.body


async def test_a_denial_is_in_the_log_before_it_is_answered(place: Place) -> None:
    headers = {"x-api-key": place.keys["viewer"], "x-request-id": "canary-request"}
    assert (await place.client.get("/api/v1/users?q=canary-query", headers=headers)).status == 403
    (line,) = await audit.listed(place.app.store, audit.Wanted(action="request.denied"), limit=1)
    assert (line.target, line.request_id, line.address) == ("/api/v1/users", "canary-request", "127.0.0.1")
    assert line.actor.startswith("key:")
    assert line.detail == {"method": "GET", "status": 403, "reason": "insufficient_scope"}
    told = (await place.client.get("/api/v1/audit?limit=3", headers={"x-api-key": place.keys["admin"]})).json
    assert told["items"][0]["request_id"] == "canary-request"
    assert "canary-query" not in str(told)


async def test_what_a_route_denies_by_itself_is_in_the_log_too(place: Place) -> None:
    spec = {"name": "local", "kind": "files", "start": ["/etc"]}
    answer = await place.client.post("/api/v1/sources", json=spec, headers={"x-api-key": place.keys["operator"]})
    assert (answer.status, answer.reason) == (403, "file_source")
    (line,) = await audit.listed(place.app.store, audit.Wanted(action="request.denied"), limit=1)
    assert (line.target, line.detail["reason"]) == ("/api/v1/sources", "file_source")
    assert line.request_id == answer.headers["x-request-id"]


async def test_many_denials_at_once_are_all_written_in_one_chain(place: Place) -> None:
    before = await audit.verify(place.app.store)
    answers = await asyncio.gather(*(place.client.get("/api/v1/stats") for _ in range(100)))
    assert {each.status for each in answers} == {401}
    after = await audit.verify(place.app.store, head=(before.head_id, before.head_hash))
    assert (after.fault, after.lines - before.lines) == (None, 100)


def routes_of(app: App) -> Access:
    """The access to what the API serves, as it is made there."""
    made: list[Access] = []

    def catching(routers: object) -> Access:
        made.append(access_to(routers))  # type: ignore[arg-type]
        return made[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tidemill.api.main.access_to", catching)
        create_api(app)
    return made[0]
