"""Searching."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from tidemill.api.openapi import problems
from tidemill.api.respond import answer
from tidemill.api.schemas.search import SearchAnswer, SearchParameters
from tidemill.app import App
from tidemill.errors import Invalid
from tidemill.search.base import SearchQuery


def routes(app: App) -> APIRouter:
    """GET /api/v1/search."""
    router = APIRouter(prefix="/api/v1", tags=["search"])
    most = app.settings.search.max_results

    @router.get("/search", response_model=SearchAnswer, responses=problems(422))
    async def search_documents(given: Annotated[SearchParameters, Query()]) -> Response:
        """Find documents. Any word counts, more and closer ones count more; the best come first."""
        query = _query(given, most)
        began = time.perf_counter()
        is_ok = False
        try:
            found = await app.engine.search(query)
            is_ok = True
        finally:
            app.metrics.observe_query(time.perf_counter() - began, is_ok=is_ok)
        return answer(found)

    return router


def _query(given: SearchParameters, most: int) -> SearchQuery:
    text = given.q if given.q is not None else given.query
    if text is None:
        raise Invalid("there is no query; give it as q=", reason="no_query")
    if given.limit > most:
        raise Invalid(f"limit is {given.limit}; give at most {most} (search.max_results)", reason="limit")
    return SearchQuery(
        text=text,
        limit=given.limit,
        offset=given.offset,
        source=given.source,
        kind=given.kind,
        language=given.language,
        author=given.author,
        domain=given.domain,
        tags=tuple(given.tag),
        published_after=given.published_after,
        published_before=given.published_before,
    )
