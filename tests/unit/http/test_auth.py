"""Who asks and whether they may: where keys are looked for, which are valid, what a route needs.

Stored keys, users and tokens are tested over a database.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pydantic import SecretStr
from starlette.routing import compile_path
from tests.unit.http.asgi import Answered, ask, scope_of

from tidemill.http import keyring
from tidemill.http.access import ANY_CALLER, NOBODY, OPEN, Access, Route
from tidemill.http.auth import Authentication
from tidemill.http.denials import Denials, DeniedAtTheDoor
from tidemill.http.errors import Errors
from tidemill.http.hosts import Hosts
from tidemill.http.keyring import Keyring
from tidemill.http.keys import presented_key
from tidemill.http.scopes import caller, through_a_proxy
from tidemill.manage import audit_writer
from tidemill.manage.audit_writer import AuditWriter
from tidemill.models.account import Caller, Role
from tidemill.models.audit import Note
from tidemill.store.accounts import ApiKey
from tidemill.store.engine import Store

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
NO_STORE = cast(Store, SimpleNamespace(now=lambda: NOW))
CONFIGURED = "a-configured-key-of-some-length"
TOKEN = "eyJ.e.f"
TABLE = {"GET /open": OPEN, "GET /api": "runs:read", "POST /api": "runs:write", "GET /users": "users:read"}
PATHS = {"/open": "GET", "/api": "GET POST", "/users": "GET", "/me": "GET"}
ACCESS = Access(
    [Route(path, compile_path(path)[0], frozenset(methods.split())) for path, methods in PATHS.items()],
    TABLE | {"GET /me": ANY_CALLER},
)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Tokens:
    """One token, which is good or has expired."""

    is_expired = False
    asked = 0

    async def recognise(self, token: str) -> tuple[Caller | None, bool]:
        self.asked += 1
        ada = Caller("user:ada@example.org", Role.VIEWER, frozenset({"runs:read"}), "1", None, None, "s", NOW)
        is_known = token == TOKEN
        return (ada if is_known and not self.is_expired else None), is_known and self.is_expired


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> dict[str, ApiKey]:
    """What the store would recognise."""
    keys: dict[str, ApiKey] = {}

    async def recognise(_: Store, clear: str) -> ApiKey | None:
        return keys.get(clear)

    monkeypatch.setattr(keyring.accounts, "recognise", recognise)
    return keys


@pytest.fixture
def denied(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Caller, Note]]:
    """What stands in the audit log."""
    lines: list[tuple[Caller, Note]] = []

    async def record(_: Store, said: list[tuple[Caller, Note]]) -> None:
        lines.extend(said)

    monkeypatch.setattr(audit_writer.audit, "record", record)
    return lines


pytestmark = pytest.mark.usefixtures("stored", "denied")


def denials() -> Denials:
    return Denials(AuditWriter(NO_STORE))


def key(prefix: str, role: Role = Role.ADMIN) -> ApiKey:
    return ApiKey("1", "name", prefix, "hash", (), NOW, role=role)


async def who(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the name of the caller."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(caller(scope)).encode()})


async def request(
    headers: dict[str, str],
    *,
    method: str = "GET",
    path: str = "/api",
    query: str = "",
    loopback: Role | None = None,
    tokens: Tokens | None = None,
) -> Answered:
    ring = Keyring(NO_STORE, [SecretStr(CONFIGURED)], tokens or Tokens())
    app = Authentication(who, ring, ACCESS, denials(), loopback_role=loopback)
    return await ask(Errors(app), scope_of(method=method, path=path, headers=headers, query=query))


@pytest.mark.parametrize(
    ("headers", "status", "reason"),
    [
        ({}, 401, "key_required"),
        ({"x-api-key": ""}, 401, "invalid_key"),
        ({"x-api-key": " "}, 401, "invalid_key"),
        ({"x-api-key": "wrong"}, 401, "invalid_key"),
        ({"x-api-key": CONFIGURED[:-1]}, 401, "invalid_key"),
        ({"authorization": "Bearer wrong"}, 401, "invalid_key"),
        ({"authorization": "Bearer eyJ.x.y"}, 401, "invalid_key"),
        ({"authorization": f"Basic {CONFIGURED}"}, 401, "key_required"),
        ({"authorization": "Bearer"}, 401, "invalid_key"),
        ({"authorization": "Bearer "}, 401, "invalid_key"),
        ({"cookie": f"x-api-key={CONFIGURED}"}, 401, "key_required"),
        ({"x-forwarded-for": "127.0.0.1"}, 401, "key_required"),
        ({"x-api-key": CONFIGURED}, 200, "settings"),
        ({"authorization": f"Bearer {CONFIGURED}"}, 200, "settings"),
        ({"authorization": f"bearer  {CONFIGURED} "}, 200, "settings"),
        ({"authorization": f"Bearer {TOKEN}"}, 200, "user:ada@example.org"),
    ],
)
async def test_a_server_that_others_reach_wants_a_key(headers: dict[str, str], status: int, reason: str) -> None:
    answer = await request(headers)
    assert answer.status == status
    if status == 401:
        assert answer.json["type"] == f"urn:tidemill:problem:{reason}"
        assert answer.headers["www-authenticate"].startswith("Bearer")
    else:
        assert answer.body.decode() == reason


async def test_a_token_that_has_expired_is_told_apart() -> None:
    tokens = Tokens()
    tokens.is_expired = True
    answer = await request({"authorization": f"Bearer {TOKEN}"}, tokens=tokens)
    assert (answer.status, answer.json["type"]) == (401, "urn:tidemill:problem:token_expired")
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


async def test_open_paths_need_none() -> None:
    assert (await request({}, path="/open")).body == b"anonymous"
    assert (await request({"x-api-key": "wrong"}, path="/open")).body == b"anonymous"


@pytest.mark.parametrize(
    "proxy",
    ["forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-real-ip", "via", "cf-connecting-ip"],
)
async def test_loopback_needs_none_unless_a_proxy_stands_before_it(proxy: str) -> None:
    assert (await request({}, loopback=Role.OPERATOR)).body == b"loopback"
    assert (await request({proxy: "for=192.0.2.1"}, loopback=Role.OPERATOR)).status == 401
    assert (await request({proxy: ""}, loopback=Role.OPERATOR)).status == 401
    named = {proxy: "for=192.0.2.1", "x-api-key": CONFIGURED}
    assert (await request(named, loopback=Role.OPERATOR)).status == 200


async def test_loopback_has_a_role_and_a_wrong_key_has_none() -> None:
    assert (await request({}, path="/users", loopback=Role.OPERATOR)).status == 403
    assert (await request({}, path="/users", loopback=Role.ADMIN)).status == 200
    assert (await request({}, method="POST", loopback=Role.VIEWER)).status == 403
    assert (await request({"x-api-key": "wrong"}, loopback=Role.ADMIN)).json["status"] == 401


@pytest.mark.parametrize(("version", "shows"), [("1", True), ("1.0", True), ("1.1", False), ("2", False)])
def test_http_1_0_is_what_a_proxy_speaks_that_says_nothing_else(version: str, shows: bool) -> None:
    assert through_a_proxy({**scope_of(headers={"connection": "close"}), "http_version": version}) is shows


@pytest.mark.parametrize("empty", [{"x-api-key": ""}, {"authorization": "Bearer "}, {"authorization": "bearer"}])
async def test_an_empty_credential_excuses_a_foreign_page_and_is_nobodys(empty: dict[str, str]) -> None:
    """What counts as presented for the check of origins counts as presented here."""
    ring = Keyring(NO_STORE, [SecretStr(CONFIGURED)], Tokens())
    app = Authentication(who, ring, ACCESS, denials(), loopback_role=Role.OPERATOR)
    forged = {"origin": "https://evil.example", **empty}
    answer = await ask(Errors(Hosts(app, "127.0.0.1")), scope_of("POST", "/api", headers=forged))
    assert (answer.status, answer.json["type"]) == (401, "urn:tidemill:problem:invalid_key")


def test_what_is_remembered_of_routes_is_bounded() -> None:
    access = Access([Route("/api", compile_path("/api")[0], frozenset({"GET"}))], TABLE)
    for method, path in (("GET", "/api"), ("M" * 1000, "/api"), ("GET", "/" + "p" * 1000), ("M" * 150, "/" + "p" * 60)):
        access.need(method, path)
    assert max(sum(map(len, each)) for each in access._known) <= 200
    assert access.need("M" * 1000, "/api") == ANY_CALLER


@pytest.mark.parametrize(
    ("method", "path", "role", "status"),
    [
        ("GET", "/api", Role.VIEWER, 200),
        ("HEAD", "/api", Role.VIEWER, 200),
        ("POST", "/api", Role.VIEWER, 403),
        ("POST", "/api", Role.OPERATOR, 200),
        ("GET", "/users", Role.OPERATOR, 403),
        ("GET", "/users", Role.ADMIN, 200),
        ("GET", "/me", Role.VIEWER, 200),
        ("DELETE", "/api", Role.VIEWER, 200),
        ("GET", "/nowhere", Role.VIEWER, 200),
        ("GET", "/users/", Role.VIEWER, 200),
    ],
)
async def test_a_route_needs_its_scope(
    stored: dict[str, ApiKey], method: str, path: str, role: Role, status: int
) -> None:
    """A method or path that nothing serves is let through to whoever says that."""
    stored["k"] = key("abc", role)
    answer = await request({"x-api-key": "k"}, method=method, path=path)
    assert answer.status == status
    if status == 403:
        assert answer.json["type"] == "urn:tidemill:problem:insufficient_scope"
        assert f'scope="{TABLE[f"{method} {path}"]}"' in answer.headers["www-authenticate"]


async def test_a_route_without_an_entry_is_nobodys() -> None:
    access = Access([Route("/new", compile_path("/new")[0], frozenset({"GET"}))], TABLE)
    assert access.need("GET", "/new") == NOBODY
    app = Authentication(who, Keyring(NO_STORE, [SecretStr(CONFIGURED)], Tokens()), access, denials(),
                         loopback_role=Role.ADMIN)  # fmt: skip
    assert (await ask(Errors(app), scope_of(path="/new", headers={"x-api-key": CONFIGURED}))).status == 403


@pytest.mark.parametrize(
    "query", ["api_key=k", "q=a&API_KEY=k", "access_token=k", "api-key=", "api%5Fkey=k", "apikey=k"]
)
@pytest.mark.parametrize("path", ["/api", "/open"])
async def test_a_key_in_the_url_is_refused_everywhere(query: str, path: str) -> None:
    answer = await request({"x-api-key": CONFIGURED}, path=path, query=query, loopback=Role.ADMIN)
    assert (answer.status, answer.json["type"]) == (400, "urn:tidemill:problem:key_in_query")


@pytest.mark.parametrize("query", ["q=api_key", "key=value", "q=access_token%3Dx"])
async def test_a_question_about_keys_is_none(query: str) -> None:
    assert (await request({}, query=query, loopback=Role.ADMIN)).status == 200


def test_x_api_key_comes_first() -> None:
    both = scope_of(headers={"x-api-key": " a ", "authorization": "Bearer b"})
    assert presented_key(both) == "a"
    assert presented_key(scope_of()) is None


async def test_every_denial_is_written_down_without_what_was_presented(denied: list[tuple[Caller, Note]]) -> None:
    await request({"x-api-key": "canary-4711"}, query="q=canary-4711")
    await request({}, method="POST", loopback=Role.VIEWER)
    await request({"x-api-key": CONFIGURED})
    assert [(by.name, note.target, dict(note.detail)) for by, note in denied] == [
        ("anonymous", "/api", {"method": "GET", "status": 401, "reason": "invalid_key"}),
        ("loopback", "/api", {"method": "POST", "status": 403, "reason": "insufficient_scope"}),
    ]
    assert "canary" not in str(denied)


async def test_what_is_denied_at_the_door_is_written_down_too(denied: list[tuple[Caller, Note]]) -> None:
    app = Errors(DeniedAtTheDoor(Hosts(who, "127.0.0.1"), denials()))
    wrong = await ask(app, scope_of("M" * 99, "/api", headers={"host": "evil.example"}))
    forged = await ask(app, scope_of("POST", "/api", headers={"origin": "https://evil.example"}))
    assert (wrong.status, forged.status) == (421, 403)
    assert [(by.name, note.target, dict(note.detail)) for by, note in denied] == [
        ("anonymous", "/api", {"method": "M" * 16, "status": 421, "reason": "unknown_host"}),
        ("anonymous", "/api", {"method": "POST", "status": 403, "reason": "foreign_origin"}),
    ]


async def test_a_websocket_is_closed_before_it_is_opened(denied: list[tuple[Caller, Note]]) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {**scope_of(path="/api"), "type": "websocket"}
    del scope["method"]
    app = Authentication(who, Keyring(NO_STORE, [], Tokens()), ACCESS, denials(), loopback_role=None)
    await app(scope, cast(Any, None), send)
    assert [each["type"] for each in sent] == ["websocket.close"]
    assert len(denied) == 1


class Dialled:
    """A WebSocket to a route that needs `runs:read`, from afar, whose client says these messages."""

    def __init__(self, *messages: dict[str, Any], query: bytes = b"") -> None:
        self.waiting = [{"type": "websocket.connect"}, *messages]
        self.sent: list[Any] = []
        self.seen: list[Any] = []
        table = {"WS /live": "runs:read"}
        access = Access([Route("/live", compile_path("/live")[0], frozenset({"WS"}))], table)
        ring = Keyring(NO_STORE, [], Tokens())
        self.app = Authentication(self.inside, ring, access, denials(), loopback_role=None)
        self.scope = {**scope_of(path="/live"), "type": "websocket", "query_string": query}
        del self.scope["method"]

    async def inside(self, scope: Any, receive: Any, send: Any) -> None:
        self.seen = [caller(scope).name, await receive()]
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "secret"})

    async def receive(self) -> Any:
        return self.waiting.pop(0)

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    async def run(self) -> Dialled:
        await self.app(self.scope, self.receive, self.send)
        return self

    @property
    def kinds(self) -> list[str]:
        return [each["type"].removeprefix("websocket.") for each in self.sent]


async def test_a_websocket_says_in_its_first_message_who_it_is(denied: list[tuple[Caller, Note]]) -> None:
    dialled = await Dialled({"type": "websocket.receive", "text": f'{{"token": "{TOKEN}"}}'}).run()
    assert dialled.kinds == ["accept", "send"], "it is accepted once"
    assert dialled.seen == ["user:ada@example.org", {"type": "websocket.connect"}]
    assert denied == []


@pytest.mark.parametrize("said", ['{"token": "wrong"}', '{"token": 1}', "[]", "", "{", None], ids=repr)
async def test_and_is_told_nothing_if_that_is_not_good(denied: list[tuple[Caller, Note]], said: str | None) -> None:
    dialled = await Dialled({"type": "websocket.receive", "text": said}).run()
    assert dialled.kinds == ["accept", "close"]
    assert dialled.sent[-1]["code"] == 1008
    assert len(denied) == 1


async def test_a_client_that_leaves_instead(denied: list[tuple[Caller, Note]]) -> None:
    assert (await Dialled({"type": "websocket.disconnect"}).run()).kinds == ["accept", "close"]


async def test_a_credential_in_the_address_is_not_even_let_in(denied: list[tuple[Caller, Note]]) -> None:
    dialled = await Dialled(query=b"access_token=" + TOKEN.encode()).run()
    assert (dialled.kinds, dialled.sent[-1]["reason"]) == (["close"], "key_in_query")


async def test_sockets_that_do_not_say_who_they_are_are_so_many(
    denied: list[tuple[Caller, Note]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidemill.http.socket_token.MOST_WAITING", 0)
    assert (await Dialled().run()).kinds == ["close"]


async def test_one_that_says_nothing_is_closed(
    denied: list[tuple[Caller, Note]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidemill.http.socket_token.FIRST_MESSAGE_S", 0.01)
    dialled = Dialled()

    async def receive() -> Any:
        if dialled.waiting:
            return dialled.waiting.pop(0)
        return await asyncio.Event().wait()

    dialled.receive = receive  # type: ignore[method-assign]
    assert (await dialled.run()).kinds == ["accept", "close"]


async def test_a_revocation_takes_effect_within_five_seconds(stored: dict[str, ApiKey]) -> None:
    clock = Clock()
    ring = Keyring(NO_STORE, [], Tokens(), clock=clock)
    stored["clear"] = key("abc")
    assert (await ring.recognise("clear")).caller is not None
    stored["clear"] = key("abc", Role.VIEWER)
    clock.now = 4.9
    found = (await ring.recognise("clear")).caller
    assert found is not None
    assert found.role is Role.ADMIN
    clock.now = 5.0
    found = (await ring.recognise("clear")).caller
    assert found is not None
    assert found.role is Role.VIEWER
    del stored["clear"]
    clock.now = 10.0
    assert (await ring.recognise("clear")).caller is None


async def test_what_is_believed_is_not_believed_beyond_its_expiry(stored: dict[str, ApiKey]) -> None:
    times = [NOW]
    ring = Keyring(cast(Store, SimpleNamespace(now=lambda: times[-1])), [], Tokens(), clock=Clock())
    stored["clear"] = replace(key("abc"), expires_at=NOW + timedelta(seconds=1))
    assert (await ring.recognise("clear")).caller is not None
    del stored["clear"]
    assert (await ring.recognise("clear")).caller is not None
    times.append(NOW + timedelta(seconds=1))
    assert (await ring.recognise("clear")).caller is None


async def test_what_is_not_valid_is_asked_again(stored: dict[str, ApiKey]) -> None:
    ring = Keyring(NO_STORE, [], Tokens())
    assert (await ring.recognise("clear")).caller is None
    stored["clear"] = key("abc")
    assert (await ring.recognise("clear")).caller is not None
