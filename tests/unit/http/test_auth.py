"""Keys: where they are looked for, which are valid, which paths need none. Stored keys are tested over a database."""

from __future__ import annotations

from typing import Any, cast

import pytest
from pydantic import SecretStr
from tests.unit.http.asgi import Answered, ask, hello, scope_of

from tidemill.http import auth
from tidemill.http.auth import Authentication, Keyring
from tidemill.http.errors import Errors
from tidemill.http.keys import presented_key
from tidemill.store.accounts import ApiKey
from tidemill.store.engine import Store

NO_STORE = cast(Store, None)
CONFIGURED = "a-configured-key-of-some-length"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> dict[str, ApiKey]:
    """What the store would recognise."""
    keys: dict[str, ApiKey] = {}

    async def recognise(_: Store, clear: str) -> ApiKey | None:
        return keys.get(clear)

    monkeypatch.setattr(auth.accounts, "recognise", recognise)
    return keys


def key(prefix: str) -> ApiKey:
    return ApiKey("1", "name", prefix, "hash", (), cast(Any, None))


async def request(headers: dict[str, str], *, path: str = "/api", query: str = "", loopback: bool = False) -> Answered:
    keyring = Keyring(NO_STORE, [SecretStr(CONFIGURED)])
    app = Authentication(hello, keyring, is_open=lambda path: path == "/open", trusts_loopback=loopback)
    return await ask(Errors(app), scope_of(path=path, headers=headers, query=query))


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("headers", "status", "reason"),
    [
        ({}, 401, "key_required"),
        ({"x-api-key": ""}, 401, "key_required"),
        ({"x-api-key": "wrong"}, 401, "invalid_key"),
        ({"x-api-key": CONFIGURED[:-1]}, 401, "invalid_key"),
        ({"authorization": "Bearer wrong"}, 401, "invalid_key"),
        ({"authorization": f"Basic {CONFIGURED}"}, 401, "key_required"),
        ({"authorization": "Bearer"}, 401, "key_required"),
        ({"cookie": f"x-api-key={CONFIGURED}"}, 401, "key_required"),
        ({"x-forwarded-for": "127.0.0.1"}, 401, "key_required"),
        ({"x-api-key": CONFIGURED}, 200, ""),
        ({"authorization": f"Bearer {CONFIGURED}"}, 200, ""),
        ({"authorization": f"bearer  {CONFIGURED} "}, 200, ""),
    ],
)
async def test_a_server_that_others_reach_wants_a_key(headers: dict[str, str], status: int, reason: str) -> None:
    answer = await request(headers)
    assert answer.status == status
    if status == 401:
        assert answer.json["type"] == f"urn:tidemill:problem:{reason}"
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_open_paths_need_none() -> None:
    assert (await request({}, path="/open")).status == 200


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("proxy", ["forwarded", "x-forwarded-for", "x-real-ip", "via"])
async def test_loopback_needs_none_unless_a_proxy_stands_before_it(proxy: str) -> None:
    assert (await request({}, loopback=True)).status == 200
    assert (await request({proxy: "for=192.0.2.1"}, loopback=True)).status == 401
    assert (await request({proxy: "for=192.0.2.1", "x-api-key": CONFIGURED}, loopback=True)).status == 200


@pytest.mark.parametrize(
    "query", ["api_key=k", "q=a&API_KEY=k", "access_token=k", "api-key=", "api%5Fkey=k", "apikey=k"]
)
@pytest.mark.parametrize("path", ["/api", "/open"])
async def test_a_key_in_the_url_is_refused_everywhere(query: str, path: str) -> None:
    answer = await request({"x-api-key": CONFIGURED}, path=path, query=query, loopback=True)
    assert (answer.status, answer.json["type"]) == (400, "urn:tidemill:problem:key_in_query")


@pytest.mark.parametrize("query", ["q=api_key", "key=value", "q=access_token%3Dx"])
async def test_a_question_about_keys_is_none(query: str) -> None:
    assert (await request({}, query=query, loopback=True)).status == 200


def test_x_api_key_comes_first() -> None:
    both = scope_of(headers={"x-api-key": " a ", "authorization": "Bearer b"})
    assert presented_key(both) == "a"
    assert presented_key(scope_of()) is None


async def test_a_revocation_takes_effect_within_five_seconds(stored: dict[str, ApiKey]) -> None:
    clock = Clock()
    keyring = Keyring(NO_STORE, [], clock=clock)
    stored["clear"] = key("abc")
    assert await keyring.owner("clear") == "abc"
    del stored["clear"]
    clock.now = 4.9
    assert await keyring.owner("clear") == "abc"
    clock.now = 5.0
    assert await keyring.owner("clear") is None


async def test_what_is_not_valid_is_asked_again(stored: dict[str, ApiKey]) -> None:
    keyring = Keyring(NO_STORE, [])
    assert await keyring.owner("clear") is None
    stored["clear"] = key("abc")
    assert await keyring.owner("clear") == "abc"
