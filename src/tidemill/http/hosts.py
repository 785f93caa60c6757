"""Refuses what a stranger's web page can make a browser send to a server that asks for no key.

A page whose name is made to point at loopback (DNS rebinding) sends its own name as Host; a form on a foreign page
sends its own Origin. Neither can add a key to its request without asking us first, which we never grant.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from tidemill.http.keys import presented_key
from tidemill.http.problems import Problem, ProblemError
from tidemill.http.scopes import header

_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class Hosts:
    """`bound_host` is the address the server listens on; on loopback only loopback's names are answered."""

    def __init__(self, app: ASGIApp, bound_host: str) -> None:
        self._app = app
        self._names = _LOOPBACK_NAMES | {bound_host} if is_loopback(bound_host) else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request or WebSocket; anything else is passed on as it is."""
        try:
            self._check(scope)
        except ProblemError as error:
            if scope["type"] != "websocket":
                raise
            await send({"type": "websocket.close", "code": 1008, "reason": error.problem.reason})
            return
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        if scope["type"] not in ("http", "websocket"):
            return
        host = header(scope, b"host") or ""
        if self._names is not None and host_name(host) not in self._names:
            raise ProblemError(_wrong_host())
        # A page may open a WebSocket to anywhere and read what comes, without asking anybody.
        is_exposed = scope["type"] == "websocket" or (
            scope["method"] not in _SAFE_METHODS and presented_key(scope) is None
        )
        if is_exposed:
            _check_origin(header(scope, b"origin"), host)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def host_name(host: str) -> str:
    """The name in a Host header, in lower case, without port and brackets; `""` if it is none."""
    try:
        return (urlsplit(f"//{host}").hostname or "") if not set(host) & set("/?#@\\") else ""
    except ValueError:
        return ""


def _check_origin(origin: str | None, host: str) -> None:
    if origin is None or origin.lower().partition("://")[2] == host.lower():
        return
    raise ProblemError(Problem(403, "foreign_origin", "A page of another origin may not change anything here."))


def _wrong_host() -> Problem:
    return Problem(
        421,
        "unknown_host",
        "This server listens on loopback and answers to localhost, 127.0.0.1 and [::1] only.",
    )
