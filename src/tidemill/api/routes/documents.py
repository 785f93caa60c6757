"""Documents, their versions, and where their values come from."""

from __future__ import annotations

from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response

from tidemill.api.openapi import Responses, problems
from tidemill.api.paging import Cursor, Key, page, position
from tidemill.api.reading import read
from tidemill.api.revisions import tagged
from tidemill.api.schemas.account import Moment
from tidemill.api.schemas.document import (
    DocumentAnswer,
    DocumentDiff,
    DocumentList,
    DocumentVersionList,
    FullDocumentVersion,
    Provenance,
    document_body,
    entry_body,
    summary_body,
    version_body,
)
from tidemill.app import App
from tidemill.http.raw import raw_headers
from tidemill.manage import provenance
from tidemill.manage.captures import raw_capture
from tidemill.manage.documents import browsed
from tidemill.manage.history import diff, recent
from tidemill.models.document import DocumentState
from tidemill.store import documents, versions
from tidemill.store.listing import Wanted

_PREFIX = "/api/v1/documents"
CONTENT = "/api/content"
"""What the specification calls the list of documents."""

_RAW: Responses = {200: {"description": "The bytes", "content": {"application/octet-stream": {}}}}
Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="A version; they are counted from 1")]
Old = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="Default: the version before `new`")]
New = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="Default: the version that stands")]
Source = Annotated[str | None, Query(max_length=4096, description="Only of this source")]
Limit = Annotated[int, Query(ge=1, le=1000, description="Lines on this page")]


async def _wanted(
    state: Annotated[DocumentState, Query(description="Only these")] = DocumentState.CURRENT,
    kind: Annotated[str | None, Query(max_length=32, description="Only of this kind", examples=["article"])] = None,
    language: Annotated[str | None, Query(max_length=16, description="ISO 639-1 code", examples=["en"])] = None,
    tag: Annotated[str | None, Query(max_length=500, description="Only with this tag")] = None,
    published_after: Annotated[Moment, Query(description="First moment of publication")] = None,
    published_before: Annotated[Moment, Query(description="First moment that is too late")] = None,
    updated_after: Annotated[Moment, Query(description="Changed then or later")] = None,
) -> Wanted:
    return Wanted(state, None, kind, language, tag, published_after, published_before, updated_after)


Filters = Annotated[Wanted, Depends(_wanted)]

Version = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="A version; without it the newest")]


def routes(app: App) -> APIRouter:
    """GET /api/v1/documents, /documents/{id}, its /versions, /versions/{number}, /diff, /provenance and /raw."""
    router = APIRouter(tags=["documents"])
    on = _Documents(app)
    one = f"{_PREFIX}/{{document_id}}"
    refused = problems(404, 422)
    router.get(_PREFIX, response_model=DocumentList, responses=refused)(on.list_documents)
    router.get(CONTENT, response_model=DocumentList, include_in_schema=False)(on.list_documents)
    router.get(one, response_model=DocumentAnswer, responses=problems(404))(on.get_document)
    router.get(f"{one}/versions", response_model=DocumentVersionList, responses=refused)(on.list_document_versions)
    router.get(f"{one}/versions/{{number}}", response_model=FullDocumentVersion, responses=refused)(
        on.get_document_version
    )
    router.get(f"{one}/diff", response_model=DocumentDiff, responses=refused)(on.compare_document_versions)
    router.get(f"{one}/provenance", response_model=Provenance, responses=problems(404))(on.get_document_provenance)
    router.get(f"{one}/raw", response_class=Response, responses={**_RAW, **problems(404, 410, 422)})(
        on.get_document_raw
    )
    return router


class _Documents:
    """The handlers, over one house."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def list_documents(
        self, request: Request, wanted: Filters, source: Source = None, cursor: Cursor = None, limit: Limit = 100
    ) -> Response:
        """Documents without their texts: of one source by URL, of all by identifier. Follow `next` until it is null."""
        after = cast("tuple[str, str, str] | None", position(request, cursor, str, str, str))
        found = await read(self._app, request, lambda store: browsed(store, source, wanted, after, limit + 1))
        return page(request, found, limit, key=_key, body=summary_body)

    async def get_document(self, request: Request, document_id: str) -> Response:
        """One document with its text, its fields, where they come from, and how the store judged it."""
        found = await read(self._app, request, lambda store: documents.get(store, document_id))
        return tagged(request, document_body(found))

    async def list_document_versions(
        self, request: Request, document_id: str, cursor: Cursor = None, limit: Limit = 100
    ) -> Response:
        """The versions of a document and what changed with each, the newest first. Follow `next` until it is null."""
        key = position(request, cursor, int)
        below = key[0] if key and isinstance(key[0], int) else None
        found = await read(self._app, request, lambda store: recent(store, document_id, below, limit + 1))
        return page(request, found, limit, key=lambda entry: (entry.version.number,), body=entry_body)

    async def get_document_version(self, request: Request, document_id: str, number: Number) -> Response:
        """A document as it was in one version."""
        found = await read(self._app, request, lambda store: versions.get(store, document_id, number))
        return tagged(request, version_body(found))

    async def compare_document_versions(
        self, request: Request, document_id: str, old: Old = None, new: New = None
    ) -> Response:
        """What differs between two versions of a document, by default the last two."""
        document = await read(self._app, request, lambda store: documents.get(store, document_id))
        before, after, changes = await read(self._app, request, lambda store: diff(store, document, old, new))
        about = {"document_id": document.id, "old": before.number, "new": after.number}
        return tagged(request, about | {"changes": changes})

    async def get_document_provenance(self, request: Request, document_id: str) -> Response:
        """Where each value of a document comes from: its capture, then by value the extractor and its rule."""
        document = await read(self._app, request, lambda store: documents.get(store, document_id))
        return tagged(request, await provenance.why(self._app.store, self._app.archive, document))

    async def get_document_raw(self, document_id: str, version: Version = None) -> Response:
        """What was fetched, byte for byte, of the newest version or of another. It is a stranger's: do not show it."""
        raw = await raw_capture(self._app.store, self._app.archive, document_id, version)
        return Response(raw.body, headers=dict(raw_headers(raw, document_id)))


def _key(row: dict[str, Any]) -> Key:
    return (row["url"], row["item_key"], row["id"])
