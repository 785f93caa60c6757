"""Who asks, and whether they may: what a request presents is recognised, and held against what its route needs.

Closed by default: a path needs a caller unless the table of access opens it. A server on loopback knows whoever
presents nothing as `loopback`, in the role that the settings give it; who presents something is who that says, or is
refused.
"""

from __future__ import annotations

from dataclasses import replace

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tidemill.http.access import ANY_CALLER, NOBODY, OPEN, SOCKET, Access
from tidemill.http.denials import Denials
from tidemill.http.keyring import Keyring
from tidemill.http.keys import has_key_in_query, presented_key, refuse_key_in_query
from tidemill.http.problems import Problem, ProblemError
from tidemill.http.scopes import caller, client_address, request_id, state, through_a_proxy
from tidemill.http.socket_token import Introductions
from tidemill.models.account import STRANGER, Caller, Role, caller_of

_DENIED = (401, 403, 429)
ANONYMOUS = STRANGER.name
"""The name of who has shown nothing."""


class Authentication:
    """`loopback_role` is that of who asks without credentials, unless a proxy shows that it brought the request.

    `None`: nobody's, as it must be if a proxy stands before the server.
    """

    def __init__(
        self, app: ASGIApp, keyring: Keyring, access: Access, denials: Denials, *, loopback_role: Role | None
    ) -> None:
        self._app = app
        self._keyring = keyring
        self._access = access
        self._denials = denials
        self._introductions = Introductions()
        self._loopback = caller_of("loopback", loopback_role) if loopback_role is not None else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request or WebSocket; anything else is passed on as it is."""
        if scope["type"] in ("http", "websocket"):
            presented = presented_key(scope)
            if scope["type"] == "websocket" and self._must_ask(scope, presented):
                presented, receive, send = await self._introductions.hear(receive, send)
            who, need, problem = await self._examined(scope, presented)
            state(scope)["caller"] = who
            if problem is not None:
                await self._denials.note(who, _method(scope), scope["path"], problem.status, problem.reason)
                if scope["type"] == "http":
                    raise ProblemError(problem)
                await send({"type": "websocket.close", "code": 1008, "reason": problem.reason})
                return
            send = self._noting(scope, send, is_open=need == OPEN)
        await self._app(scope, receive, send)

    def _must_ask(self, scope: Scope, presented: str | None) -> bool:
        """Whether a WebSocket is to say in its first message who it is: what else could say so does not."""
        if presented is not None or self._is_near(scope) or has_key_in_query(scope):
            return False
        return self._access.need(_method(scope), scope["path"]) not in (OPEN, NOBODY, ANY_CALLER)

    def _is_near(self, scope: Scope) -> bool:
        return self._loopback is not None and not through_a_proxy(scope)

    async def _examined(self, scope: Scope, presented: str | None) -> tuple[Caller, str, Problem | None]:
        """Who asks, what the route needs, and what stands against it."""
        need = self._access.need(_method(scope), scope["path"])
        who, problem = STRANGER, None
        try:
            refuse_key_in_query(scope)
        except ProblemError as error:
            problem = error.problem
        if problem is None and need != OPEN:
            who, problem = await self._caller(scope, presented)
        return _at(who, scope), need, problem or _lacking(who, need)

    def _noting(self, scope: Scope, send: Send, *, is_open: bool) -> Send:
        """`send`, but what a route denies by itself (it is another's, a quota is used up) is written down, too."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in _DENIED and not is_open:
                reason = str(state(scope).get("problem", ""))
                await self._denials.note(caller(scope), scope["method"], scope["path"], message["status"], reason)
            await send(message)

        return sending

    async def _caller(self, scope: Scope, presented: str | None) -> tuple[Caller, Problem | None]:
        if presented is not None:  # an empty one, too, is a credential, and a wrong one
            found = await self._keyring.recognise(presented)
            if found.caller is not None:
                return found.caller, None
            return STRANGER, _expired() if found.is_expired else _invalid()
        if self._loopback is not None and self._is_near(scope):
            return self._loopback, None
        return STRANGER, _required()


def _method(scope: Scope) -> str:
    """As the table of access has it."""
    return SOCKET if scope["type"] == "websocket" else str(scope["method"])


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
