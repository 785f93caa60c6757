"""The audit log, for admins."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from tidemill.api.openapi import problems
from tidemill.api.paging import Cursor, page, position
from tidemill.api.schemas.account import AuditPage, Moment, audit_body
from tidemill.app import App
from tidemill.store import audit

Text = Annotated[str | None, Query(max_length=500)]
Action = Annotated[str | None, Query(max_length=100, description="`key.create`, or all of a kind: `key.`")]
At = Annotated[Moment, Query(description="A time without a zone is in UTC")]
Before = Annotated[int | None, Query(ge=1, le=2**63 - 1, description="Use `cursor`", deprecated=True)]
Limit = Annotated[int, Query(ge=1, le=1000, description="Lines on this page")]


def routes(app: App) -> APIRouter:
    """GET /api/v1/audit."""
    router = APIRouter(prefix="/api/v1/audit", tags=["accounts"])

    @router.get("", response_model=AuditPage, responses=problems(422))
    async def list_audit_log(
        request: Request,
        actor: Text = None,
        action: Action = None,
        target: Text = None,
        since: At = None,
        until: At = None,
        cursor: Cursor = None,
        before: Before = None,
        limit: Limit = 100,
    ) -> Response:
        """Who did what, the newest first. Each line bears the hash of the one before it."""
        wanted = audit.Wanted(actor, action, target, since, until)
        key = position(request, cursor, int)
        older = key[0] if key and isinstance(key[0], int) else before
        found = await audit.listed(app.store, wanted, before=older, limit=limit + 1)
        return page(request, found, limit, key=lambda line: (line.id,), body=audit_body)

    return router
