"""Sources: what is to be crawled."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Body, Depends
from fastapi.responses import Response

from tidemill.api.openapi import Responses, problems
from tidemill.api.respond import answer, require_json
from tidemill.api.schemas.source import SourceAnswer, SourceList, source_body
from tidemill.app import App
from tidemill.manage.sources import read_mapping
from tidemill.store import sources

_PREFIX = "/api/v1/sources"
_EXAMPLE = {"name": "manual", "start": ["https://example.org/manual/"], "within": ["https://example.org/manual/"]}

_SCHEMA = {"$ref": "#/components/schemas/NewSource"}
_BODY = {"requestBody": {"content": {"application/json": {"schema": _SCHEMA, "example": _EXAMPLE}}}}
_WAS_THERE: Responses = {200: {"model": SourceAnswer, "description": "The source was there before"}}


def routes(app: App) -> APIRouter:
    """GET and POST /api/v1/sources, GET /api/v1/sources/{name}."""
    router = APIRouter(prefix=_PREFIX, tags=["sources"])

    @router.get("", response_model=SourceList, responses=problems())
    async def list_sources() -> Response:
        """All sources by name."""
        return answer({"items": [source_body(source) for source in await sources.listed(app.store)]})

    @router.post(
        "",
        status_code=201,
        response_model=SourceAnswer,
        responses=problems(403, 413, 415, 422) | _WAS_THERE,
        dependencies=[Depends(require_json)],
        openapi_extra=_BODY,
    )
    async def apply_source(spec: Annotated[Any, Body()]) -> Response:
        """Make a source, or bring the one of that name to this description. The rules are those of source files."""
        source, is_changed = await sources.apply(app.store, read_mapping(spec))
        is_new = is_changed and source.version == 1
        location = {"Location": f"{_PREFIX}/{quote(source.name)}"}
        return answer(source_body(source), 201 if is_new else 200, location)

    @router.get("/{name:path}", response_model=SourceAnswer, responses=problems(404))
    async def get_source(name: str) -> Response:
        """The source of that name, which may contain slashes."""
        return answer(source_body(await sources.get(app.store, name)))

    return router
