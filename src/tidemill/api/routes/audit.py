"""The audit log, for admins."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from fastapi.responses import Response

from tidemill.api.openapi import problems
from tidemill.api.respond import answer
from tidemill.api.schemas.account import AuditPage, Moment, audit_body
from tidemill.app import App
from tidemill.store import audit

_PREFIX = "/api/v1/audit"
Text = Annotated[str | None, Query(max_length=500)]
Action = Annotated[str | None, Query(max_length=100, description="`key.create`, or all of a kind: `key.`")]
At = Annotated[Moment, Query(description="A time without a zone is in UTC")]
Before = Annotated[int | None, Query(ge=1, le=2**63 - 1, description="The last identifier of the page before")]
Limit = Annotated[int, Query(ge=1, le=1000, description="Lines on this page")]


def routes(app: App) -> APIRouter:
    """GET /api/v1/audit."""
    router = APIRouter(prefix=_PREFIX, tags=["accounts"])

    @router.get("", response_model=AuditPage, responses=problems(422))
    async def list_audit_log(
        actor: Text = None,
        action: Action = None,
        target: Text = None,
        since: At = None,
        until: At = None,
        before: Before = None,
        limit: Limit = 100,
    ) -> Response:
        """Who did what, the newest first. Each line bears the hash of the one before it."""
        wanted = audit.Wanted(actor, action, target, since, until)
        found = await audit.listed(app.store, wanted, before=before, limit=limit + 1)
        following = None
        if len(found) > limit:
            given = {"actor": actor, "action": action, "target": target, "limit": limit, "before": found[limit - 1].id}
            given |= {name: at.isoformat() for name, at in (("since", wanted.since), ("until", wanted.until)) if at}
            query = urlencode({name: value for name, value in given.items() if value is not None})
            following = f"{_PREFIX}?{query}"
        headers = {"Link": f'<{following}>; rel="next"'} if following else None
        return answer({"items": [audit_body(line) for line in found[:limit]], "next": following}, headers=headers)

    return router
