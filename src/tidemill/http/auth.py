"""Who asks, and whether they may: what a request presents is recognised, and held against what its route needs.

Closed by default: a path needs a caller unless the table of access opens it. A server on loopback knows whoever
presents nothing as `loopback`, in the role that the settings give it; who presents something is who that says, or is
refused.
"""

from __future__ import annotations

from dataclasses import replace

from starlette.types import ASGIApp, Receive, Scope, Send

from tidemill.http.access import ANY_CALLER, OPEN, Access
from tidemill.http.denials import Denials
from tidemill.http.keyring import Keyring
from tidemill.http.keys import presented_key, refuse_key_in_query
from tidemill.http.problems import Problem, ProblemError
from tidemill.http.scopes import client_address, header, request_id, state
from tidemill.models.account import Caller, Role, caller_of

_THROUGH_A_PROXY = (b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via")
_ANONYMOUS = Caller("anonymous", Role.VIEWER, frozenset())


class Authentication:
    """`loopback_role` is that of who asks without credentials, unless a proxy brought the request; `None`: nobody."""

    def __init__(
        self, app: ASGIApp, keyring: Keyring, access: Access, denials: Denials, *, loopback_role: Role | None
    ) -> None:
        self._app = app
        self._keyring = keyring
        self._access = access
        self._denials = denials
        self._loopback = caller_of("loopback", loopback_role) if loopback_role is not None else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request or WebSocket; anything else is passed on as it is."""
        if scope["type"] in ("http", "websocket"):
            method = scope.get("method", "GET")
            caller = _ANONYMOUS
            try:
                refuse_key_in_query(scope)
                need = self._access.need(method, scope["path"])
                caller, problem = await self._caller(scope) if need != OPEN else (_ANONYMOUS, None)
                if problem is None:
                    problem = _lacking(caller, need)
                if problem is not None:
                    raise ProblemError(problem)
            except ProblemError as error:
                refused = error.problem
                await self._denials.note(_at(caller, scope), method, scope["path"], refused.status, refused.reason)
                if scope["type"] == "websocket":
                    await send({"type": "websocket.close", "code": 1008, "reason": refused.reason})
                    return
                raise
            state(scope)["caller"] = _at(caller, scope)
        await self._app(scope, receive, send)

    async def _caller(self, scope: Scope) -> tuple[Caller, Problem | None]:
        presented = presented_key(scope)
        if presented:
            found = await self._keyring.recognise(presented)
            if found.caller is not None:
                return found.caller, None
            return _ANONYMOUS, _expired() if found.is_expired else _invalid()
        is_near = self._loopback is not None and not any(header(scope, name) for name in _THROUGH_A_PROXY)
        if is_near and self._loopback is not None:
            return self._loopback, None
        return _ANONYMOUS, _required()


def _at(caller: Caller, scope: Scope) -> Caller:
    return replace(caller, request_id=request_id(scope), address=client_address(scope))


def _lacking(caller: Caller, need: str) -> Problem | None:
    if need in (OPEN, ANY_CALLER) or caller.may(need):
        return None
    return Problem(
        403,
        "insufficient_scope",
        f"This needs the scope {need}, which {caller.name} (role {caller.role}) does not have.",
        headers=(("WWW-Authenticate", f'Bearer realm="tidemill", error="insufficient_scope", scope="{need}"'),),
    )


def _required() -> Problem:
    detail = "This needs an API key or an access token: send it as X-API-Key, or as Authorization: Bearer."
    return Problem(401, "key_required", detail, headers=(("WWW-Authenticate", 'Bearer realm="tidemill"'),))


def _invalid() -> Problem:
    detail = "This API key or token is not valid: send a valid one as X-API-Key, or as Authorization: Bearer."
    return Problem(401, "invalid_key", detail, headers=_challenge("The token is not valid"))


def _expired() -> Problem:
    detail = "This access token has expired: get the next one with your refresh token (POST /api/v1/auth/refresh)."
    return Problem(401, "token_expired", detail, headers=_challenge("The token expired"))


def _challenge(why: str) -> tuple[tuple[str, str], ...]:
    return (("WWW-Authenticate", f'Bearer realm="tidemill", error="invalid_token", error_description="{why}"'),)
