"""`tidemill import` and `tidemill reindex`: documents from a file, and the search index built anew."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from tidemill.cli.output import counted, outcome_table, stdout, write_json
from tidemill.cli.session import (
    FAILED,
    INTERRUPTED,
    AsJson,
    DataDir,
    interrupts,
    note,
    opened,
    run,
    settings_of,
)
from tidemill.errors import Invalid

if TYPE_CHECKING:
    from tidemill.manage.importing import Tally
    from tidemill.models.run import Run
    from tidemill.settings import Settings


def import_documents(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            help="A file of JSON lines, each with url, title, content; - is standard input.",
        ),
    ],
    source: Annotated[str, typer.Option(help="The source that the documents belong to.")] = "imported",
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Import documents; returns when they are searchable.

    Each line is a JSON object with a `url` and a `title` or `content`. `author`, `published_at`, `language`, `tags`,
    `kind`, `summary` and any other value may be given too. Importing a line again changes nothing.

    Example: `tidemill import articles.jsonl --source articles`
    """
    settings = settings_of(context, data_dir)
    begun = time.monotonic()
    done, tally, stopped = run(_import(settings, file, source))
    duration_s = time.monotonic() - begun
    if as_json:
        write_json(_answer(done, tally, duration_s))
    else:
        _show(done, tally, duration_s)
    for problem in tally.problems:
        note(problem)
    if stopped or tally.refused:
        raise typer.Exit(INTERRUPTED if stopped else FAILED)


def reindex(context: typer.Context, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Build the search index anew, beside the one that goes on answering, and then put it in its place.

    If another process writes the index, that one does it, and this command waits.

    Example: `tidemill reindex`
    """
    settings = settings_of(context, data_dir)
    begun = time.monotonic()
    total = run(_reindex(settings))
    duration_s = time.monotonic() - begun
    if as_json:
        write_json({"documents": total, "duration_s": round(duration_s, 3)})
    else:
        note(f"{counted(total, 'document')} indexed in {duration_s:.1f} s")


async def _import(settings: Settings, file: Path, source: str) -> tuple[Run, Tally, bool]:
    from tidemill.manage.importing import Tally
    from tidemill.roles.jobs import import_lines

    tally = Tally()
    async with opened(settings) as app:
        stop = interrupts().stop
        lines = await asyncio.to_thread(_opened_file, file)
        try:
            done = await import_lines(app, source, lines, tally, stop)
        finally:
            lines.close()
        return done, tally, stop.is_set()


def _opened_file(file: Path) -> BinaryIO:
    if str(file) == "-":
        return sys.stdin.buffer
    try:
        return file.open("rb")
    except OSError as error:
        raise Invalid(f"{file} cannot be read: {error.strerror or error}", reason="unreadable_file") from error


async def _reindex(settings: Settings) -> int:
    from tidemill.store.totals import document_states

    async with opened(settings) as app:
        await app.indexer.rebuild()
        return (await document_states(app.store)).get("current", 0)


def _answer(done: Run, tally: Tally, duration_s: float) -> dict[str, object]:
    return {
        "run_id": done.id,
        "source": done.source,
        "status": done.state.value,
        "lines": tally.lines,
        "refused": tally.refused,
        "outcomes": dict(done.outcomes),
        "documents": done.documents,
        "duration_s": round(duration_s, 3),
        "problems": tally.problems,
    }


def _show(done: Run, tally: Tally, duration_s: float) -> None:
    outcome_table(done.outcomes)
    refused = f", {tally.refused} of them no documents" if tally.refused else ""
    stdout.print(
        f"\n{counted(tally.lines, 'line')} read in {duration_s:.1f} s{refused};"
        f" {done.source} has {counted(done.documents, 'document')}, all searchable"
    )
