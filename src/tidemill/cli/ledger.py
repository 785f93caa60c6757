"""`tidemill ledger`: what became of every URL of a run."""

from __future__ import annotations

import csv
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from tidemill.cli.output import counted, stdout
from tidemill.cli.session import AsJson, DataDir, note, opened, run, settings_of
from tidemill.models.outcome import Outcome, VisitState
from tidemill.models.visit import LedgerEntry

if TYPE_CHECKING:
    from tidemill.settings import Settings

_COLUMNS = ("url", "outcome", "reason", "status_code", "depth", "capture_id", "document_ids")
_STATES = [*(outcome.value for outcome in Outcome), *(state.value for state in VisitState if state != "done")]


def ledger(
    context: typer.Context,
    run_id: Annotated[str | None, typer.Argument(metavar="[RUN]", help="A run; the latest if none is named.")] = None,
    outcome: Annotated[str | None, typer.Option(help=f"One of {', '.join(_STATES)}.")] = None,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV on stdout.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Show every URL of a run with its outcome and the reason.

    Example: `tidemill ledger --outcome failed`
    """
    if outcome is not None and outcome not in _STATES:
        raise typer.BadParameter(f"{outcome!r} is no outcome; use one of {', '.join(_STATES)}", param_hint="--outcome")
    if as_json and as_csv:
        raise typer.BadParameter("--json and --csv exclude each other", param_hint="--csv")
    write = _write_json if as_json else _write_csv if as_csv else _write_lines
    run(_ledger(settings_of(context, data_dir), run_id, outcome, write))


async def _ledger(settings: Settings, run_id: str | None, outcome: str | None, write: object) -> None:
    from tidemill.manage.runs import latest
    from tidemill.store import ledger as store_ledger
    from tidemill.store import runs

    async with opened(settings) as app:
        if run_id is None:
            found = await latest(app.store)
        else:
            found = await runs.get(app.store, run_id)
        if found.compacted_at is not None:
            note(
                f"the ledger of run {found.id} was let go (retention.visits_days); `tidemill runs show` has its totals"
            )
        entries = store_ledger.entries(app.store, found.id, outcome)
        async with _closing(entries) as stream:
            await write(stream)  # type: ignore[operator]


@asynccontextmanager
async def _closing(entries: AsyncIterator[LedgerEntry]) -> AsyncIterator[AsyncIterator[LedgerEntry]]:
    try:
        yield entries
    finally:
        await entries.aclose()  # type: ignore[attr-defined]


async def _write_json(entries: AsyncIterator[LedgerEntry]) -> None:
    out = sys.stdout.buffer
    before = b"[\n"
    async for entry in entries:
        out.write(before + orjson.dumps(asdict(entry)))
        before = b",\n"
    out.write(b"[]\n" if before == b"[\n" else b"\n]\n")
    out.flush()


async def _write_csv(entries: AsyncIterator[LedgerEntry]) -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow(_COLUMNS)
    async for entry in entries:
        row = asdict(entry)
        writer.writerow([_safe(row[column]) for column in _COLUMNS])
    sys.stdout.flush()


async def _write_lines(entries: AsyncIterator[LedgerEntry]) -> None:
    count = 0
    async for entry in entries:
        why = f" ({entry.reason})" if entry.reason else ""
        status = entry.status_code or "-"
        stdout.print(f"{entry.outcome + why:<34} {status:>4}  {entry.url}", markup=False)
        count += 1
    note(counted(count, "URL"))


def _safe(value: object) -> object:
    """A cell that no spreadsheet takes for a formula."""
    if isinstance(value, tuple):
        value = " ".join(value)
    return f"'{value}" if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"} else value
