"""`tidemill runs`: crawls, past and present."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidemill.cli.output import counted, outcome_table, stdout, table, write_json
from tidemill.cli.session import AsJson, DataDir, note, opened, person, run, settings_of
from tidemill.models.progress import HeldHost, Progress
from tidemill.models.run import FINISHED_RUNS, Run

if TYPE_CHECKING:
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
    """Show one run with its totals, what it saved, and how far it is.

    Example: `tidemill runs show`
    """
    found, far = run(_one(settings_of(context, data_dir), run_id))
    if as_json:
        write_json(record(found) | {"progress": far})
        return
    stdout.print(f"run {found.id} of {found.source}: {found.state.value}, {found.duration_s:.1f} s")
    if found.error:
        stdout.print(found.error, markup=False)
    outcome_table(found.outcomes)
    stdout.print(
        f"\n{counted(found.fetched, 'request')} answered, {found.received_bytes / 1e6:.1f} MB;"
        f" saved: {counted(found.saved_requests, 'request')} not sent, {found.saved_bytes / 1e6:.1f} MB not received"
    )
    if found.state not in FINISHED_RUNS:
        _show_progress(far)


def _show_progress(far: Progress) -> None:
    left = "" if far.left_s is None else f", about {span(far.left_s)} left"
    stdout.print(f"{far.open} open, {far.pages_per_s:.1f} pages/s{left}")
    for host in far.hosts:
        stdout.print(f"  {held(host)}", markup=False)


def held(host: HeldHost) -> str:
    """What holds up the URLs of a host, in a line."""
    if host.breaker == "closed":
        return f"{host.origin}: slowed down to {host.rate_per_s:.2g} requests/s, {host.waiting} waiting"
    until = f" until {host.until:%H:%M:%S} UTC" if host.until else ""
    return f"{host.origin}: left alone{until}, {host.waiting} waiting"


def span(seconds: float) -> str:
    """A time in the two units that matter."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


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
        await workers.reclaim(app_.store, settings.lease_s)
        return await runs.listed(app_.store, limit)


async def _one(settings: Settings, run_id: str | None) -> tuple[Run, Progress]:
    from tidemill.manage.runs import latest
    from tidemill.store import runs, workers
    from tidemill.store.progress import progress

    async with opened(settings) as app_:
        await workers.reclaim(app_.store, settings.lease_s)
        found = await (runs.get(app_.store, run_id) if run_id else latest(app_.store))
        return found, await progress(app_.store, found)


async def _cancel(settings: Settings, run_id: str) -> Run:
    from tidemill.store import runs

    async with opened(settings) as app_:
        return await runs.cancel(app_.store, run_id, person())


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
        "compacted_at": found.compacted_at,
    }
