"""Exports: files made by a job, and small ones streamed at once."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import Response

from tidemill.api.openapi import Responses, problems
from tidemill.api.paging import Cursor, page, position
from tidemill.api.parameters import described, parameters
from tidemill.api.respond import answer, require_json
from tidemill.api.schemas.export import ExportAnswer, ExportList, ExportRequest, StreamedSelection, export_body
from tidemill.app import App
from tidemill.deliver.export.formats import FORMATS
from tidemill.errors import Conflict
from tidemill.http.ranges import part_of
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
Range = Annotated[
    str | None, Header(alias="Range", description="One range of bytes (RFC 9110)", examples=["bytes=1048576-"])
]
IfRange = Annotated[
    str | None, Header(alias="If-Range", description="The `ETag` of what is there already; else the whole file comes")
]


def routes(app: App, streams: Streams) -> APIRouter:
    """Everything below /api/v1/exports, and GET /api/v1/documents/export."""
    router = APIRouter(prefix="/api/v1", tags=["exports"])
    on, one = _Exports(app, streams), "/exports/{export_id}"
    router.post(
        "/exports",
        status_code=202,
        response_model=ExportAnswer,
        responses=problems(403, 404, 413, 415, 422, 429),
        dependencies=[Depends(require_json)],
    )(on.start_export)
    router.get("/exports", response_model=ExportList, responses=problems(403, 422))(on.list_exports)
    router.get(one, response_model=ExportAnswer, responses=problems(403, 404))(on.get_export)
    router.get(
        f"{one}/download",
        response_class=Response,
        responses={**_file(403, 404, 409, 416), 206: {"description": "The part of it that `Range` asks for"}},
    )(on.download_export)
    router.delete(one, status_code=204, response_class=Response, responses=problems(403, 404))(on.delete_export)
    router.get(
        "/documents/export",
        response_class=Response,
        responses=_file(403, 404, 422, 429),
        openapi_extra=described(StreamedSelection),
    )(on.stream_documents)
    return router


class _Exports:
    """The handlers, over one house and its shelf."""

    def __init__(self, app: App, streams: Streams) -> None:
        self._app = app
        self._streams = streams
        self._shelf = open_shelf(app.settings, app.archive)

    async def start_export(self, given: ExportRequest, request: Request) -> Response:
        """Have a file made of documents, however many. Ask `Location` how far it is."""
        wanted, by = given.wanted(given.format), caller(request.scope)
        made = await manage.start(self._app.store, self._app.settings.quotas, wanted, by)
        return answer(export_body(made), 202, {"Location": f"{_PREFIX}/{made.id}"})

    async def list_exports(self, request: Request, cursor: Cursor = None, limit: Limit = 100) -> Response:
        """Your exports (admins: everybody's), the newest first. Follow `next` until it is null."""
        by = caller(request.scope)
        manage.may_read(by)
        key = position(request, cursor, str)
        found = await exports.listed(self._app.store, by, before=str(key[0]) if key else None, limit=limit + 1)
        return page(request, found, limit, key=lambda export: (export.id,), body=export_body)

    async def get_export(self, export_id: str, request: Request) -> Response:
        """How far an export is."""
        return answer(export_body(await manage.visible(self._app.store, export_id, caller(request.scope))))

    async def download_export(
        self,
        export_id: str,
        request: Request,
        byte_range: Range = None,
        if_range: IfRange = None,
    ) -> Response:
        """The file of an export that is done, or a part of it."""
        found = await manage.visible(self._app.store, export_id, caller(request.scope))
        if found.state != "done" or found.file is None or found.size_bytes is None:
            raise Conflict(f"the export {found.id} is {found.state}: it has no file", reason="export_not_done")
        form, etag = FORMATS[found.format], f'"{found.sha256}"'
        part = part_of(found.size_bytes, etag, byte_range, if_range)
        headers = {"etag": etag, "cache-control": _AS_IT_IS, **part.headers}
        headers |= _as_file(f"tidemill-{found.id}.{form.extension}", form.media_type)
        return self._streams.file(self._shelf.read(found.file, part.start, part.end), headers, part.status)

    async def delete_export(self, export_id: str, request: Request) -> Response:
        """Delete an export and its file. One that is being made is given up."""
        by = caller(request.scope)
        found = await manage.visible(self._app.store, export_id, by)
        await exports.remove(self._app.store, found, by)
        if found.file is not None:
            await self._shelf.delete(found.file)
        return Response(status_code=204)

    async def stream_documents(self, request: Request) -> Response:
        """Documents as one file, at once, if they are not too many (`exports.max_streamed`)."""
        app = self._app
        asked, by = parameters(StreamedSelection, request), caller(request.scope)
        wanted = asked.wanted(asked.format)
        await manage.check_source(app.store, wanted)
        await check_export(app.store, app.settings.quotas, by)
        ids = await manage.streamed_ids(app.store, app.searching.search, app.settings.exports, wanted)
        pieces = manage.pieces(wanted.format, manage.named(app.store, ids))
        name = f"documents.{wanted.format.extension}"
        return self._streams.file(pieces, _as_file(name, wanted.format.media_type))


def _file(*statuses: int) -> Responses:
    content = {form.media_type.partition(";")[0]: {"schema": {"type": "string"}} for form in FORMATS.values()}
    return {200: {"description": "The file", "content": content}, **problems(*statuses)}


def _as_file(name: str, media_type: str) -> dict[str, str]:
    return {"content-type": media_type, "content-disposition": f'attachment; filename="{name}"'}
