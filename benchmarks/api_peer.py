"""The search of the API as FastAPI's own means would have it: answers through `response_model`, and two layers that are
`BaseHTTPMiddleware`; engine, authentication, limits and headers are the same. One worker; `api` starts several.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from typing import Annotated, Any

import uvloop
from fastapi import FastAPI, Query, Request
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.responses import Response

from tidemill.api.access import TABLE
from tidemill.api.kept import KeptSearches
from tidemill.api.route_classes import CLASSES
from tidemill.api.schemas.search import SearchAnswer, SearchParameters
from tidemill.app import App, open_app
from tidemill.http.access import Access, Route
from tidemill.http.server import serve_application
from tidemill.http.stack import surround
from tidemill.search.base import SearchQuery
from tidemill.settings import load_settings

_PATH = "/api/v1/search"


class Timed(BaseHTTPMiddleware):
    """What such layers are usually for: a header more."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """One request."""
        answer = await call_next(request)
        answer.headers["x-layer"] = "1"
        return answer


def peer(app: App) -> Any:
    """The application."""
    api = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    api.add_middleware(Timed)
    api.add_middleware(Timed)

    @api.get(_PATH, response_model=SearchAnswer)
    async def search(given: Annotated[SearchParameters, Query()]) -> Any:
        return await app.searching.search(SearchQuery(text=given.q or "", limit=given.limit))

    route = next(each for each in api.routes if getattr(each, "path", "") == _PATH)
    known = Route(_PATH, route.path_regex, frozenset({"GET"}))  # type: ignore[attr-defined]
    return surround(
        api,
        app,
        bound_host="127.0.0.1",
        access=Access([known], TABLE),
        is_free=lambda _: False,
        is_kept=lambda _: False,
        classes=CLASSES,
        kept=KeptSearches(app),
    )


async def serve(descriptor: int, given: list[str]) -> None:
    """Answer on a socket that listens already, until SIGTERM."""
    settings = load_settings(dict(each.split("=", 1) for each in given), environ={})
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with open_app(settings) as app:
        await serve_application(
            peer(app),
            stop,
            host="127.0.0.1",
            port=0,
            on_ready=lambda url: print(url, flush=True),
            on_stop=lambda: None,
            listener=socket.socket(fileno=descriptor),
        )


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), sys.argv[2:]))
