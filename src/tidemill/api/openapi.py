"""The OpenAPI document, completed: problem documents as answers, and which operations need a key.

FastAPI makes the document from the routes; `problems` is what each route declares, `describe` adds what is common.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from tidemill.api.schemas.problem import ProblemDocument
from tidemill.http.problems import MEDIA_TYPE
from tidemill.manage.source_schema import source_schema

_MEANINGS = {
    400: "The request cannot be read, or bears an API key in its URL",
    401: "An API key is needed (never on loopback)",
    403: "Not allowed",
    404: "There is no such thing",
    409: "The present state does not allow it",
    413: "The request body is too large",
    415: "The body is not application/json",
    422: "Something given is not acceptable; `errors` names each",
    500: "The server failed",
    503: "Try again after `Retry-After` seconds",
}
_ALWAYS = (400, 401, 500, 503)
_KEYED: list[dict[str, list[str]]] = [{"ApiKey": []}, {"Bearer": []}]
_LICENSE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}

Responses = dict[int | str, dict[str, Any]]


def problems(*statuses: int) -> Responses:
    """The problems that a route may answer with, besides those of every route."""
    schema = {"$ref": "#/components/schemas/ProblemDocument"}
    return {
        status: {"description": _MEANINGS[status], "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in sorted({*_ALWAYS, *statuses})
    }


def describe(api: FastAPI, is_open: Callable[[str], bool]) -> Callable[[], dict[str, Any]]:
    """The function that gives `api`'s document, made once. `is_open(path)` says which operations need no key."""

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
            )
            _complete(made, is_open)
            api.openapi_schema = made
        return api.openapi_schema

    return document


def _complete(document: dict[str, Any], is_open: Callable[[str], bool]) -> None:
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for of_fastapi in ("HTTPValidationError", "ValidationError"):
        schemas.pop(of_fastapi, None)
    problem = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs", {}) | {"ProblemDocument": problem}
    source = source_schema("#/components/schemas/New{model}")
    source.pop("$schema")  # OpenAPI says for the whole document which dialect it is
    schemas |= {f"New{name}": schema for name, schema in source.pop("$defs", {}).items()} | {"NewSource": source}
    components["securitySchemes"] = {
        "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "Bearer": {"type": "http", "scheme": "bearer", "description": "The same key"},
    }
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if "HTTPValidationError" in str(operation["responses"].get("422")):
                del operation["responses"]["422"]  # FastAPI adds it to every route with a parameter
            operation["security"] = [] if is_open(path) else _KEYED
