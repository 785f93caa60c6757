"""Whose request it is: what a stranger writes is never believed, what trusted proxies write is."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.types import Receive, Scope, Send
from tests.unit.http.asgi import hello, scope_of

from tidemill.http.client_address import ClientAddress, network_of
from tidemill.http.scopes import client_address

TRUSTED = ("10.0.0.0/8", "192.0.2.1", "fd00::/8")


async def found(
    peer: str, headers: list[tuple[str, str]], *, trusted: tuple[str, ...] = TRUSTED, header: str = "x-forwarded-for"
) -> dict[str, Any]:
    """The scope as the application gets it."""
    seen: dict[str, Any] = {}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.update(scope)
        await hello(scope, receive, send)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(_: Any) -> None:
        return

    scope = scope_of() | {"client": (peer, 5)}
    scope["headers"] += [(name.encode(), value.encode()) for name, value in headers]
    await ClientAddress(app, trusted, header)(scope, receive, send)
    return seen


@pytest.mark.parametrize(
    ("peer", "said", "address"),
    [
        ("203.0.113.9", "1.2.3.4", "203.0.113.9"),  # nobody has asked this one
        ("10.0.0.1", "1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", "6.6.6.6, 1.2.3.4", "1.2.3.4"),  # what the client wrote stands left of what the proxy wrote
        ("10.0.0.1", "6.6.6.6, 1.2.3.4, 10.9.9.9, 192.0.2.1", "1.2.3.4"),
        ("10.0.0.1", "10.1.1.1, 10.2.2.2", "10.1.1.1"),
        ("10.0.0.1", "1.2.3.4:5678", "1.2.3.4"),
        ("fd00::1", "[2001:db8::7]:443", "2001:db8::7"),
        ("::ffff:10.0.0.1", "::ffff:1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", "1.2.3.4, unknown", "10.0.0.1"),  # beyond what cannot be read nothing is believed
        ("10.0.0.1", "1.2.3.4, 10.3.3.3, <script>", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", ",,,", "10.0.0.1"),
        ("10.0.0.1", "9" * 10_000, "10.0.0.1"),
        ("10.0.0.1", ",".join(["7.7.7.7"] * 5000 + ["1.2.3.4"]), "1.2.3.4"),
    ],
)
async def test_x_forwarded_for(peer: str, said: str, address: str) -> None:
    assert client_address(await found(peer, [("x-forwarded-for", said)])) == address


async def test_several_headers_are_one_list() -> None:
    given = [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "1.2.3.4")]
    assert client_address(await found("10.0.0.1", given)) == "1.2.3.4"


async def test_without_trusted_proxies_nothing_is_believed() -> None:
    given = [("x-forwarded-for", "1.2.3.4"), ("x-forwarded-proto", "https"), ("forwarded", "for=1.2.3.4")]
    scope = await found("10.0.0.1", given, trusted=())
    assert (client_address(scope), scope["scheme"]) == ("10.0.0.1", "http")


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("for=1.2.3.4", "1.2.3.4"),
        ('for="[2001:db8::7]:4711";proto=https', "2001:db8::7"),
        ("for=6.6.6.6, FOR=1.2.3.4;by=10.0.0.2", "1.2.3.4"),
        ("proto=http; for=1.2.3.4", "1.2.3.4"),
        ("for=_hidden", "10.0.0.1"),
        ("by=1.2.3.4", "10.0.0.1"),
    ],
)
async def test_forwarded(said: str, address: str) -> None:
    given = [("forwarded", said), ("x-forwarded-for", "7.7.7.7")]
    assert client_address(await found("10.0.0.1", given, header="forwarded")) == address


async def test_the_header_that_the_proxy_does_not_write_is_not_read() -> None:
    given = [("forwarded", "for=7.7.7.7"), ("x-forwarded-for", "1.2.3.4")]
    assert client_address(await found("10.0.0.1", given)) == "1.2.3.4"


@pytest.mark.parametrize(
    ("header", "said", "scheme"),
    [
        ("x-forwarded-for", ("x-forwarded-proto", "https"), "https"),
        ("x-forwarded-for", ("x-forwarded-proto", "http, https"), "https"),
        ("x-forwarded-for", ("x-forwarded-proto", "javascript"), "http"),
        ("forwarded", ("forwarded", "for=1.2.3.4;proto=https"), "https"),
    ],
)
async def test_scheme(header: str, said: tuple[str, str], scheme: str) -> None:
    assert (await found("10.0.0.1", [said], header=header))["scheme"] == scheme
    assert (await found("203.0.113.9", [said], header=header))["scheme"] == "http"


def test_who_counts_as_one() -> None:
    assert network_of("192.0.2.7") == network_of("::ffff:192.0.2.7") == "192.0.2.7"
    assert network_of("2001:db8:1:2::3") == network_of("2001:db8:1:2:ffff::9") == "2001:db8:1:2::/64"
    assert network_of("2001:db8:1:3::3") != network_of("2001:db8:1:2::3")
    assert network_of("") == network_of("nonsense") == "unknown"
