"""The OpenAPI document, completed: problem documents as answers, and which operations need a key.

FastAPI makes the document from the routes; `problems` is what each route declares, `describe` adds what is common.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from tidemill.api.examples import EXAMPLES
from tidemill.api.schemas.problem import ProblemDocument
from tidemill.http.access import ANY_CALLER, OPEN, Access
from tidemill.http.problems import MEDIA_TYPE
from tidemill.manage.source_schema import source_schema
from tidemill.models.account import SCOPES

_MEANINGS = {
    400: "The request cannot be read, or bears an API key in its URL",
    401: "An API key or an access token is needed (not on loopback)",
    403: "Not allowed: the role, the scopes or the quotas of the caller, or who owns it, stand against it",
    404: "There is no such thing",
    409: "The present state does not allow it",
    410: "It was there once, and will not come back",
    412: "It is not what `If-Match` or `If-None-Match` demands; nothing was done",
    413: "The request body is too large",
    415: "The body is not application/json",
    416: "The file has no such bytes; `Content-Range` says how many it has",
    422: "Something given is not acceptable; `errors` names each",
    429: "Too often, or a day's share is used up; try again after `Retry-After` seconds",
    500: "The server failed",
    503: "Try again after `Retry-After` seconds",
}
_ALWAYS = (400, 401, 429, 500, 503)
_KIND = re.compile(r":\w+}")
_LICENSE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}

_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A text of your own for this one thing, such as a random UUID: asked again, it is not done again",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    "example": "5f0c6a4e-6f0d-4a6b-9b0a-8a4f8d1f0c11",
}

Responses = dict[int | str, dict[str, Any]]


def problems(*statuses: int) -> Responses:
    """The problems that a route may answer with, besides those of every route."""
    schema = {"$ref": "#/components/schemas/ProblemDocument"}
    return {
        status: {"description": _MEANINGS[status], "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in sorted({*_ALWAYS, *statuses})
    }


def describe(api: FastAPI, access: Access, is_kept: Callable[[str], bool]) -> Callable[[], dict[str, Any]]:
    """The function that gives `api`'s document, made once. `access` says what each operation needs, `is_kept(path)`
    whether its POST takes an `Idempotency-Key`."""

    def document() -> dict[str, Any]:
        if api.openapi_schema is None:
            made = get_openapi(
                title=api.title,
                version=api.version,
                summary=api.summary,
                description=api.description,
                routes=api.routes,
                tags=api.openapi_tags,
                license_info=_LICENSE,
                contact=api.contact,
            )
            _complete(made, access, is_kept)
            api.openapi_schema = made
        return api.openapi_schema

    return document


def _complete(document: dict[str, Any], access: Access, is_kept: Callable[[str], bool]) -> None:
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for of_fastapi in ("HTTPValidationError", "ValidationError"):
        schemas.pop(of_fastapi, None)
    problem = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs", {}) | {"ProblemDocument": problem}
    source = source_schema("#/components/schemas/New{model}")
    source.pop("$schema")  # OpenAPI says for the whole document which dialect it is
    schemas |= {f"New{name}": schema for name, schema in source.pop("$defs", {}).items()} | {"NewSource": source}
    for name, example in EXAMPLES.items():
        if name in schemas:
            schemas[name] = {**schemas[name], "examples": [example]}
    components["securitySchemes"] = _schemes()
    needs = {_KIND.sub("}", each): access.needs(each) for each in access.operations()}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if "HTTPValidationError" in str(operation["responses"].get("422")):
                del operation["responses"]["422"]  # FastAPI adds it to every route with a parameter
            _secure(operation, needs[f"{method.upper()} {path}"])
            if method == "post" and is_kept(path):
                _keep(operation)


def _secure(operation: dict[str, Any], need: str) -> None:
    """Say what an operation needs. Keys and tokens may be given by their header; the scope is that of both."""
    if need == OPEN:
        operation["security"] = []
        return
    scopes = [] if need == ANY_CALLER else [need]
    operation["security"] = [{"ApiKey": scopes}, {"Bearer": scopes}, {"OAuth2": scopes}]
    if scopes:
        operation["responses"].setdefault("403", problems(403)[403])
        operation["description"] = f"{operation.get('description', '')}\n\nScope: `{need}`.".strip()


def _keep(operation: dict[str, Any]) -> None:
    """Say that an operation is done once for each `Idempotency-Key`."""
    operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
    for status in ("409", "422"):
        operation["responses"].setdefault(status, problems(int(status))[int(status)])


def _schemes() -> dict[str, Any]:
    scopes = {scope: f"{scope.partition(':')[2].capitalize()} {scope.partition(':')[0]}" for scope in SCOPES}
    flow = {"tokenUrl": "/api/v1/auth/token", "scopes": scopes}
    return {
        "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "Bearer": {"type": "http", "scheme": "bearer", "description": "An API key, or an access token"},
        "OAuth2": {
            "type": "oauth2",
            "description": "RFC 6749. A client is an API key: its prefix, and the key as the secret",
            "flows": {
                "password": flow | {"refreshUrl": "/api/v1/auth/refresh"},
                "clientCredentials": flow,
            },
        },
    }
