"""Sources: what is to be crawled."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Body, Depends, Request
from fastapi.responses import Response

from tidemill.api.openapi import Responses, problems
from tidemill.api.respond import answer, require_json
from tidemill.api.schemas.source import DeletedSource, SourceAnswer, SourceList, VersionList, source_body
from tidemill.app import App
from tidemill.http.scopes import caller
from tidemill.manage.source_mapping import read_mapping
from tidemill.manage.sources import apply, delete, refuse_foreign_files, refuse_foreign_secrets
from tidemill.store import sources

_PREFIX = "/api/v1/sources"
_EXAMPLE = {"name": "manual", "start": ["https://example.org/manual/"], "within": ["https://example.org/manual/"]}

_SCHEMA = {"$ref": "#/components/schemas/NewSource"}
_BODY = {"requestBody": {"content": {"application/json": {"schema": _SCHEMA, "example": _EXAMPLE}}}}
_WAS_THERE: Responses = {200: {"model": SourceAnswer, "description": "The source was there before"}}


def routes(app: App) -> APIRouter:
    """GET and POST /api/v1/sources, GET and DELETE /api/v1/sources/{name}, GET /api/v1/sources/{name}/versions."""
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
    async def apply_source(spec: Annotated[Any, Body()], request: Request) -> Response:
        """Make a source, or bring the one of that name to this description. The rules are those of source files.

        A deleted source of that name comes back. Kinds `files` and `warc` may read below `crawl.file_roots` only, and
        only admins may let a source send secrets that `crawl.api_secrets` does not name.
        """
        by = caller(request.scope)
        read = read_mapping(spec)
        refuse_foreign_files(read, app.settings.crawl.file_roots)
        refuse_foreign_secrets(read, by, app.settings.crawl.api_secrets)
        applied = await apply(app.store, read, by, app.settings.quotas)
        source, is_new = applied.source, applied.changed and applied.source.version == 1
        location = {"Location": f"{_PREFIX}/{quote(source.name)}"}
        return answer(source_body(source), 201 if is_new else 200, location)

    @router.get("/{name:path}/versions", response_model=VersionList, responses=problems(404))
    async def list_source_versions(name: str) -> Response:
        """Every version of a source, the newest first, even if the source was deleted."""
        found = await sources.versions(app.store, name)
        return answer({"items": [asdict(version) for version in reversed(found)]})

    @router.get("/{name:path}", response_model=SourceAnswer, responses=problems(404))
    async def get_source(name: str) -> Response:
        """The source of that name, which may contain slashes."""
        return answer(source_body(await sources.get(app.store, name)))

    @router.delete("/{name:path}", response_model=DeletedSource, responses=problems(403, 404))
    async def delete_source(name: str, request: Request) -> Response:
        """Delete a source: its runs end, its documents are removed, and applying it again brings it back."""
        done = await delete(app.store, name, caller(request.scope))
        app.indexer.notify()
        return answer(done)

    return router
