"""Logging in and out. The routes for tokens speak as RFC 6749 has it: forms come in, its own errors go out."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from tidemill.api.openapi import Responses, problems
from tidemill.api.respond import answer, require_json
from tidemill.api.schemas.account import Me, OwnPassword, TokenAnswer, TokenProblem, me_body
from tidemill.app import App
from tidemill.errors import Forbidden, TooMany
from tidemill.http.keys import presented_key
from tidemill.http.problems import problem_of
from tidemill.http.scopes import caller, header
from tidemill.manage import quotas
from tidemill.manage import users as manage_users
from tidemill.manage.logins import Granted, RefusedLogin
from tidemill.store import users

_PREFIX = "/api/v1/auth"
_FORM = "application/x-www-form-urlencoded"
_LARGEST = 16_384
_MOST_FIELDS = 20
_NEVER_KEPT = {"Cache-Control": "no-store", "Pragma": "no-cache"}
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


def routes(app: App) -> APIRouter:
    """Everything below /api/v1/auth."""
    router = APIRouter(prefix=_PREFIX, tags=["authentication"])

    @router.post(
        "/token",
        response_model=TokenAnswer,
        responses=_TOKEN_RESPONSES,
        openapi_extra=_form(
            "grant_type", "username", "password", "refresh_token", "client_id", "client_secret", "scope"
        ),
    )
    async def get_token(request: Request) -> Response:
        """Log in: `grant_type` is `password`, `client_credentials` (an API key) or `refresh_token`."""
        return await _answered(request, lambda form: _grant(app, request, form))

    @router.post(
        "/refresh",
        response_model=TokenAnswer,
        responses=_TOKEN_RESPONSES,
        openapi_extra=_form("refresh_token", "scope"),
    )
    async def refresh_token(request: Request) -> Response:
        """The next access token, and the next refresh token: each is good once. Used twice, it ends the session."""
        return await _answered(request, lambda form: _grant(app, request, form | {"grant_type": "refresh_token"}))

    @router.post(
        "/logout", status_code=204, responses=_TOKEN_RESPONSES, openapi_extra=_form("refresh_token", is_needed=False)
    )
    async def log_out(request: Request) -> Response:
        """End the session of a refresh token, or of the access token that is sent. Never says whether there was one."""
        return await _answered(request, lambda form: _end(app, request, form))

    @router.get("/me", response_model=Me, responses=problems())
    async def get_me(request: Request) -> Response:
        """Who you are, what you may do, and how much of your quotas you have used."""
        by = caller(request.scope)
        if by.user_id is None:
            return answer(me_body(by, None, None, None))
        user = await users.by_id(app.store, by.user_id)
        limits = None if by.is_admin else await quotas.limits(app.store, app.settings.quotas, user.id)
        return answer(me_body(by, user, limits, asdict(await quotas.used(app.store, user.id))))

    @router.post(
        "/password",
        status_code=204,
        responses=problems(403, 413, 415, 422, 429),
        dependencies=[Depends(require_json)],
    )
    async def change_password(given: OwnPassword, request: Request) -> Response:
        """Change one's own password; every session ends, this one too. Not for API keys."""
        by = caller(request.scope)
        if by.user_id is None or by.session_id is None:
            raise Forbidden("only who has logged in with a password can change it", reason="no_session")
        user = await users.by_id(app.store, by.user_id)
        await app.logins.check_own_password(user, given.current.get_secret_value(), by)
        new = given.new.get_secret_value()
        await manage_users.set_password(app.store, app.settings.auth, user.id, new, by)
        return Response(status_code=204)

    return router


async def _answered(request: Request, work: Any) -> Response:
    """What becomes of a request for tokens. Raises what is the server's own fault."""
    try:
        return await work(await _form_of(request))  # type: ignore[no-any-return]
    except RefusedLogin as error:
        is_client = error.reason == "invalid_client"
        headers = _NEVER_KEPT | ({"WWW-Authenticate": 'Basic realm="tidemill", charset="UTF-8"'} if is_client else {})
        told = {"error": error.reason, "error_description": _ascii(str(error))}
        return answer(told, 401 if is_client else 400, headers)
    except TooMany as error:
        headers = _NEVER_KEPT | dict(problem_of(error).headers)
        return answer({"error": "temporarily_unavailable", "error_description": str(error)}, 429, headers)


