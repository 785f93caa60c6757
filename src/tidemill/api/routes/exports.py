"""Exports: files made by a job, and small ones streamed at once."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from tidemill.api.openapi import Responses, problems
from tidemill.api.paging import Cursor, page, position
from tidemill.api.respond import answer, require_json
from tidemill.api.schemas.export import ExportAnswer, ExportList, ExportRequest, StreamedSelection, export_body
from tidemill.app import App
from tidemill.deliver.export.formats import FORMATS
from tidemill.errors import Conflict
from tidemill.http.scopes import caller
from tidemill.http.streams import Streams
from tidemill.manage import exports as manage
from tidemill.manage.exporter import open_shelf
from tidemill.manage.quotas import check_export
from tidemill.store import exports

_PREFIX = "/api/v1/exports"
_AS_IT_IS = "no-store, no-transform"
"""Its length and hash were told: nobody on the way may compress it."""

Limit = Annotated[int, Query(ge=1, le=1000, description="Exports on this page")]


def routes(app: App, streams: Streams) -> APIRouter:
    """Everything below /api/v1/exports, and GET /api/v1/documents/export."""
    router = APIRouter(prefix="/api/v1", tags=["exports"])
    shelf = open_shelf(app.settings, app.archive)

    @router.post(
        "/exports",
        status_code=202,
        response_model=ExportAnswer,
        responses=problems(403, 404, 413, 415, 422, 429),
        dependencies=[Depends(require_json)],
    )
    async def start_export(given: ExportRequest, request: Request) -> Response:
        """Have a file made of documents, however many. Ask `Location` how far it is."""
        wanted, by = given.wanted(given.format), caller(request.scope)
        made = await manage.start(app.store, app.settings.quotas, wanted, by)
        return answer(export_body(made), 202, {"Location": f"{_PREFIX}/{made.id}"})

    @router.get("/exports", response_model=ExportList, responses=problems(403, 422))
    async def list_exports(request: Request, cursor: Cursor = None, limit: Limit = 100) -> Response:
        """Your exports (admins: everybody's), the newest first. Follow `next` until it is null."""
        by = caller(request.scope)
        manage.may_read(by)
        key = position(request, cursor, str)
        found = await exports.listed(app.store, by, before=str(key[0]) if key else None, limit=limit + 1)
        return page(request, found, limit, key=lambda export: (export.id,), body=export_body)

    @router.get("/exports/{export_id}", response_model=ExportAnswer, responses=problems(403, 404))
    async def get_export(export_id: str, request: Request) -> Response:
        """How far an export is."""
        return answer(export_body(await manage.visible(app.store, export_id, caller(request.scope))))

    @router.get("/exports/{export_id}/download", response_class=Response, responses=_file(403, 404, 409))
    async def download_export(export_id: str, request: Request) -> Response:
        """The file of an export that is done."""
        found = await manage.visible(app.store, export_id, caller(request.scope))
        if found.state != "done" or found.file is None or found.size_bytes is None:
            raise Conflict(f"the export {found.id} is {found.state}: it has no file", reason="export_not_done")
        form = FORMATS[found.format]
        headers = {"etag": f'"{found.sha256}"', "content-length": str(found.size_bytes), "cache-control": _AS_IT_IS}
        headers |= _as_file(f"tidemill-{found.id}.{form.extension}", form.media_type)
        return streams.file(shelf.read(found.file, found.size_bytes), headers)

    @router.delete("/exports/{export_id}", status_code=204, response_class=Response, responses=problems(403, 404))
    async def delete_export(export_id: str, request: Request) -> Response:
        """Delete an export and its file. One that is being made is given up."""
        by = caller(request.scope)
        found = await manage.visible(app.store, export_id, by)
        await exports.remove(app.store, found, by)
        if found.file is not None:
            await shelf.delete(found.file)
        return Response(status_code=204)

    @router.get("/documents/export", response_class=Response, responses=_file(403, 404, 422, 429))
    async def stream_documents(given: Annotated[StreamedSelection, Query()], request: Request) -> Response:
        """Documents as one file, at once, if they are not too many (`exports.max_streamed`)."""
        wanted, by = given.wanted(given.format), caller(request.scope)
        await manage.check_source(app.store, wanted)
        await check_export(app.store, app.settings.quotas, by)
        ids = await manage.streamed_ids(app.store, app.searching.search, app.settings.exports, wanted)
        pieces = manage.pieces(wanted.format, manage.named(app.store, ids))
        name = f"documents.{wanted.format.extension}"
        return streams.file(pieces, _as_file(name, wanted.format.media_type))

    return router


def _file(*statuses: int) -> Responses:
    content = {form.media_type.partition(";")[0]: {"schema": {"type": "string"}} for form in FORMATS.values()}
    return {200: {"description": "The file", "content": content}, **problems(*statuses)}


def _as_file(name: str, media_type: str) -> dict[str, str]:
    return {"content-type": media_type, "content-disposition": f'attachment; filename="{name}"'}
