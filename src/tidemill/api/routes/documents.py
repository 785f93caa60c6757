"""Documents and their versions."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from tidemill.api.openapi import Responses, problems
from tidemill.api.reading import read
from tidemill.api.respond import answer
from tidemill.api.schemas.document import (
    DocumentAnswer,
    DocumentVersionList,
    FullDocumentVersion,
    document_body,
    version_body,
    version_list,
)
from tidemill.app import App
from tidemill.http.raw import raw_headers
from tidemill.manage.captures import raw_capture
from tidemill.manage.history import history
from tidemill.store import documents, versions

_RAW: Responses = {200: {"description": "The bytes", "content": {"application/octet-stream": {}}}}
Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="A version; they are counted from 1")]

Version = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="A version; without it the newest")]


def routes(app: App) -> APIRouter:
    """GET /api/v1/documents/{id}, its /versions, /versions/{number} and /raw."""
    router = APIRouter(prefix="/api/v1/documents", tags=["documents"])

    @router.get("/{document_id}", response_model=DocumentAnswer, responses=problems(404))
    async def get_document(request: Request, document_id: str) -> Response:
        """One document with its text, its fields, where they come from, and how the store judged it."""
        return answer(document_body(await read(app, request, lambda store: documents.get(store, document_id))))

    @router.get("/{document_id}/versions", response_model=DocumentVersionList, responses=problems(404))
    async def list_document_versions(request: Request, document_id: str) -> Response:
        """Every version of a document and what changed with it, the newest first."""
        return answer(version_list(await read(app, request, lambda store: history(store, document_id))))

    @router.get("/{document_id}/versions/{number}", response_model=FullDocumentVersion, responses=problems(404, 422))
    async def get_document_version(request: Request, document_id: str, number: Number) -> Response:
        """A document as it was in one version."""
        return answer(version_body(await read(app, request, lambda store: versions.get(store, document_id, number))))

    @router.get("/{document_id}/raw", response_class=Response, responses={**_RAW, **problems(404, 410, 422)})
    async def get_document_raw(request: Request, document_id: str, version: Version = None) -> Response:
        """What was fetched, byte for byte, of the newest version or of another. It is a stranger's: do not show it."""
        raw = await raw_capture(app.store, app.archive, document_id, version)
        return Response(raw.body, headers=dict(raw_headers(raw, document_id)))

    return router
