"""Sources: what is to be crawled."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Body, Depends, Query, Request
from fastapi.responses import Response

from tidemill.api.openapi import Responses, problems
from tidemill.api.paging import Cursor, page, position
from tidemill.api.respond import answer, require_json
from tidemill.api.revisions import IfMatch, IfNew, Precondition, precondition, source_edition, tagged
from tidemill.api.schemas.source import (
    DeletedSource,
    SourceAnswer,
    SourceChange,
    SourceList,
    VersionList,
    source_body,
)
from tidemill.app import App
from tidemill.errors import Invalid
from tidemill.http.scopes import caller
from tidemill.manage.source_mapping import read_mapping
from tidemill.manage.sources import apply, compare, delete, history, refuse_foreign_files, refuse_foreign_secrets
from tidemill.models.source import Source, SourceSpec
from tidemill.store import sources

_PREFIX = "/api/v1/sources"
_SCHEMA = {"$ref": "#/components/schemas/NewSource"}
_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": _SCHEMA}}}}
_WAS_THERE: Responses = {200: {"model": SourceAnswer, "description": "The source was there before"}}
_IS_NEW: Responses = {201: {"model": SourceAnswer, "description": "The source is new"}}

Limit = Annotated[int, Query(ge=1, le=1000, description="Lines on this page")]
Given = Annotated[Any, Body()]


def routes(app: App) -> APIRouter:
    """Everything below /api/v1/sources. Names may contain slashes."""
    router = APIRouter(prefix=_PREFIX, tags=["sources"])
    on = _Sources(app)
    described: dict[str, Any] = {"dependencies": [Depends(require_json)], "openapi_extra": _BODY}
    refused = problems(403, 404, 409, 412, 413, 415, 422)
    router.get("", response_model=SourceList, responses=problems(422))(on.list_sources)
    router.post("", status_code=201, response_model=SourceAnswer, responses=refused | _WAS_THERE, **described)(
        on.apply_source
    )
    router.post("/check", response_model=SourceChange, responses=problems(403, 409, 413, 415, 422), **described)(
        on.check_source
    )
    router.get("/{name:path}/versions", response_model=VersionList, responses=problems(404, 422))(
        on.list_source_versions
    )
    router.get("/{name:path}", response_model=SourceAnswer, responses=problems(404))(on.get_source)
    router.put("/{name:path}", response_model=SourceAnswer, responses=refused | _IS_NEW, **described)(on.put_source)
    router.delete("/{name:path}", response_model=DeletedSource, responses=problems(403, 404, 412))(on.delete_source)
    return router


class _Sources:
    """The handlers, over one house."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def list_sources(self, request: Request, cursor: Cursor = None, limit: Limit = 100) -> Response:
        """All sources by name. Follow `next` until it is null."""
        key = position(request, cursor, str)
        found = await sources.listed(self._app.store, after=str(key[0]) if key else None, limit=limit + 1)
        return page(request, found, limit, key=lambda source: (source.name,), body=source_body)

    async def apply_source(
        self, spec: Given, request: Request, if_match: IfMatch = None, if_none_match: IfNew = None
    ) -> Response:
        """Make a source, or bring the one of that name to this description. The rules are those of source files.

        A deleted source of that name comes back. Kinds `files` and `warc` may read below `crawl.file_roots` only, and
        only admins may let a source send secrets that `crawl.api_secrets` does not name.
        """
        return await self._applied(request, self._read(spec, request), precondition(if_match, if_none_match))

    async def check_source(self, spec: Given, request: Request) -> Response:
        """What applying this description would change; nothing is changed. Errors are those of applying it."""
        return answer(await compare(self._app.store, self._read(spec, request)))

    async def list_source_versions(
        self, name: str, request: Request, cursor: Cursor = None, limit: Limit = 100
    ) -> Response:
        """Every version of a source, the newest first, even if the source was deleted."""
        key = position(request, cursor, int)
        below = key[0] if key and isinstance(key[0], int) else None
        found = await history(self._app.store, name, below=below, limit=limit + 1)
        return page(request, found, limit, key=lambda entry: (entry.version,), body=lambda entry: entry)

    async def get_source(self, name: str, request: Request) -> Response:
        """The source of that name, which may contain slashes."""
        return _answer(request, await sources.get(self._app.store, name))

    async def put_source(
        self, name: str, spec: Given, request: Request, if_match: IfMatch = None, if_none_match: IfNew = None
    ) -> Response:
        """Bring the source of that name to this description, or make it. The body may leave its name out."""
        given = {"name": name, **spec} if isinstance(spec, dict) else spec
        read = self._read(given, request)
        if read.name != name:
            raise Invalid(f"the path names {name!r} and the body {read.name!r}; name one of them", reason="other_name")
        return await self._applied(request, read, precondition(if_match, if_none_match))

    async def delete_source(self, name: str, request: Request, if_match: IfMatch = None) -> Response:
        """Delete a source: its runs end, its documents are removed, and applying it again brings it back."""
        wanted, by = precondition(if_match), caller(request.scope)
        done = await delete(self._app.store, name, by, check=lambda source: wanted.check(source_edition(source)))
        self._app.indexer.notify()
        return answer(done)

    def _read(self, spec: Any, request: Request) -> SourceSpec:
        """The description as it is meant. Raises `Invalid`, or `Forbidden` (`file_source`, `secret_source`)."""
        read = read_mapping(spec)
        settings = self._app.settings.crawl
        refuse_foreign_files(read, settings.file_roots)
        refuse_foreign_secrets(read, caller(request.scope), settings.api_secrets)
        return read

    async def _applied(self, request: Request, spec: SourceSpec, wanted: Precondition) -> Response:
        store, quotas, by = self._app.store, self._app.settings.quotas, caller(request.scope)
        applied = await apply(store, spec, by, quotas, lambda source: wanted.check(source_edition(source)))
        is_new = applied.changed and applied.source.version == 1
        return _answer(request, applied.source, 201 if is_new else 200)


def _answer(request: Request, source: Source, status: int = 200) -> Response:
    headers = {} if request.method == "GET" else {"Location": f"{_PREFIX}/{quote(source.name)}"}
    edition = source_edition(source) or ""
    return tagged(request, source_body(source), edition=edition, status=status, headers=headers)
