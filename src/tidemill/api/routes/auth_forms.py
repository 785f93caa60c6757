"""Forms of logins, and errors that speak as RFC 6749 has it. In: a request. Out: its fields, or an answer that says why
not. Called by `routes.auth` alone."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from fastapi import Request
from fastapi.responses import Response

from tidemill.api.respond import answer
from tidemill.errors import TooMany
from tidemill.http.problems import problem_of
from tidemill.http.scopes import header
from tidemill.manage.logins import RefusedLogin

NEVER_KEPT = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_FORM = "application/x-www-form-urlencoded"
_LARGEST = 16_384
_MOST_FIELDS = 20


async def answered(request: Request, work: Callable[[dict[str, str]], Awaitable[Response]]) -> Response:
    """What becomes of a request for tokens. Raises what is the server's own fault."""
    try:
        return await work(await _form_of(request))
    except RefusedLogin as error:
        is_client = error.reason == "invalid_client"
        headers = NEVER_KEPT | ({"WWW-Authenticate": 'Basic realm="tidemill", charset="UTF-8"'} if is_client else {})
        told = {"error": error.reason, "error_description": _ascii(str(error))}
        return answer(told, 401 if is_client else 400, headers)
    except TooMany as error:
        headers = NEVER_KEPT | dict(problem_of(error).headers)
        return answer({"error": "temporarily_unavailable", "error_description": str(error)}, 429, headers)


def needed(form: Mapping[str, str], name: str) -> str:
    """A field that must be there. Raises `RefusedLogin`."""
    value = form.get(name, "")
    if not value:
        raise RefusedLogin(f"{name} is missing", reason="invalid_request")
    return value


def client_of(request: Request, form: Mapping[str, str]) -> tuple[str, str]:
    """The client's name and secret, by HTTP Basic or in the form, and not by both (RFC 6749, 2.3.1)."""
    scheme, _, encoded = (header(request.scope, b"authorization") or "").partition(" ")
    if scheme.lower() != "basic":
        return needed(form, "client_id"), needed(form, "client_secret")
    if "client_secret" in form:
        raise RefusedLogin("the client is named twice", reason="invalid_request")
    try:
        name, mark, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError) as error:
        raise RefusedLogin("the Authorization header cannot be read", reason="invalid_client") from error
    if not mark:
        raise RefusedLogin("the Authorization header cannot be read", reason="invalid_client")
    return unquote_plus(name), unquote_plus(secret)


def described(*fields: str, example: Mapping[str, str], is_needed: bool = True) -> dict[str, Any]:
    """A form as the OpenAPI document has it."""
    properties = {name: {"type": "string"} for name in fields}
    schema = {"type": "object", "properties": properties} | ({"required": [fields[0]]} if is_needed else {})
    return {"requestBody": {"required": is_needed, "content": {_FORM: {"schema": schema, "example": example}}}}


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


def _ascii(text: str) -> str:
    r"""A description as the RFC allows it: printable ASCII without quotes and backslashes."""
    return "".join(each if " " <= each <= "~" and each not in '"\\' else "?" for each in text)
