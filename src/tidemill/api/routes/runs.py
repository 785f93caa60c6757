"""Runs: starting, watching and ending them, and what became of each URL."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from tidemill.api.openapi import problems
from tidemill.api.respond import answer, require_json
from tidemill.api.schemas.run import LedgerPage, RunAnswer, RunList, RunRequest, RunWithProgress, StartedRun, run_body
from tidemill.app import App
from tidemill.errors import Forbidden, Invalid
from tidemill.http.scopes import caller, through_a_proxy
from tidemill.manage.runs import start
from tidemill.models.outcome import OPEN_STATES, Outcome
from tidemill.store import ledger, runs, sources
from tidemill.store.progress import progress

_PREFIX = "/api/v1/runs"
_OUTCOMES = [*(outcome.value for outcome in Outcome), *(state.value for state in OPEN_STATES)]

Limit = Annotated[int, Query(ge=1, le=1000, description="Lines on this page")]
OneOutcome = Annotated[str | None, Query(description="Only these", json_schema_extra={"enum": _OUTCOMES})]
After = Annotated[str | None, Query(max_length=8192, description="The last URL of the page before")]


def routes(app: App, *, may_allow_private: bool) -> APIRouter:
    """Everything below /api/v1/runs. `may_allow_private`: callers may let a run visit private addresses, unless a
    proxy brought them."""
    router = APIRouter(prefix=_PREFIX, tags=["runs"])

    @router.get("", response_model=RunList, responses=problems(404, 422))
    async def list_runs(
        limit: Annotated[int, Query(ge=1, le=100, description="The most runs to give")] = 20,
        source: Annotated[str | None, Query(description="Only those of this source")] = None,
    ) -> Response:
        """The newest runs first."""
        source_id = (await sources.get(app.store, source)).id if source is not None else None
        return answer({"items": [run_body(run) for run in await runs.listed(app.store, limit, source_id)]})

    @router.post(
        "",
        status_code=202,
        response_model=StartedRun,
        responses=problems(403, 404, 413, 415, 422, 429),
        dependencies=[Depends(require_json)],
    )
    async def start_run(given: RunRequest, request: Request) -> Response:
        """Begin a run, or take up the source's unfinished one. A crawler does the work; ask `Location` how it goes."""
        if given.allow_private and (not may_allow_private or through_a_proxy(request.scope)):
            raise Forbidden(
                "allow_private is not for callers of a server that others can reach; its operator may set"
                " net.allow_hosts",
                reason="allow_private",
            )
        started = await start(
            app.store,
            app.settings.net,
            given.target,
            given.options(),
            fresh=given.fresh,
            by=caller(request.scope),
            quotas=app.settings.quotas,
        )
        more = {"resumed": started.resumed, "ignored_options": list(started.ignored)}
        return answer(run_body(started.run) | more, 202, {"Location": f"{_PREFIX}/{started.run.id}"})

    @router.get("/{run_id}", response_model=RunWithProgress, responses=problems(404))
    async def get_run(run_id: str) -> Response:
        """A run, the totals of its ledger, its pace, and the hosts that hold it up."""
        run = await runs.get(app.store, run_id)
        return answer(run_body(run) | {"progress": asdict(await progress(app.store, run))})

    @router.post("/{run_id}/cancel", response_model=RunAnswer, responses=problems(403, 404, 409))
    async def cancel_run(run_id: str, request: Request) -> Response:
        """End a run for good: what is not fetched is skipped, what is fetched is still processed."""
        return answer(run_body(await runs.cancel(app.store, run_id, caller(request.scope))))

    @router.get("/{run_id}/ledger", response_model=LedgerPage, responses=problems(404, 422))
    async def get_run_ledger(
        run_id: str, outcome: OneOutcome = None, after: After = None, limit: Limit = 100
    ) -> Response:
        """What became of each URL of a run, by URL. Follow `next` until it is null."""
        if outcome is not None and outcome not in _OUTCOMES:
            raise Invalid(f"outcome is {outcome!r}; use one of {', '.join(_OUTCOMES)}", reason="outcome")
        lines = [line async for line in ledger.entries(app.store, run_id, outcome, after=after, limit=limit + 1)]
        if not lines:
            await runs.get(app.store, run_id)
        following = _next_page(run_id, outcome, lines[limit - 1].url, limit) if len(lines) > limit else None
        headers = {"Link": f'<{following}>; rel="next"'} if following else None
        return answer({"items": lines[:limit], "next": following}, headers=headers)

    return router


def _next_page(run_id: str, outcome: str | None, last_url: str, limit: int) -> str:
    given = {"outcome": outcome, "after": last_url, "limit": limit}
    query = urlencode({name: value for name, value in given.items() if value is not None})
    return f"{_PREFIX}/{run_id}/ledger?{query}"
