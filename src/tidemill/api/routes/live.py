"""The progress of a run as it happens: as server-sent events, and over a WebSocket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.websockets import WebSocket

from tidemill.api.openapi import Responses, problems
from tidemill.api.respond import json_bytes
from tidemill.api.schemas.run import run_body
from tidemill.app import App
from tidemill.errors import TidemillError
from tidemill.http.problems import problem_of
from tidemill.http.sockets import Socket
from tidemill.http.streams import EVENT_STREAM, Pieces, Streams, event_of
from tidemill.manage.watching import Look, Watch

_TICK_S = 1.0
_PATH = "/api/v1/runs/{run_id}/progress"
_ANSWERS: Responses = {
    200: {
        "description": "`progress` events with what GET /api/v1/runs/{run_id} gives, then `end`",
        "content": {EVENT_STREAM: {"schema": {"type": "string"}}},
    }
}


def routes(app: App, streams: Streams) -> APIRouter:
    """GET /api/v1/runs/{id}/progress, and the WebSocket below it."""
    router = APIRouter(tags=["runs"])
    watch = Watch(app.store)

    @router.get(_PATH, response_class=Response, responses={**_ANSWERS, **problems(404)})
    async def watch_run(run_id: str) -> Response:
        """A run's progress as server-sent events, whenever it changes, at most once a second, until it has ended."""
        return streams.events(_events(watch, await watch.look(run_id)))

    @router.websocket(f"{_PATH}/ws")
    async def watch_run_by_socket(socket: WebSocket, run_id: str) -> None:
        """The same as JSON messages: `{"event": "progress", …}` and at last `{"event": "end", …}`."""
        async with Socket(socket, streams).opened() as line:
            try:
                look = await watch.look(run_id)
            except TidemillError as error:
                await line.refuse(problem_of(error))
                return
            await _tell(line, watch, look)

    return router


async def _events(watch: Watch, look: Look) -> Pieces:
    async for kind, body in _changes(watch, look):
        yield event_of(kind, body) if kind else None


async def _changes(watch: Watch, look: Look) -> AsyncGenerator[tuple[str, bytes]]:
    """`progress` whenever it differs, `end` when there will be no other; between them, each second, nothing."""
    told = b""
    while True:
        body = json_bytes(run_body(look.run) | {"progress": asdict(look.progress)})
        if look.is_over:
            yield "end", body
            return
        yield ("progress", body) if body != told else ("", b"")
        told = body
        await asyncio.sleep(_TICK_S)
        look = await watch.look(look.run.id)


async def _tell(line: Socket, watch: Watch, look: Look) -> None:
    async with aclosing(_changes(watch, look)) as changes:
        async for kind, body in changes:
            if line.is_over:
                return
            if kind:
                await line.send(b'{"event":"' + kind.encode() + b'","run":' + body + b"}")
