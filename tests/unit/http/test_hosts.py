"""Names that are answered, and origins that may change something."""

from __future__ import annotations

import pytest
from starlette.types import Message, Receive, Scope, Send
from tests.unit.http.asgi import ask, hello, scope_of

from tidemill.http.errors import Errors
from tidemill.http.hosts import Hosts, host_name, is_loopback


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("localhost", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.1", False),
        ("example.org", False),
        ("", False),
        ("localhost.evil.example", False),
    ],
)
def test_loopback(host: str, answer: bool) -> None:
    assert is_loopback(host) is answer


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:8000", "[::1]", "[::1]:8000"])
async def test_loopback_answers_to_its_own_names(host: str) -> None:
    assert (await ask(Hosts(hello, "127.0.0.1"), scope_of(headers={"host": host}))).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "127.0.0.1.evil.example",
        "localhost@evil.example",
        "evil.example/localhost",
        "",
        "10.0.0.1",
        "[::2]",
        "[",
        "localhost:x@evil",
        "evil?localhost",
        "evil#localhost",
        "localhost\\evil",
    ],
)
async def test_and_to_no_other(host: str) -> None:
    answer = await ask(Errors(Hosts(hello, "127.0.0.1")), scope_of(headers={"host": host}))
    assert (answer.status, answer.json["type"]) == (421, "urn:tidemill:problem:unknown_host")


async def test_an_address_for_all_answers_to_any_name() -> None:
    assert (await ask(Hosts(hello, "0.0.0.0"), scope_of(headers={"host": "search.example"}))).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:9", "null", "http://localhost:8000", ""])
async def test_a_foreign_page_changes_nothing(method: str, origin: str) -> None:
    app = Errors(Hosts(hello, "127.0.0.1"))
    answer = await ask(app, scope_of(method, headers={"host": "127.0.0.1:8000", "origin": origin}))
    assert (answer.status, answer.json["type"]) == (403, "urn:tidemill:problem:foreign_origin")


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("POST", {}),
        ("POST", {"origin": "http://127.0.0.1:8000"}),
        ("POST", {"origin": "HTTP://127.0.0.1:8000"}),
        ("GET", {"origin": "https://evil.example"}),
        ("POST", {"origin": "https://console.example", "x-api-key": "k"}),
        ("POST", {"origin": "https://console.example", "authorization": "Bearer k"}),
    ],
)
async def test_what_is_no_forgery(method: str, headers: dict[str, str]) -> None:
    assert (await ask(Hosts(hello, "127.0.0.1"), scope_of(method, headers=headers))).status == 200


async def test_basic_credentials_excuse_nothing() -> None:
    headers = {"origin": "https://evil.example", "authorization": "Basic eDp5"}
    assert (await ask(Errors(Hosts(hello, "127.0.0.1")), scope_of("POST", headers=headers))).status == 403


@pytest.mark.parametrize(("host", "name"), [("A.B:1", "a.b"), ("[::1]:2", "::1"), ("[", ""), ("a@b", ""), ("", "")])
def test_host_name(host: str, name: str) -> None:
    assert host_name(host) == name


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"cookie": "session=1"}, "no_origin"),
        ({"cookie": "session=1", "referer": "https://evil.example/127.0.0.1:8000"}, "foreign_origin"),
        ({"cookie": "session=1", "referer": "https://["}, "foreign_origin"),
        ({"cookie": "session=1", "origin": "https://evil.example"}, "foreign_origin"),
        ({"cookie": "session=1", "sec-fetch-site": "cross-site"}, "foreign_origin"),
        ({"sec-fetch-site": "same-site"}, "foreign_origin"),
        ({"cookie": "session=1", "sec-fetch-site": "same-origin"}, None),
        ({"cookie": "session=1", "sec-fetch-site": "none"}, None),
        ({"cookie": "session=1", "origin": "http://127.0.0.1:8000"}, None),
        ({"cookie": "session=1", "referer": "http://127.0.0.1:8000/console"}, None),
        ({"cookie": "session=1", "x-api-key": "k"}, None),
    ],
)
async def test_a_cookie_changes_nothing_unless_one_of_our_pages_sent_it(
    headers: dict[str, str], reason: str | None
) -> None:
    answer = await ask(Errors(Hosts(hello, "127.0.0.1")), scope_of("POST", headers=headers))
    assert answer.status == (403 if reason else 200)
    if reason:
        assert answer.json["type"] == f"urn:tidemill:problem:{reason}"


async def test_pages_on_the_list_may_change_things_but_not_all_of_the_world() -> None:
    scope = scope_of("POST", headers={"origin": "https://app.example"})
    assert (await ask(Errors(Hosts(hello, "127.0.0.1", origins=["https://app.example"])), scope)).status == 200
    assert (await ask(Errors(Hosts(hello, "127.0.0.1", origins=["*"])), scope)).status == 403


async def test_names_for_an_address_for_all_and_probes_under_any() -> None:
    app = Errors(Hosts(hello, "0.0.0.0", ["search.example"], is_free=lambda path: path == "/livez"))
    for host, path, status in (
        ("search.example", "/", 200),
        ("SEARCH.example:443", "/", 200),
        ("10.1.2.3", "/", 421),
        ("10.1.2.3", "/livez", 200),
        ("localhost", "/", 421),
    ):
        assert (await ask(app, scope_of(path=path, headers={"host": host}))).status == status


@pytest.mark.parametrize(
    ("headers", "is_open"),
    [
        ({}, True),
        ({"origin": "http://127.0.0.1:8000"}, True),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "https://evil.example", "x-api-key": "k"}, False),
        ({"origin": "null"}, False),
        ({"host": "evil.example", "origin": "http://evil.example"}, False),
        ({"cookie": "session=1"}, False),
    ],
)
async def test_websockets_of_foreign_pages_are_closed(headers: dict[str, str], is_open: bool) -> None:
    """A browser asks nobody before it opens one."""
    reached, sent = [], []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append(scope)

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    await Hosts(app, "127.0.0.1")(scope_of(headers=headers) | {"type": "websocket"}, receive, send)
    assert bool(reached) is is_open
    assert [message["code"] for message in sent] == ([] if is_open else [1008])
