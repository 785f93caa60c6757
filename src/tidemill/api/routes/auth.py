"""Logging in and out. The routes for tokens speak as RFC 6749 has it: forms come in, its own errors go out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from tidemill.api.examples.people import LOGIN, REFRESH
from tidemill.api.openapi import Responses, problems
from tidemill.api.respond import answer, require_json
from tidemill.api.routes.auth_forms import NEVER_KEPT, answered, client_of, described, needed
from tidemill.api.schemas.account import Me, OwnPassword, TokenAnswer, TokenProblem, me_body
from tidemill.app import App
from tidemill.errors import Forbidden
from tidemill.http.keys import presented_key
from tidemill.http.scopes import caller
from tidemill.manage import quotas
from tidemill.manage import users as manage_users
from tidemill.manage.logins import Granted, RefusedLogin
from tidemill.store import users

_PREFIX = "/api/v1/auth"
_FAILED: Responses = {
    status: {"model": TokenProblem, "description": told}
    for status, told in (
        (400, "The request is not acceptable, or the login refused"),
        (401, "The client is unknown"),
        (429, "Too many failed logins; try again after `Retry-After` seconds"),
    )
}
_FAILED[429] |= {"content": problems()[429]["content"]}  # of the limits, which know nothing of OAuth
_TOKEN_RESPONSES: Responses = {**{key: problems(413)[key] for key in (413, 500, 503)}, **_FAILED}
_OF_TOKEN = ("grant_type", "username", "password", "refresh_token", "client_id", "client_secret", "scope")


def routes(app: App) -> APIRouter:
    """Everything below /api/v1/auth."""
    router = APIRouter(prefix=_PREFIX, tags=["authentication"])
    on = _Logins(app)
    for path, handler, form in (
        ("/token", on.get_token, described(*_OF_TOKEN, example=LOGIN)),
        ("/refresh", on.refresh_token, described("refresh_token", "scope", example=REFRESH)),
    ):
        router.post(path, response_model=TokenAnswer, responses=_TOKEN_RESPONSES, openapi_extra=form)(handler)
    optional = described("refresh_token", example=REFRESH, is_needed=False)
    router.post("/logout", status_code=204, responses=_TOKEN_RESPONSES, openapi_extra=optional)(on.log_out)
    router.get("/me", response_model=Me, responses=problems())(on.get_me)
    refused = problems(403, 413, 415, 422, 429)
    router.post("/password", status_code=204, responses=refused, dependencies=[Depends(require_json)])(
        on.change_password
    )
    return router


class _Logins:
    """The handlers, over one house."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def get_token(self, request: Request) -> Response:
        """Log in: `grant_type` is `password`, `client_credentials` (an API key) or `refresh_token`."""
        return await answered(request, lambda form: self._grant(request, form))

    async def refresh_token(self, request: Request) -> Response:
        """The next access token, and the next refresh token: each is good once. Used twice, it ends the session."""
        return await answered(request, lambda form: self._grant(request, form | {"grant_type": "refresh_token"}))

    async def log_out(self, request: Request) -> Response:
        """End the session of a refresh token, or of the access token that is sent. Never says whether there was one."""
        return await answered(request, lambda form: self._end(request, form))

    async def get_me(self, request: Request) -> Response:
        """Who you are, what you may do, and how much of your quotas you have used."""
        by, store = caller(request.scope), self._app.store
        if by.user_id is None:
            return answer(me_body(by, None, None, None))
        user = await users.by_id(store, by.user_id)
        limits = None if by.is_admin else await quotas.limits(store, self._app.settings.quotas, user.id)
        return answer(me_body(by, user, limits, asdict(await quotas.used(store, user.id))))

    async def change_password(self, given: OwnPassword, request: Request) -> Response:
        """Change one's own password; every session ends, this one too. Not for API keys."""
        by, store = caller(request.scope), self._app.store
        if by.user_id is None or by.session_id is None:
            raise Forbidden("only who has logged in with a password can change it", reason="no_session")
        user = await users.by_id(store, by.user_id)
        await self._app.logins.check_own_password(user, given.current.get_secret_value(), by)
        new = given.new.get_secret_value()
        passwords = self._app.logins.passwords
        await manage_users.set_password(store, self._app.settings.auth, user.id, new, by, passwords=passwords)
        return Response(status_code=204)

    async def _grant(self, request: Request, form: Mapping[str, str]) -> Response:
        scopes = form.get("scope", "").split()
        by = caller(request.scope)
        match form.get("grant_type", ""):
            case "password":
                name, password = needed(form, "username"), needed(form, "password")
                return _token(await self._app.logins.with_password(name, password, scopes, by))
            case "refresh_token":
                return _token(await self._app.logins.with_refresh_token(needed(form, "refresh_token"), scopes, by))
            case "client_credentials":
                client, secret = client_of(request, form)
                return _token(await self._app.logins.with_key(client, secret, scopes, by))
            case "":
                raise RefusedLogin("grant_type is missing", reason="invalid_request")
            case _:
                raise RefusedLogin(
                    "use grant_type password, client_credentials or refresh_token", reason="unsupported_grant_type"
                )

    async def _end(self, request: Request, form: Mapping[str, str]) -> Response:
        by = caller(request.scope)
        presented = presented_key(request.scope)
        found = (await self._app.logins.recognise(presented))[0] if presented and presented.count(".") == 2 else None
        if found is not None and found.session_id is not None:
            await self._app.logins.end_session(found.session_id, by)
        if form.get("refresh_token"):
            await self._app.logins.end(form["refresh_token"], by)
        elif found is None:
            raise RefusedLogin("send the refresh_token, or an access token", reason="invalid_request")
        return Response(status_code=204, headers=NEVER_KEPT)


def _token(granted: Granted) -> Response:
    body = {
        "access_token": granted.access_token,
        "token_type": "Bearer",
        "expires_in": granted.expires_in,
        "scope": " ".join(granted.scopes),
    }
    more = {} if granted.refresh_token is None else {"refresh_token": granted.refresh_token}
    return answer(body | more, 200, NEVER_KEPT)
