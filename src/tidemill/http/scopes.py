"""Reading ASGI scopes: headers, and the state that one layer leaves for those inside it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from starlette.types import Scope

from tidemill.models.account import Caller

_OLD_HTTP = ("1", "1.0")
_OF_PROXIES = frozenset(
    b"forwarded via x-real-ip x-client-ip x-cluster-client-ip x-original-forwarded-for x-original-host true-client-ip"
    b" cf-connecting-ip fastly-client-ip x-envoy-external-address".split()
)

RawHeaders = list[tuple[bytes, bytes]]


def header(scope: Scope, name: bytes) -> str | None:
    """The first header of that name (in lower case), or `None`."""
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    for key, value in headers:
        if key == name:
            return value.decode("latin-1")
    return None


def state(scope: Scope) -> dict[str, Any]:
    """What the layers of a request leave for each other: `request_id`, `client_address`, `answer_headers`,
    `rate_limits`, `caller`, `problem`, and `route` if a layer has answered in the place of one."""
    found: dict[str, Any] = scope.setdefault("state", {})
    return found


def answer_headers(scope: Scope) -> RawHeaders:
    """Headers that every answer to this request gets, whoever gives it: the layers inside add theirs."""
    found: RawHeaders = state(scope).setdefault("answer_headers", [])
    return found


def caller(scope: Scope) -> Caller:
    """Who asks, as the layer of authentication found out."""
    found = state(scope).get("caller")
    if not isinstance(found, Caller):
        raise TypeError("nobody has asked who this is: the request did not pass the layer of authentication")
    return found


def client_address(scope: Scope) -> str | None:
    """The address that the request came from: what a layer outside of this one found behind trusted proxies, or else
    the other end of the connection."""
    found = state(scope).get("client_address")
    if isinstance(found, str):
        return found
    client = scope.get("client")
    return str(client[0]) if client else None


def through_a_proxy(scope: Scope) -> bool:
    """Whether something says that a proxy brought the request: headers that proxies add, or HTTP/1.0, which those speak
    that were told nothing better (nginx) and clients have not for decades.

    That nothing says so proves nothing: a proxy need not show itself.
    """
    if str(scope.get("http_version", "1.1")) in _OLD_HTTP:
        return True
    names: Iterable[bytes] = (name for name, _ in scope["headers"])
    return any(name in _OF_PROXIES or name.startswith(b"x-forwarded-") for name in names)


def request_id(scope: Scope) -> str | None:
    """The identifier of the request, if that layer was passed."""
    found = state(scope).get("request_id")
    return found if isinstance(found, str) else None
