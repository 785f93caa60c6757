"""`tidemill audit`: who did what, and whether anybody has changed what was written down about it."""

from __future__ import annotations

import re
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from tidemill.cli.moments import moment_given
from tidemill.cli.output import counted, json_bytes, stdout, table, write_json
from tidemill.cli.session import FAILED, AsJson, DataDir, note, opened, run, settings_of

if TYPE_CHECKING:
    from tidemill.models.audit import AuditLine
    from tidemill.settings import Settings
    from tidemill.store.audit import Verdict, Wanted

app = typer.Typer(help="List, verify and export the audit log.", no_args_is_help=True)
Actor = Annotated[str | None, typer.Option(help="Only of this one: user:ada@example.org, key:1f0c2a7be431, cli:root.")]
Action = Annotated[str | None, typer.Option(help="Only this: key.create, or all of a kind: key.")]
Target = Annotated[str | None, typer.Option(help="Only about this: a source's name, a run, a key's prefix.")]
Since = Annotated[str | None, typer.Option("--since", help="Only since then: 2026-11-01, 7d, 12h.")]
Filters: TypeAlias = tuple[str | None, str | None, str | None, str | None]
_HEAD = re.compile(r"(\d{1,18}):([0-9a-f]{64})")


@app.command("list")
def list_(
    context: typer.Context,
    actor: Actor = None,
    action: Action = None,
    target: Target = None,
    since: Since = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="The most lines.")] = 50,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List the newest lines of the audit log.

    Example: `tidemill audit list --action key. --since 30d`
    """
    found = run(_listed(settings_of(context, data_dir), (actor, action, target, since), limit))
    if as_json:
        write_json([asdict(line) for line in found])
    else:
        rows = [(f"{e.at:%Y-%m-%d %H:%M:%S}", e.actor, e.action, e.target, e.address, _said(e)) for e in found]
        table(("at (UTC)", "who", "action", "object", "from", ""), rows)


@app.command()
def verify(
    context: typer.Context,
    head: Annotated[
        str | None, typer.Option(metavar="ID:HASH", help="A head told earlier, which must still be in the chain.")
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Follow the chain of hashes from the first line. The exit status is 1 if anything was changed or taken out.

    Example: `tidemill audit verify`
    """
    known = _head(head)
    verdict = run(_verified(settings_of(context, data_dir), known))
    if as_json:
        write_json(asdict(verdict))
    else:
        stdout.print(f"{counted(verdict.lines, 'line')} hold, head {verdict.head_id}:{verdict.head_hash}")
        if verdict.fault:
            note(f"error: {verdict.fault}")
    if verdict.fault:
        raise typer.Exit(FAILED)


@app.command()
def export(
    context: typer.Context,
    actor: Actor = None,
    action: Action = None,
    target: Target = None,
    since: Since = None,
    data_dir: DataDir = None,
) -> None:
    """Write the audit log to standard output, a line of JSON for each of its lines, the oldest first.

    Example: `tidemill audit export > audit.jsonl`
    """
    run(_export(settings_of(context, data_dir), (actor, action, target, since)))


def _head(text: str | None) -> tuple[int, str] | None:
    if text is None:
        return None
    found = _HEAD.fullmatch(text.strip())
    if found is None:
        raise typer.BadParameter(f"{text!r} is not ID:HASH, as `tidemill audit verify` prints it", param_hint="--head")
    return int(found[1]), found[2]


def _said(line: AuditLine) -> str:
    return " ".join(f"{name}={value}" for name, value in line.detail.items())


def _wanted(given: Filters) -> Wanted:
    from tidemill.store.audit import Wanted

    actor, action, target, since = given
    return Wanted(actor, action, target, moment_given(since))


async def _listed(settings: Settings, given: Filters, limit: int) -> list[AuditLine]:
    from tidemill.store import audit

    async with opened(settings) as app_:
        return await audit.listed(app_.store, _wanted(given), limit=limit)


async def _verified(settings: Settings, head: tuple[int, str] | None) -> Verdict:
    from tidemill.store import audit

    async with opened(settings) as app_:
        return await audit.verify(app_.store, head=head)


async def _export(settings: Settings, given: Filters) -> None:
    from tidemill.store import audit

    async with opened(settings) as app_:
        async for line in audit.lines(app_.store, _wanted(given)):
            sys.stdout.buffer.write(json_bytes(asdict(line)))
        sys.stdout.buffer.flush()
