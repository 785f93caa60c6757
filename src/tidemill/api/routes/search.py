"""Searching, feeds of a search, what is suggested, what is similar, and what is searched for."""

from __future__ import annotations

import time
from hashlib import sha256
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from tidemill.api.openapi import Responses, problems
from tidemill.api.parameters import described, parameters
from tidemill.api.respond import answer
from tidemill.api.schemas.search import AskedQueries, FeedParameters, SearchAnswer, SearchParameters, Suggestions
from tidemill.app import App
from tidemill.deliver.feeds import Feed, atom, rss
from tidemill.errors import Invalid
from tidemill.search.base import SearchQuery, SearchResult
from tidemill.store import documents

_PREFIX = "/api/v1"
Typed = Annotated[str, Query(max_length=200, description="What is typed so far", examples=["tide mi"])]
Few = Annotated[int, Query(ge=1, le=50, description="The most of them")]
Days = Annotated[int, Query(ge=1, le=3650, description="Of the last days, today included")]


OTHER_PATHS = ("/search", "/search/")
"""What the specification calls searching."""


def routes(app: App) -> APIRouter:
    """GET /api/v1/search with /suggest, /queries and feeds, and /api/v1/documents/{id}/similar."""
    router = APIRouter(tags=["search"])
    most = app.settings.search.max_results

    @router.get(
        f"{_PREFIX}/search",
        response_model=SearchAnswer,
        responses=problems(422, 503),
        openapi_extra=described(SearchParameters),
    )
    async def search_documents(request: Request) -> Response:
        """Find documents. Any word counts, more and closer ones count more; the best come first."""
        query = _query(parameters(SearchParameters, request), most)
        began = time.perf_counter()
        is_ok = False
        try:
            found = await app.searching.search(query)
            is_ok = True
        finally:
            app.metrics.observe_query(time.perf_counter() - began, is_ok=is_ok)
        if not query.offset:
            app.asked.note(query.text, found.total)
        return _answer(found)

    for path in OTHER_PATHS:
        router.get(path, response_model=SearchAnswer, include_in_schema=False)(search_documents)

    @router.get(f"{_PREFIX}/search/suggest", response_model=Suggestions, responses=problems(422, 503))
    async def suggest_searches(q: Typed = "", limit: Few = 8) -> Response:
        """How what is being typed may go on: titles, and words of titles."""
        return answer({"suggestions": await app.searching.suggest(q, limit)})

    @router.get(f"{_PREFIX}/search/queries", response_model=AskedQueries, responses=problems(422))
    async def list_searches(days: Days = 30, empty: bool = False, limit: Few = 20) -> Response:
        """What was searched for most, or with `empty` what was searched for in vain. Nobody knows by whom."""
        return answer({"queries": await app.asked.most(days, limit, empty=empty)})

    @router.get(f"{_PREFIX}/search/feed.rss", **_feed("application/rss+xml"))
    async def get_rss_feed(request: Request) -> Response:
        """A search as RSS 2.0, the newest documents first. Feed readers send the key as a header."""
        return _as_feed(request, rss(await _found(app, request)), "application/rss+xml")

    @router.get(f"{_PREFIX}/search/feed.atom", **_feed("application/atom+xml"))
    async def get_atom_feed(request: Request) -> Response:
        """A search as Atom (RFC 4287), the newest documents first."""
        return _as_feed(request, atom(await _found(app, request)), "application/atom+xml")

    @router.get(
        "/api/v1/documents/{document_id}/similar", response_model=SearchAnswer, responses=problems(404, 422, 503)
    )
    async def find_similar_documents(document_id: Annotated[str, Path()], limit: Few = 10) -> Response:
        """Documents that speak of the same, the most similar first."""
        return _answer(await app.searching.similar(document_id, limit))

    return router


def _feed(media_type: str) -> dict[str, Any]:
    """What a feed's route says of itself."""
    content = {media_type: {"schema": {"type": "string"}}}
    answers: Responses = {
        200: {"description": "The feed", "content": content},
        304: {"description": "It is as `If-None-Match` says"},
        **problems(422, 503),
    }
    return {"response_class": Response, "responses": answers, "openapi_extra": described(FeedParameters)}


async def _found(app: App, request: Request) -> Feed:
    asked = parameters(FeedParameters, request)
    query = _query(SearchParameters(**asked.model_dump(), sort="date"), app.settings.search.max_results)
    found = await app.searching.search(query)
    about = f"{query.text} · Tidemill" if query.text else "Tidemill"
    search_url = request.url.replace(path="/api/v1/search").include_query_params(sort="date")
    entries = await documents.current_among(app.store, [hit.id for hit in found.hits])
    return Feed(about, str(request.url), str(search_url), entries)


def _as_feed(request: Request, body: bytes, media_type: str) -> Response:
    """Readers ask again and again: what they have is not sent once more."""
    etag = f'"{sha256(body).hexdigest()[:32]}"'
    headers = {"etag": etag, "cache-control": "private, max-age=60", "vary": "X-API-Key, Authorization"}
    if etag in (request.headers.get("if-none-match") or ""):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=f"{media_type}; charset=utf-8")


def _answer(found: SearchResult) -> Response:
    """The answer; `Age` says how old it is if it was given before."""
    headers = {"Age": str(int(found.age_s))} if found.age_s or found.stale else {}
    return answer(found, headers=headers)


def _query(asked: SearchParameters, most: int) -> SearchQuery:
    text = asked.q if asked.q is not None else asked.query
    if text is None:
        raise Invalid("there is no query; give it as q=", reason="no_query")
    if asked.limit > most:
        raise Invalid(f"limit is {asked.limit}; give at most {most} (search.max_results)", reason="limit")
    return SearchQuery(
        text=text,
        limit=asked.limit,
        offset=asked.offset,
        source=asked.source,
        kind=asked.kind,
        language=asked.language,
        author=asked.author,
        domain=asked.domain,
        tags=tuple(asked.tag),
        published_after=asked.published_after,
        published_before=asked.published_before,
        fields=tuple(asked.field),
        fuzzy=asked.fuzzy,
        sort=asked.sort,
        recency_days=asked.recency_days,
        facets=tuple(asked.facet),
        facet_size=asked.facet_size,
        histogram=asked.histogram,
    )
