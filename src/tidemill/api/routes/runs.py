"""Runs: starting, watching and ending them, and what became of each URL."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from tidemill.api.openapi import problems
from tidemill.api.paging import Cursor, page, position
from tidemill.api.respond import answer, require_json
from tidemill.api.revisions import tagged
from tidemill.api.schemas.run import LedgerPage, RunAnswer, RunList, RunRequest, RunWithProgress, StartedRun, run_body
from tidemill.app import App
from tidemill.errors import Forbidden, Invalid
from tidemill.http.scopes import caller, through_a_proxy
from tidemill.manage.runs import start
from tidemill.models.outcome import OPEN_STATES, Outcome
from tidemill.models.run import RunState
from tidemill.store import ledger, runs, sources
from tidemill.store.progress import progress

PREFIX = "/api/v1/runs"
TRIGGER = "/api/scraping/trigger"
"""What the specification calls starting a run."""
_OUTCOMES = [*(outcome.value for outcome in Outcome), *(state.value for state in OPEN_STATES)]

Limit = Annotated[int, Query(ge=1, le=1000, description="Lines on this page")]
Runs = Annotated[int, Query(ge=1, le=100, description="Runs on this page")]
OneSource = Annotated[str | None, Query(max_length=4096, description="Only those of this source")]
OneState = Annotated[RunState | None, Query(description="Only those in this state")]
OneOutcome = Annotated[str | None, Query(description="Only these", json_schema_extra={"enum": _OUTCOMES})]
After = Annotated[str | None, Query(max_length=8192, description="Use `cursor`", deprecated=True)]


def routes(app: App, *, may_allow_private: bool) -> APIRouter:
    """Everything below /api/v1/runs. `may_allow_private`: callers may let a run visit private addresses, unless a
    proxy brought them."""
    router = APIRouter(tags=["runs"])
    on = _Runs(app, may_allow_private)
    router.get(PREFIX, response_model=RunList, responses=problems(404, 422))(on.list_runs)
    starting: dict[str, Any] = {
        "status_code": 202,
        "response_model": StartedRun,
        "dependencies": [Depends(require_json)],
    }
    refusals = problems(403, 404, 409, 413, 415, 422, 429)
    router.post(PREFIX, responses=refusals, **starting)(on.start_run)
    router.post(TRIGGER, responses=refusals, include_in_schema=False, **starting)(on.start_run)
    router.get(f"{PREFIX}/{{run_id}}", response_model=RunWithProgress, responses=problems(404))(on.get_run)
    cancelling = problems(403, 404, 409, 422)
    router.post(f"{PREFIX}/{{run_id}}/cancel", response_model=RunAnswer, responses=cancelling)(on.cancel_run)
    of_ledger = problems(404, 422)
    router.get(f"{PREFIX}/{{run_id}}/ledger", response_model=LedgerPage, responses=of_ledger)(on.get_run_ledger)
    return router


class _Runs:
    """The handlers, over one house."""

    def __init__(self, app: App, may_allow_private: bool) -> None:
        self._app = app
        self._may_allow_private = may_allow_private

    async def list_runs(
        self,
        request: Request,
        source: OneSource = None,
        state: OneState = None,
        cursor: Cursor = None,
        limit: Runs = 20,
    ) -> Response:
        """The newest runs first. Follow `next` until it is null."""
        store = self._app.store
        before = cast("tuple[datetime, str] | None", position(request, cursor, datetime, str))
        source_id = (await sources.get(store, source)).id if source is not None else None
        found = await runs.listed(store, limit + 1, source_id, state=state, before=before)
        return page(request, found, limit, key=lambda run: (run.created_at, run.id), body=run_body)

    async def start_run(self, given: RunRequest, request: Request) -> Response:
        """Begin a run, or take up the source's unfinished one. A crawler does the work; ask `Location` how it goes."""
        if given.allow_private and (not self._may_allow_private or through_a_proxy(request.scope)):
            raise Forbidden(
                "allow_private is not for callers of a server that others can reach; its operator may set"
                " net.allow_hosts",
                reason="allow_private",
            )
        store, settings, by = self._app.store, self._app.settings, caller(request.scope)
        options = given.options()
        started = await start(
            store, settings.net, given.target, options, fresh=given.fresh, by=by, quotas=settings.quotas
        )
        more = {"resumed": started.resumed, "ignored_options": list(started.ignored)}
        return answer(run_body(started.run) | more, 202, {"Location": f"{PREFIX}/{started.run.id}"})

    async def get_run(self, run_id: str, request: Request) -> Response:
        """A run, the totals of its ledger, its pace, and the hosts that hold it up."""
        run = await runs.get(self._app.store, run_id)
        return tagged(request, run_body(run) | {"progress": asdict(await progress(self._app.store, run))})

    async def cancel_run(self, run_id: str, request: Request) -> Response:
        """End a run for good: what is not fetched is skipped, what is fetched is still processed."""
        return answer(run_body(await runs.cancel(self._app.store, run_id, caller(request.scope))))

    async def get_run_ledger(
        self,
        run_id: str,
        request: Request,
        outcome: OneOutcome = None,
        cursor: Cursor = None,
        after: After = None,
        limit: Limit = 100,
    ) -> Response:
        """What became of each URL of a run, by URL. Follow `next` until it is null."""
        if outcome is not None and outcome not in _OUTCOMES:
            raise Invalid(f"outcome is {outcome!r}; use one of {', '.join(_OUTCOMES)}", reason="outcome")
        store, key = self._app.store, position(request, cursor, str)
        behind = str(key[0]) if key else after
        found = [line async for line in ledger.entries(store, run_id, outcome, after=behind, limit=limit + 1)]
        if not found:
            await runs.get(store, run_id)
        return page(request, found, limit, key=lambda line: (line.url,), body=lambda line: line)
