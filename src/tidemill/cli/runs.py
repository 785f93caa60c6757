"""`tidemill runs`: crawls, past and present."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tidemill.cli.output import outcome_table, stdout, table, write_json
from tidemill.cli.session import AsJson, DataDir, note, opened, run, settings_of
from tidemill.models.run import Run
from tidemill.settings import Settings

app = typer.Typer(help="List, show and cancel runs.", no_args_is_help=True)
RunId = Annotated[str, typer.Argument(metavar="RUN", help="A run's identifier.")]


@app.command("list")
def list_(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The most runs.")] = 20,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List the newest runs.

    Example: `tidemill runs list --limit 5`
    """
    found = run(_listed(settings_of(context, data_dir), limit))
    if as_json:
        write_json([record(each) for each in found])
    else:
        rows = [(r.id, r.source, r.state.value, r.discovered, r.fetched, r.duration_s) for r in found]
        table(("run", "source", "state", "pages", "requests", "seconds"), rows)


@app.command()
def show(
    context: typer.Context,
    run_id: Annotated[str | None, typer.Argument(metavar="[RUN]", help="The latest if none is named.")] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show one run with its totals.

    Example: `tidemill runs show`
    """
    found = run(_one(settings_of(context, data_dir), run_id))
    if as_json:
        write_json(record(found))
        return
    stdout.print(f"run {found.id} of {found.source}: {found.state.value}, {found.duration_s:.1f} s")
    if found.error:
        stdout.print(found.error, markup=False)
    outcome_table(found.outcomes)


@app.command()
def cancel(context: typer.Context, run_id: RunId, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """End a run for good; what is not fetched yet is skipped.

    Example: `tidemill runs cancel 01a20656-2791-737b-b672-5185cb89afb8`
    """
    found = run(_cancel(settings_of(context, data_dir), run_id))
    if as_json:
        write_json(record(found))
    else:
        note(f"run {found.id} is {found.state.value}")


async def _listed(settings: Settings, limit: int) -> list[Run]:
    from tidemill.store import runs, workers

    async with opened(settings) as app_:
        await workers.reclaim(app_.store, settings.crawl.lease_s)
        return await runs.listed(app_.store, limit)


async def _one(settings: Settings, run_id: str | None) -> Run:
    from tidemill.manage.runs import latest
    from tidemill.store import runs, workers

    async with opened(settings) as app_:
        await workers.reclaim(app_.store, settings.crawl.lease_s)
        return await (runs.get(app_.store, run_id) if run_id else latest(app_.store))


async def _cancel(settings: Settings, run_id: str) -> Run:
    from tidemill.store import runs

    async with opened(settings) as app_:
        return await runs.cancel(app_.store, run_id)


def record(found: Run) -> dict[str, Any]:
    """A run as JSON gives it."""
    return {
        "run_id": found.id,
        "source": found.source,
        "state": found.state.value,
        "options": found.options,
        "created_at": found.created_at,
        "started_at": found.started_at,
        "finished_at": found.finished_at,
        "duration_s": round(found.duration_s, 3),
        "discovered": found.discovered,
        "fetched": found.fetched,
        "outcomes": dict(found.outcomes),
        "documents": found.documents,
        "bytes": found.received_bytes,
        "out_of_scope": found.out_of_scope,
        "saved_requests": found.saved_requests,
        "saved_bytes": found.saved_bytes,
        "error": found.error,
    }
