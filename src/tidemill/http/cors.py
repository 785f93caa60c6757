"""Pages of other origins (CORS): those on the list may read answers and send requests, nobody else's may.

In: the Origin of a request. Out: the headers that a browser asks for, on every answer, also those that refuse. What a
browser asks beforehand is answered here. No cookie is ever allowed: callers show a key or a token.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tidemill.http.headers import add_security_headers
from tidemill.http.scopes import RawHeaders, answer_headers, header

_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE"
_MAY_SEND = (
    b"Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, If-Range, Last-Event-ID, Range,"
    b" Tidemill-Position, X-API-Key, X-Request-ID"
)
_MAY_READ = (
    b"Accept-Ranges, Age, Content-Range, ETag, Link, Location, RateLimit, RateLimit-Policy, Retry-After,"
    b" Tidemill-Position, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-ID"
)
_REMEMBERED_S = b"600"


class Cors:
    """`origins` are the list; `*` on it stands for all."""

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        self._app = app
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; anything else is passed on as it is."""
        if scope["type"] != "http" or not self._origins:
            await self._app(scope, receive, send)
            return
        origin = header(scope, b"origin")
        added = self._headers(origin)
        if scope["method"] == "OPTIONS" and origin and header(scope, b"access-control-request-method"):
            await _answer_beforehand(scope, send, added, is_allowed=len(added) > 1 or "*" in self._origins)
            return
        answer_headers(scope).extend(added)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = merged(list(message.get("headers", ())), added)
            await send(message)

        await self._app(scope, receive, sending)

    def _headers(self, origin: str | None) -> RawHeaders:
        """What is added to an answer. `Vary` always: another origin would get another answer."""
        if "*" in self._origins:
            return [(b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", _MAY_READ)]
        if origin is None or origin.lower() not in self._origins:
            return [(b"vary", b"Origin")]
        return [
            (b"vary", b"Origin"),
            (b"access-control-allow-origin", origin.encode("latin-1")),
            (b"access-control-expose-headers", _MAY_READ),
        ]


def merged(headers: RawHeaders, added: RawHeaders) -> RawHeaders:
    """`headers` with `added`; a second `Vary` joins the first."""
    for name, value in added:
        place = next((number for number, pair in enumerate(headers) if pair[0] == name), None)
        if name == b"vary" and place is not None:
            if value.lower() not in headers[place][1].lower():
                headers[place] = (name, headers[place][1] + b", " + value)
        else:
            headers.append((name, value))
    return headers


async def _answer_beforehand(scope: Scope, send: Send, added: RawHeaders, *, is_allowed: bool) -> None:
    """What may be sent. An origin that is not on the list is told nothing, and its browser sends nothing."""
    headers = [*added]
    if is_allowed:
        headers += [
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-allow-headers", _MAY_SEND),
            (b"access-control-max-age", _REMEMBERED_S),
        ]
    headers = add_security_headers(scope, headers)
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