async def _grant(app: App, request: Request, form: Mapping[str, str]) -> Response:
    scopes = form.get("scope", "").split()
    by = caller(request.scope)
    match form.get("grant_type", ""):
        case "password":
            name, password = _needed(form, "username"), _needed(form, "password")
            return _token(await app.logins.with_password(name, password, scopes, by))
        case "refresh_token":
            return _token(await app.logins.with_refresh_token(_needed(form, "refresh_token"), scopes, by))
        case "client_credentials":
            client, secret = _client(request, form)
            return _token(await app.logins.with_key(client, secret, scopes, by))
        case "":
            raise RefusedLogin("grant_type is missing", reason="invalid_request")
        case _:
            raise RefusedLogin(
                "use grant_type password, client_credentials or refresh_token", reason="unsupported_grant_type"
            )


async def _end(app: App, request: Request, form: Mapping[str, str]) -> Response:
    by = caller(request.scope)
    presented = presented_key(request.scope)
    found = (await app.logins.recognise(presented))[0] if presented and presented.count(".") == 2 else None
    if found is not None and found.session_id is not None:
        await app.logins.end_session(found.session_id, by)
    if form.get("refresh_token"):
        await app.logins.end(form["refresh_token"], by)
    elif found is None:
        raise RefusedLogin("send the refresh_token, or an access token", reason="invalid_request")
    return Response(status_code=204, headers=_NEVER_KEPT)


def _token(granted: Granted) -> Response:
    body = {
        "access_token": granted.access_token,
        "token_type": "Bearer",
        "expires_in": granted.expires_in,
        "scope": " ".join(granted.scopes),
    }
    more = {} if granted.refresh_token is None else {"refresh_token": granted.refresh_token}
    return answer(body | more, 200, _NEVER_KEPT)


async def _form_of(request: Request) -> dict[str, str]:
    """The fields of the form, each given once. Raises `RefusedLogin` (`invalid_request`)."""
    body = await request.body()
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and media_type != _FORM:
        raise RefusedLogin(f"send the fields as {_FORM}", reason="invalid_request")
    if len(body) > _LARGEST:
        raise RefusedLogin(f"the form is larger than {_LARGEST} bytes", reason="invalid_request")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError as error:
        raise RefusedLogin("the form cannot be read", reason="invalid_request") from error
    form = dict(pairs)
    if len(form) != len(pairs):
        raise RefusedLogin("a field is given twice", reason="invalid_request")
    return form


def _needed(form: Mapping[str, str], name: str) -> str:
    value = form.get(name, "")
    if not value:
        raise RefusedLogin(f"{name} is missing", reason="invalid_request")
    return value


def _client(request: Request, form: Mapping[str, str]) -> tuple[str, str]:
    """The client's name and secret, by HTTP Basic or in the form, and not by both (RFC 6749, 2.3.1)."""
    scheme, _, encoded = (header(request.scope, b"authorization") or "").partition(" ")
    if scheme.lower() != "basic":
        return _needed(form, "client_id"), _needed(form, "client_secret")
    if "client_secret" in form:
        raise RefusedLogin("the client is named twice", reason="invalid_request")
    try:
        name, mark, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError) as error:
        raise RefusedLogin("the Authorization header cannot be read", reason="invalid_client") from error
    if not mark:
        raise RefusedLogin("the Authorization header cannot be read", reason="invalid_client")
    return unquote_plus(name), unquote_plus(secret)


def _ascii(text: str) -> str:
    r"""A description as the RFC allows it: printable ASCII without quotes and backslashes."""
    return "".join(each if " " <= each <= "~" and each not in '"\\' else "?" for each in text)


def _form(*fields: str, is_needed: bool = True) -> dict[str, Any]:
    properties = {name: {"type": "string"} for name in fields}
    schema = {"type": "object", "properties": properties} | ({"required": [fields[0]]} if is_needed else {})
    return {"requestBody": {"required": is_needed, "content": {_FORM: {"schema": schema}}}}
