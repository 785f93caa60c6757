"""`tidemill crawl`: a site or source, until everything crawled is processed and searchable."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.live import Live
from rich.text import Text

from tidemill.cli.output import counted, outcome_table, stdout, write_json
from tidemill.cli.runs import held, span
from tidemill.cli.session import (
    FAILED,
    INTERRUPTED,
    AsJson,
    DataDir,
    fail,
    interrupts,
    note,
    opened,
    person,
    run,
    settings_of,
    stderr,
)
from tidemill.errors import TidemillError
from tidemill.models.progress import Progress
from tidemill.models.run import FINISHED_RUNS, Run, RunOptions, RunState

if TYPE_CHECKING:
    from tidemill.app import App
    from tidemill.manage.runs import Start
    from tidemill.settings import Settings

_REFRESH_S = 0.5
_REST_OF_LOOKS = 20  # a look counts the whole ledger: it may take a twentieth of the time
_PACE_OVER_S = 10.0
_HOSTS_SHOWN = 5


def crawl(
    context: typer.Context,
    target: Annotated[str, typer.Argument(help="A URL, or the name of a source.")],
    max_pages: Annotated[int | None, typer.Option(min=1, help="The most pages of this run.")] = None,
    max_depth: Annotated[int | None, typer.Option(min=0, help="The most links away from the start.")] = None,
    concurrency: Annotated[int | None, typer.Option(min=1, max=1000, help="Requests in flight.")] = None,
    rate: Annotated[
        float | None, typer.Option(min=0, metavar="PER_S", help="Requests a second to each host; 0: no limit.")
    ] = None,
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="Allow loopback and private addresses.")
    ] = False,
    crawl_only: Annotated[bool, typer.Option("--crawl-only", help="Archive now, `tidemill process` later.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Ask for every page whole, whatever is known of it.")] = False,
    due: Annotated[bool, typer.Option("--due", help="Visit only the known pages that are due.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin a new run even if one was interrupted.")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Crawl a URL or a source until everything crawled is processed and searchable.

    A URL stays on its host and below its folder. An interrupted run is taken up where it stopped.

    Example: `tidemill crawl https://example.com/docs/ --max-pages 500`
    """
    options = RunOptions(
        max_pages=max_pages,
        max_depth=max_depth,
        concurrency=concurrency,
        rate_per_s=rate,
        allow_private=True if allow_private else None,
        crawl_only=crawl_only,
        full=full,
        due_only=due,
    )
    settings = settings_of(context, data_dir)
    started = time.monotonic()
    done, error = run(_crawl(settings, target, options, fresh=fresh))
    duration_s = time.monotonic() - started
    state = _status(done, error)
    if error is not None:
        fail(error)
    if as_json:
        write_json(_answer(done, state, duration_s))
    else:
        _show(done, state, duration_s)
    if state != "completed":
        raise typer.Exit(INTERRUPTED if state == "interrupted" else FAILED)


async def _crawl(
    settings: Settings, target: str, options: RunOptions, *, fresh: bool
) -> tuple[Run, TidemillError | None]:
    """The run as it was left, and what made going on impossible, if something did."""
    from tidemill.manage.runs import advice, start
    from tidemill.roles.jobs import run_to_end
    from tidemill.store import runs

    async with opened(settings) as app:
        begun = await start(app.store, settings.net, target, options, fresh=fresh, by=person())
        _say_what_begins(begun)
        signals = interrupts()
        watching = asyncio.create_task(_watch(app, begun.run.id))
        try:
            crawl_only = options.crawl_only
            done = await run_to_end(app, begun.run.id, signals.stop, crawl_only=crawl_only, own_signals=signals.install)
        except TidemillError as error:
            return await runs.get(app.store, begun.run.id), error
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        for sentence in await advice(app.store, done):
            note(sentence)
        return done, None


def _say_what_begins(begun: Start) -> None:
    if not begun.resumed:
        return
    note(f"taking up run {begun.run.id} of {begun.source.name} where it stopped, with the options it began with")
    if begun.ignored:
        note(f"  not applied: {', '.join(begun.ignored)} (they need a new run: --fresh)")


async def _watch(app: App, run_id: str) -> None:
    """A line of progress on a terminal; nothing elsewhere."""
    from tidemill.store import runs
    from tidemill.store.progress import progress

    if not stderr.is_terminal:
        return
    pace: deque[tuple[float, int]] = deque(maxlen=int(_PACE_OVER_S / _REFRESH_S))
    with Live(console=stderr, refresh_per_second=4, transient=True) as live:
        while True:
            begun = time.monotonic()
            run = await runs.get(app.store, run_id)
            far = await progress(app.store, run)
            pace.append((time.monotonic(), far.done))
            live.update(_lines(run, far, _pages_per_s(pace), is_held_back=app.pressure.is_holding))
            await asyncio.sleep(max(_REFRESH_S, _REST_OF_LOOKS * (time.monotonic() - begun)))


def _pages_per_s(pace: Sequence[tuple[float, int]]) -> float:
    (begin, before), (end, now) = pace[0], pace[-1]
    return (now - before) / (end - begin) if end > begin else 0.0


def _lines(run: Run, far: Progress, pages_per_s: float, *, is_held_back: bool = False) -> Text:
    """The pace, the counts and, a line each, what holds the run up: processors that are behind, and hosts."""
    left = f"  about {span(far.open / pages_per_s)} left" if pages_per_s and far.open else ""
    parts = [f"{count} {name}" for name, count in run.outcomes.items()]
    lines = [f"{run.source}  {far.done}/{run.discovered}  {pages_per_s:.1f} pages/s{left}  " + "  ".join(parts)]
    lines += ["  waiting for the processors (queue.high_water)"] if is_held_back else []
    lines += [f"  {held(host)}" for host in far.hosts[:_HOSTS_SHOWN]]
    return Text("\n".join(lines), overflow="ellipsis", no_wrap=True)


def _status(run: Run, error: TidemillError | None) -> str:
    """A run's state as this command tells it: a run that was only to be crawled is completed when it is."""
    if error is not None:
        return "failed"
    if run.state is RunState.CRAWLED and run.options.crawl_only:
        return RunState.COMPLETED.value
    return RunState.INTERRUPTED.value if run.state not in FINISHED_RUNS else run.state.value


def _answer(run: Run, state: str, duration_s: float) -> dict[str, Any]:
    return {
        "run_id": run.id,
        "source": run.source,
        "status": state,
        "duration_s": round(duration_s, 3),
        "discovered": run.discovered,
        "fetched": run.fetched,
        "outcomes": dict(run.outcomes),
        "documents": run.documents,
        "bytes": run.received_bytes,
        "saved_requests": run.saved_requests,
        "saved_bytes": run.saved_bytes,
    }


def _show(run: Run, state: str, duration_s: float) -> None:
    outcome_table(run.outcomes)
    stdout.print(
        f"\nrun {run.id} of {run.source} {state} in {duration_s:.1f} s:"
        f" {counted(run.fetched, 'request')} answered, {run.received_bytes / 1e6:.1f} MB,"
        f" {counted(run.documents, 'document')}"
        + (f", {run.out_of_scope} links led out of the source" if run.out_of_scope else "")
    )
    if run.saved_bytes or run.saved_requests:
        stdout.print(
            f"saved: {counted(run.saved_requests, 'request')} not sent, {run.saved_bytes / 1e6:.1f} MB not received"
        )
