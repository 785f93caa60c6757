"""The change feed: as pages with a wait, and as server-sent events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response

from tidemill.api.openapi import Responses, problems
from tidemill.api.respond import answer, json_bytes
from tidemill.api.schemas.event import ChangeEvents, change_body
from tidemill.app import App
from tidemill.deliver.changes import News, Reader
from tidemill.http.scopes import header
from tidemill.http.streams import EVENT_STREAM, Pieces, Streams, event_of
from tidemill.models.event_cursor import EventCursor
from tidemill.store import sources

_PREFIX = "/api/v1/events"
_AT_ONCE = 200
_TICK_S = 1.0
_RETRY = b"retry: 2000\n\n"

After = Annotated[str | None, Query(max_length=200, description="The last `cursor`; `latest`: only what comes now")]
LastEventId = Annotated[str | None, Header(max_length=200, description="The same, as browsers send it")]
Kinds = Annotated[list[str], Query(alias="kind", max_length=20, description="Only these; repeat it")]
Source = Annotated[str | None, Query(max_length=4096, description="Only of this source")]
Limit = Annotated[int, Query(ge=1, le=1000, description="The most events of an answer")]
Wait = Annotated[float, Query(ge=0, le=300, description="Seconds to wait if there are none; at most streams.wait_s")]


def routes(app: App, streams: Streams) -> APIRouter:
    """GET /api/v1/events."""
    router = APIRouter(tags=["events"])
    news = News(app.store, is_over=lambda: streams.is_over)
    longest_s = min(app.settings.streams.wait_s, 0.8 * app.settings.api.timeout_s)

    @router.get(_PREFIX, response_model=ChangeEvents, responses=_answers())
    async def read_events(
        request: Request,
        after: After = None,
        last_event_id: LastEventId = None,
        kinds: Kinds = [],  # noqa: B006 - FastAPI copies it
        source: Source = None,
        limit: Limit = 100,
        wait: Wait = 0,
    ) -> Response:
        """What happened since `after`, nothing left out; with `Accept: text/event-stream` for as long as you stay."""
        source_id = (await sources.get(app.store, source)).id if source is not None else None
        reader = Reader(app.store, tuple(kinds), source_id)
        cursor = await reader.begin(last_event_id or after)
        if EVENT_STREAM in (header(request.scope, b"accept") or ""):
            return streams.events(_stream(reader, news, cursor))
        return await _page(reader, news, cursor, limit, min(wait, longest_s), _given(kinds, source))

    return router


def _answers() -> Responses:
    events = {"description": "The next events", "content": {EVENT_STREAM: {"schema": {"type": "string"}}}}
    return {200: events, **problems(404, 410, 422)}


async def _page(
    reader: Reader, news: News, cursor: EventCursor, limit: int, wait_s: float, given: Sequence[tuple[str, str]]
) -> Response:
    page = await reader.page(cursor, limit)
    if not page.changes and wait_s and await news.wait(page.cursor.event_id, wait_s):
        page = await reader.page(page.cursor, limit)
    following = f"{_PREFIX}?{urlencode([*given, ('after', str(page.cursor)), ('limit', limit)])}"
    body = {"items": [change_body(each) for each in page.changes], "cursor": str(page.cursor)}
    return answer({**body, "has_more": page.has_more}, headers={"Link": f'<{following}>; rel="next"'})


async def _stream(reader: Reader, news: News, cursor: EventCursor) -> Pieces:
    """Events as they are committed. The place moves with what was not asked for, too, or it would grow too old."""
    yield _RETRY
    told = cursor
    while True:
        page = await reader.page(cursor, _AT_ONCE)
        cursor = page.cursor
        for change in page.changes:
            yield event_of(change.event.kind, json_bytes(change_body(change)), str(change.cursor))
            told = change.cursor
        if page.has_more:
            continue
        if cursor.event_id > told.event_id:
            yield event_of(None, b"", str(cursor))
            told = cursor
        while not await news.wait(cursor.event_id, _TICK_S):
            yield None


def _given(kinds: Sequence[str], source: str | None) -> list[tuple[str, str]]:
    return [("kind", each) for each in kinds] + ([("source", source)] if source is not None else [])
