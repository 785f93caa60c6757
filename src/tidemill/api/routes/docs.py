"""The page that shows the OpenAPI document: Swagger UI, served by us, with no request to any other server."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse, RedirectResponse, Response

from tidemill import http
from tidemill.http.headers import DOCS_CSP
from tidemill.http.problems import Problem, ProblemError

DOCS_PATH = "/api/docs"
OPENAPI_PATH = "/api/openapi.json"
OTHER_PATHS = ("/docs", "/api/redoc")
"""Where the specification has the page."""
_FOLDER = Path(http.__file__).parent / "static" / "swagger-ui"
_FILES = {
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
    "start.js": "text/javascript; charset=utf-8",
    "favicon-32x32.png": "image/png",
}


def routes() -> APIRouter:
    """/api/docs, its files, and / that leads there."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def root() -> Response:
        return RedirectResponse(DOCS_PATH.removeprefix("/"), 307)

    async def other_path() -> Response:
        return RedirectResponse(DOCS_PATH, 307)

    for path in OTHER_PATHS:
        router.get(path)(other_path)

    @router.get(DOCS_PATH)
    async def docs_page() -> Response:
        return FileResponse(
            _FOLDER / "index.html",
            media_type="text/html; charset=utf-8",
            headers={"content-security-policy": DOCS_CSP, "cache-control": "no-cache"},
        )

    @router.get(DOCS_PATH + "/{name}")
    async def docs_file(name: str) -> Response:
        if name not in _FILES:
            raise ProblemError(Problem(404, "no_such_path", f"The page of the API has no file {name[:100]!r}."))
        return FileResponse(_FOLDER / name, media_type=_FILES[name], headers={"cache-control": "public, max-age=86400"})

    return router
