"""Security headers on every answer: no sniffing, no framing, no foreign content, no cache unless a route says so."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tidemill.http.scopes import RawHeaders

STRICT_CSP = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
DOCS_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
"""For pages with scripts and styles of their own, all served by us. `data:` images are the icons of the style sheet."""

_ALWAYS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", STRICT_CSP.encode()),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"cache-control", b"no-store"),
    (b"server", b"tidemill"),
)
_TLS_ONLY = (b"strict-transport-security", b"max-age=31536000")


class SecurityHeaders:
    """Adds the headers that the route has not set itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; anything else is passed on as it is."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = add_security_headers(scope, list(message.get("headers", ())))
            await send(message)

        await self._app(scope, receive, sending)


def add_security_headers(scope: Scope, headers: RawHeaders) -> RawHeaders:
    """`headers` and those of ours that are missing from it."""
    given = {name for name, _ in headers}
    missing = [pair for pair in _ALWAYS if pair[0] not in given]
    if scope.get("scheme") == "https" and _TLS_ONLY[0] not in given:
        missing.append(_TLS_ONLY)
    return [*headers, *missing]
