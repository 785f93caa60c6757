"""Refuses what a stranger's web page can make a browser send to us.

A page whose name is made to point at loopback (DNS rebinding) sends its own name as Host; a form, a script or a
WebSocket of a foreign page sends its own Origin. None of them can add a key to a request without asking us first
(`cors.py`), so requests that bear one are let through; all others that change something must come from our own pages,
and those with a cookie must prove it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from tidemill.http.keys import presented_key
from tidemill.http.problems import Problem, ProblemError
from tidemill.http.scopes import header

_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class Hosts:
    """`bound_host` is the address the server listens on; on loopback only loopback's names and `names` are answered.

    Elsewhere `names` are, or any if there are none; `is_free` paths are answered under any name then, since whoever
    probes knows but the address. Pages of `origins` may change things.
    """

    def __init__(
        self,
        app: ASGIApp,
        bound_host: str,
        names: Sequence[str] = (),
        origins: Sequence[str] = (),
        is_free: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._app = app
        self._is_local = is_loopback(bound_host)
        own = _LOOPBACK_NAMES | {bound_host} if self._is_local else frozenset()
        self._names = own | frozenset(each.strip("[]") for each in names if not each.startswith("*."))
        self._domains = tuple(each[1:] for each in names if each.startswith("*."))
        self._origins = frozenset(origins) - {"*"}  # whoever may read is not yet one of ours
        self._is_free = is_free

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request or WebSocket; anything else is passed on as it is."""
        if scope["type"] in ("http", "websocket"):
            problem = self._against(scope)
            if problem is not None and scope["type"] == "http":
                raise ProblemError(problem)
            if problem is not None:
                await send({"type": "websocket.close", "code": 1008, "reason": problem.reason})
                return
        await self._app(scope, receive, send)

    def _against(self, scope: Scope) -> Problem | None:
        host = header(scope, b"host") or ""
        if not self._is_known(host_name(host)) and (self._is_local or not self._is_free(scope["path"])):
            return _wrong_host(is_local=self._is_local)
        if scope["type"] == "http" and (scope["method"] in _SAFE_METHODS or presented_key(scope) is not None):
            return None
        return self._foreign(scope, host)

    def _is_known(self, name: str) -> bool:
        if not self._names and not self._domains:
            return True
        return name in self._names or name.endswith(self._domains)

    def _foreign(self, scope: Scope, host: str) -> Problem | None:
        """Whether a page that is not ours sent it; with a cookie, whether it cannot be shown that one of ours did."""
        origin, site = header(scope, b"origin"), header(scope, b"sec-fetch-site")
        if origin is not None:
            is_ours = origin.lower().partition("://")[2] == host.lower() or origin.lower() in self._origins
            return None if is_ours else _foreign_origin()
        if site in ("same-origin", "none"):
            return None
        if site is not None:
            return _foreign_origin()
        referrer = header(scope, b"referer")
        if referrer is not None and header(scope, b"cookie") is not None:
            return None if _authority(referrer) == host.lower() else _foreign_origin()
        return _no_origin() if header(scope, b"cookie") is not None else None


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


def _authority(url: str) -> str:
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return ""


def _foreign_origin() -> Problem:
    return Problem(403, "foreign_origin", "A page of another origin may not change anything here.")


def _no_origin() -> Problem:
    detail = "A request with a cookie that changes something must say which page sent it: send Origin, or use a key."
    return Problem(403, "no_origin", detail)


def _wrong_host(*, is_local: bool) -> Problem:
    if is_local:
        detail = (
            "This server listens on loopback and answers to localhost, 127.0.0.1 and [::1] only, and to the names of"
            " http.hosts."
        )
    else:
        detail = "This server does not answer under that name (http.hosts)."
    return Problem(421, "unknown_host", detail)
