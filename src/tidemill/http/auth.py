"""Who asks, and whether they may: what a request presents is recognised, and held against what its route needs.

Closed by default: a path needs a caller unless the table of access opens it. A server on loopback knows whoever
presents nothing as `loopback`, in the role that the settings give it; who presents something is who that says, or is
refused.
"""

from __future__ import annotations

from dataclasses import replace

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tidemill.http.access import ANY_CALLER, OPEN, Access
from tidemill.http.denials import Denials
from tidemill.http.keyring import Keyring
from tidemill.http.keys import presented_key, refuse_key_in_query
from tidemill.http.problems import Problem, ProblemError
from tidemill.http.scopes import caller, client_address, header, request_id, state
from tidemill.models.account import Caller, Role, caller_of

_THROUGH_A_PROXY = (b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via")
_DENIED = (401, 403, 429)
ANONYMOUS = "anonymous"
"""The name of who has shown nothing."""
_ANONYMOUS = Caller(ANONYMOUS, Role.VIEWER, frozenset())


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
            who, need, problem = await self._examined(scope)
            state(scope)["caller"] = who
            if problem is not None:
                method = scope.get("method", "GET")
                await self._denials.note(who, method, scope["path"], problem.status, problem.reason)
                if scope["type"] == "http":
                    raise ProblemError(problem)
                await send({"type": "websocket.close", "code": 1008, "reason": problem.reason})
                return
            send = self._noting(scope, send, is_open=need == OPEN)
        await self._app(scope, receive, send)

    async def _examined(self, scope: Scope) -> tuple[Caller, str, Problem | None]:
        """Who asks, what the route needs, and what stands against it."""
        need = self._access.need(scope.get("method", "GET"), scope["path"])
        who, problem = _ANONYMOUS, None
        try:
            refuse_key_in_query(scope)
        except ProblemError as error:
            problem = error.problem
        if problem is None and need != OPEN:
            who, problem = await self._caller(scope)
        return _at(who, scope), need, problem or _lacking(who, need)

    def _noting(self, scope: Scope, send: Send, *, is_open: bool) -> Send:
        """`send`, but what a route denies by itself (it is another's, a quota is used up) is written down, too."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in _DENIED and not is_open:
                reason = str(state(scope).get("problem", ""))
                await self._denials.note(caller(scope), scope["method"], scope["path"], message["status"], reason)
            await send(message)

        return sending

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


def _at(who: Caller, scope: Scope) -> Caller:
    return replace(who, request_id=request_id(scope), address=client_address(scope))


def _lacking(who: Caller, need: str) -> Problem | None:
    if need in (OPEN, ANY_CALLER) or who.may(need):
        return None
    return Problem(
        403,
        "insufficient_scope",
        f"This needs the scope {need}, which {who.name} (role {who.role}) does not have.",
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
