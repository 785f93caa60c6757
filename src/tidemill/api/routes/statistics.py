"""Statistics over everything kept."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from fastapi.responses import Response

from tidemill.api.openapi import problems
from tidemill.api.respond import answer
from tidemill.api.schemas.service import Statistics
from tidemill.app import App
from tidemill.store import sources
from tidemill.store.totals import document_states, open_visit_states


def routes(app: App) -> APIRouter:
    """GET /api/v1/stats."""
    router = APIRouter(prefix="/api/v1", tags=["service"])

    @router.get("/stats", response_model=Statistics, responses=problems())
    async def get_statistics() -> Response:
        """How much there is, and how much is still on its way."""
        states, visits, source_count, backlog, lag = await asyncio.gather(
            document_states(app.store),
            open_visit_states(app.store),
            sources.count(app.store),
            app.queue.backlog(),
            app.indexer.lag(),
        )
        return answer(
            {
                "documents": states,
                "visits": visits,
                "sources": source_count,
                "captures_waiting": backlog.captures,
                "index_lag": lag,
            }
        )

    return router
