"""Documents."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from tidemill.api.openapi import problems
from tidemill.api.respond import answer
from tidemill.api.schemas.document import DocumentAnswer, document_body
from tidemill.app import App
from tidemill.store import documents


def routes(app: App) -> APIRouter:
    """GET /api/v1/documents/{id}."""
    router = APIRouter(prefix="/api/v1/documents", tags=["documents"])

    @router.get("/{document_id}", response_model=DocumentAnswer, responses=problems(404))
    async def get_document(document_id: str) -> Response:
        """One document with its text, its fields and how the store judged it."""
        return answer(document_body(await documents.get(app.store, document_id)))

    return router
