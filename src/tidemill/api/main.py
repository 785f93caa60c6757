"""The API: an `App` comes in, an ASGI application goes out, which the command line puts behind
a `Doorway`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp

from tidemill import __version__
from tidemill.api.access import access_to, is_kept
from tidemill.api.kept import KeptSearches
from tidemill.api.openapi import describe
from tidemill.api.route_classes import CLASSES
from tidemill.api.routes import (
    audit,
    auth,
    deadletters,
    docs,
    documents,
    events,
    exports,
    keys,
    live,
    probes,
    runs,
    search,
    sources,
    statistics,
    users,
)
from tidemill.app import App
from tidemill.errors import TidemillError
from tidemill.http.answers import handle_error
from tidemill.http.hosts import is_loopback
from tidemill.http.stack import surround
from tidemill.http.streams import Streams

_DESCRIPTION = (
    "Websites as a clean, searchable, always-fresh store of documents. Errors are problem documents (RFC 9457) with a"
    " stable `type`. A server on loopback needs no key; elsewhere send one as `X-API-Key`, or log in and send the"
    " access token as `Authorization: Bearer`. Each operation names the scope that it needs."
)
_TAGS = [
    {"name": "search", "description": "Finding documents"},
    {"name": "documents", "description": "What came out of the pages"},
    {"name": "exports", "description": "Files of documents"},
    {"name": "events", "description": "What happened, in order, from any place on"},
    {"name": "sources", "description": "What is crawled"},
    {"name": "runs", "description": "Crawling it, and what became of each URL"},
    {"name": "dead letters", "description": "What could not be processed, and what is to become of it"},
    {"name": "authentication", "description": "Logging in and out, by OAuth 2.0; access tokens are JWT"},
    {"name": "accounts", "description": "Users, API keys, and who did what"},
    {"name": "service", "description": "How the service is doing"},
]
_HANDLED = (TidemillError, HTTPException, RequestValidationError, Exception)


def create_api(app: App, *, host: str | None = None) -> ASGIApp:
    """The whole application. `host` is the address it will listen on (`api.host` if none is given).

    On loopback no key is needed, but only loopback's own names are answered. With `auth.loopback_role: none` others
    may come through a proxy.
    """
    bound_host = host or app.settings.api.host
    is_open = app.settings.auth.loopback_role != "none" and not app.settings.http.trusted_proxies
    is_ours_alone = is_loopback(bound_host) and is_open
    has_docs, contact_url = app.settings.api.docs, app.settings.crawl.contact_url
    streams = Streams(app.settings.streams, app.health, app.metrics)
    routers = [
        search.routes(app),
        exports.routes(app, streams),
        documents.routes(app),
        events.routes(app, streams),
        live.routes(app, streams),
        sources.routes(app),
        runs.routes(app, may_allow_private=is_ours_alone),
        deadletters.routes(app),
        statistics.routes(app),
        auth.routes(app),
        users.routes(app),
        keys.routes(app),
        audit.routes(app),
        probes.routes(app),
        *([docs.routes()] if has_docs else []),
    ]
    access = access_to(routers)
    api = FastAPI(
        title="Tidemill API",
        version=__version__,
        description=_DESCRIPTION,
        openapi_tags=_TAGS,
        contact={"name": "Who runs this server", **({"url": contact_url} if contact_url else {})},
        openapi_url=docs.OPENAPI_PATH if has_docs else None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
        exception_handlers={405: _refuse_method(routers), **dict.fromkeys(_HANDLED, handle_error)},
    )
    for router in routers:
        api.include_router(router)
    api.openapi = describe(api, access, is_kept)  # type: ignore[method-assign]  # FastAPI's documented way to extend it
    return surround(
        api,
        app,
        bound_host=bound_host,
        access=access,
        is_free=probes.OPEN_PROBES.__contains__,
        is_kept=is_kept,
        classes=CLASSES,
        kept=KeptSearches(app),
    )


def _refuse_method(routers: Sequence[APIRouter]) -> Callable[[Request, Any], Coroutine[Any, Any, Response]]:
    """The handler of 405: `Allow` names the methods of every route of the path, not only of the first."""

    async def refuse(request: Request, _: Any) -> Response:
        path = request.scope["path"]
        known = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
        allowed = {method for route in known if route.path_regex.match(path) for method in route.methods or ()}
        return await handle_error(request, HTTPException(405, headers={"Allow": ", ".join(sorted(allowed))}))

    return refuse


def _operation_id(route: APIRoute) -> str:
    return route.name
