"""`tidemill reprocess`: run the process stage again over the archive, or see first what that would change."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.live import Live
from rich.text import Text

from tidemill.cli.moments import moment_given
from tidemill.cli.output import counted, stdout, table, write_json
from tidemill.cli.session import (
    FAILED,
    INTERRUPTED,
    AsJson,
    DataDir,
    interrupts,
    note,
    opened,
    person,
    run,
    settings_of,
    stderr,
)
from tidemill.errors import Transient

if TYPE_CHECKING:
    from tidemill.app import App
    from tidemill.manage.reprocess import Done, Request
    from tidemill.settings import Settings

_INDEX_WAIT_S = 60.0
_LISTED = 10
_ORDER = ("changed", "new", "removed", "valid", "invalid", "kept", "unchanged")
_MEANINGS = {
    "valid": "were invalid, and are valid",
    "invalid": "are invalid by the present rules",
    "kept": "are invalid as their pages show them now, and stay as they were before",
}


def reprocess(
    context: typer.Context,
    source: Annotated[str | None, typer.Option(help="Only this source.")] = None,
    since: Annotated[str | None, typer.Option(help="Only pages last fetched since: 2026-11-01, 7d, 12h.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change; store nothing.")] = False,
    restart: Annotated[bool, typer.Option("--restart", help="Begin anew, not where it stopped.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Process every page again from the archive, by the present rules, without any request to a site.

    Interrupted, the same command goes on where it stopped.

    Example: `tidemill reprocess --source sample-site --dry-run`
    """
    from tidemill.manage.reprocess import Request

    asked = Request(source, moment_given(since), since)
    settings = settings_of(context, data_dir)
    if not dry_run and not yes:
        _confirm()
    done = run(_reprocess(settings, asked, dry_run=dry_run, restart=restart))
    if as_json:
        write_json(_record(done, dry_run))
    else:
        _show(done, dry_run)
    if not done.finished:
        note("interrupted" + ("" if dry_run else "; the same command goes on where it stopped"))
        raise typer.Exit(INTERRUPTED)


def _confirm() -> None:
    """Ask on a terminal; a script means what it says."""
    if sys.stdin.isatty() and sys.stderr.isatty():
        note("Process these pages again and store what comes out? --dry-run shows it first. [y/N]")
        if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
            note("nothing was changed")
            raise typer.Exit(FAILED)


async def _reprocess(settings: Settings, asked: Request, *, dry_run: bool, restart: bool) -> Done:
    from tidemill.manage.reprocess import Tools, preview
    from tidemill.manage.reprocess import reprocess as again
    from tidemill.store import events

    async with opened(settings) as app:
        tools = Tools(app.store, app.archive, settings.process, settings.lease_s)
        stop = interrupts().stop
        with _Line() as line:
            if dry_run:
                return await preview(tools, asked, stop, line.tell)
            await _note(app, asked)
            done = await again(tools, asked, stop, line.tell, restart=restart)
        try:
            async with asyncio.timeout(_INDEX_WAIT_S):
                await app.indexer.catch_up(await events.head(app.store))
        except (TimeoutError, Transient):
            note("the documents are stored; searches show them once the process that writes the index has come so far")
        return done


async def _note(app: App, asked: Request) -> None:
    """Have it written down before it begins: it is many transactions. Raises `NotFound` for an unknown source."""
    from tidemill.models.audit import Note
    from tidemill.store import audit, sources

    if asked.source is not None:
        await sources.get(app.store, asked.source)
    await audit.record(app.store, [(person(), Note("documents.reprocess", asked.source, {"since": asked.since_given}))])


class _Line:
    """A line of progress on a terminal; nothing elsewhere."""

    def __init__(self) -> None:
        self._live = Live(console=stderr, refresh_per_second=4, transient=True) if stderr.is_terminal else None
        self._begun: tuple[float, int] | None = None

    def __enter__(self) -> _Line:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def tell(self, done: int, total: int) -> None:
        """So many pages are done of so many."""
        now = time.monotonic()
        self._begun = self._begun or (now, done)
        if self._live is None:
            return
        passed, pages = now - self._begun[0], done - self._begun[1]
        pace = pages / passed if passed and pages else 0.0
        left = f"  about {(total - done) / pace:.0f} s left" if pace else ""
        self._live.update(Text(f"{done}/{total} pages  {pace:.1f} pages/s{left}", overflow="ellipsis", no_wrap=True))


def _record(done: Done, dry_run: bool) -> dict[str, Any]:
    """The answer of `--json`."""
    summary = done.summary.as_json()
    effects = {name: summary["effects"].get(name, 0) for name in _ORDER}
    state = {"dry_run": dry_run, "finished": done.finished, "resumed": done.resumed, "total_pages": done.total}
    return {**state, **summary, "effects": effects}


def _show(done: Done, dry_run: bool) -> None:
    summary = done.summary
    if not summary.pages:
        note("there is no page to process again: none of that source has been stored, or none was fetched since")
        return
    said = "would become of" if dry_run else "became of"
    begun = ", those done before included" if done.resumed else ""
    stdout.print(f"what {said} the documents of {counted(summary.pages, 'page')}{begun}:\n")
    table(
        ("", "documents", ""),
        [(name, summary.effects[name], _MEANINGS.get(name, "")) for name in _ORDER if name in summary.effects],
    )
    for name in _ORDER:
        for each in summary.samples.get(name, ()) if name not in ("changed", "unchanged") else ():
            why = f" ({', '.join(each['problems'])})" if each["problems"] else ""
            stdout.print(f"  {name}: {each['title'] or '(no title)'} {each['url']}{why}", markup=False)
    if summary.fields:
        _show_fields(done)
    _show_failures(done)
    if dry_run:
        note("nothing was stored; whether a text is another's duplicate is decided only when it is stored")


def _show_fields(done: Done) -> None:
    summary = done.summary
    for name, count in sorted(summary.fields.items(), key=lambda item: -item[1]):
        stdout.print(f"\n{name}: {counted(count, 'document')}", markup=False, style="bold")
        for each in summary.examples.get(name, ()):
            stdout.print(f"  {each['url']}", markup=False)
            stdout.print(f"  - {each['old']}", markup=False, style="red")
            stdout.print(f"  + {each['new']}", markup=False, style="green")


def _show_failures(done: Done) -> None:
    summary = done.summary
    for count, listed, said in (
        (summary.failed, summary.failures, "failed; their documents are as they were"),
        (
            summary.bodies_lost,
            summary.lost,
            "not in the archive any more, or damaged there; their documents are as they were",
        ),
    ):
        if count:
            stdout.print(f"\n{counted(count, 'page')} {said}:", style="bold")
            for each in listed[:_LISTED]:
                why = f": {each['message']}" if "message" in each else ""
                stdout.print(f"  {each['url']} ({each['reason']}{why})", markup=False)
            if count > _LISTED:
                stdout.print(f"  and {count - _LISTED} more; --json lists them")
