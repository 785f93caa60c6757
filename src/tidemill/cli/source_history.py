"""`tidemill sources diff | history | owner | delete`: what would change, what has, whose it is, and its end.

Called by `cli.sources`, which these commands are added to.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from tidemill.cli.output import counted, stdout, write_json
from tidemill.cli.session import FAILED, USAGE, AsJson, DataDir, note, opened, person, run, settings_of
from tidemill.cli.source_options import Files, Name, Version
from tidemill.errors import Transient

if TYPE_CHECKING:
    from pathlib import Path

    from tidemill.manage.sources import Change, Deleted, HistoryEntry
    from tidemill.settings import Settings

_INDEX_WAIT_S = 10.0


def diff(context: typer.Context, files: Files, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Show what applying source files would change. The exit status is 1 if it would change something.

    Example: `tidemill sources diff examples/sources/sample-site.yaml`
    """
    found = run(_compared(settings_of(context, data_dir), files))
    if as_json:
        write_json([{"name": each.name, "state": each.state, "diff": each.diff} for each in found])
    else:
        for each in found:
            _show_change(each)
    if any(each.state != "unchanged" for each in found):
        raise typer.Exit(FAILED)


def history(
    context: typer.Context, name: Name, number: Version = None, as_json: AsJson = False, data_dir: DataDir = None
) -> None:
    """Show the versions of a source and what each changed, newest first.

    Example: `tidemill sources history sample-site`
    """
    found = run(_history(settings_of(context, data_dir), name, number))
    if as_json:
        write_json([{"version": e.version, "created_at": e.created_at, "diff": e.diff} for e in found])
        return
    for entry in found:
        stdout.print(f"version {entry.version} · {entry.created_at:%Y-%m-%d %H:%M:%S} UTC", markup=False)
        stdout.print(entry.diff or "as the version before", markup=False)


def delete(
    context: typer.Context,
    name: Name,
    purge: Annotated[bool, typer.Option("--purge", help="Keep nothing of it: this cannot be taken back.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Delete a source: its runs end, its documents are removed. Applying it again brings the source back.

    Example: `tidemill sources delete sample-site --yes`
    """
    settings = settings_of(context, data_dir)
    if not yes:
        _confirm(name, purge)
    done = run(_delete(settings, name, purge))
    told = {"name": name, "runs_cancelled": done.runs_cancelled, "documents_removed": done.documents_removed}
    if as_json:
        write_json({**told, "purged": purge})
    else:
        removed = f"{counted(done.documents_removed, 'document')} removed"
        note(f"{name}: {'purged' if purge else 'deleted'}, {removed}, {counted(done.runs_cancelled, 'run')} cancelled")


def owner(
    context: typer.Context,
    name: Name,
    user: Annotated[str | None, typer.Option(help="The user whose it is to be: an e-mail address.")] = None,
    team: Annotated[str | None, typer.Option(help="The team whose it is to be.")] = None,
    nobody: Annotated[bool, typer.Option("--nobody", help="Every operator may edit it.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Give a source to a user, a team or both: only they and admins may change and crawl it then.

    Example: `tidemill sources owner sample-site --team editors`
    """
    if nobody == bool(user or team):
        raise typer.BadParameter("name --user, --team or both, or else --nobody")
    run(_hand_over(settings_of(context, data_dir), name, user, team))
    note(f"{name}: {' and '.join(each for each in (user, team) if each) or 'nobody in particular'}")


def _confirm(name: str, purge: bool) -> None:
    """Ask on a terminal; elsewhere nobody could answer, and what cannot be taken back must have been meant."""
    if sys.stdin.isatty() and sys.stderr.isatty():
        question = f"Purge {name} and all that is stored of it, for good?" if purge else f"Delete {name}?"
        note(f"{question} [y/N]")  # not typer.confirm: it writes to stdout, which is for the answer
        if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
            note("nothing was deleted")
            raise typer.Exit(FAILED)
    elif purge:
        note("error: --purge cannot be taken back; add --yes")
        raise typer.Exit(USAGE)


def _show_change(change: Change) -> None:
    told = {"unchanged": "as it was", "revived": "was deleted, would come back"}.get(change.state, change.state)
    note(f"{change.name}: {told}")
    if change.diff:
        stdout.print(change.diff, markup=False)


async def _compared(settings: Settings, files: list[Path]) -> list[Change]:
    from tidemill.manage.sources import compare_files, read_files

    read_files(files)  # before a data folder is made for nothing
    async with opened(settings) as app_:
        return await compare_files(app_.store, files)


async def _history(settings: Settings, name: str, number: int | None) -> list[HistoryEntry]:
    from tidemill.manage import sources

    async with opened(settings) as app_:
        if number is not None:
            await sources.version(app_.store, name, number)
        found = await sources.history(app_.store, name)
        return [entry for entry in found if number in (None, entry.version)]


async def _hand_over(settings: Settings, name: str, user: str | None, team: str | None) -> None:
    from tidemill.store.ownership import hand_over

    async with opened(settings) as app_:
        await hand_over(app_.store, name, person(), user=user, team=team)


async def _delete(settings: Settings, name: str, purge: bool) -> Deleted:
    from tidemill.manage.sources import delete
    from tidemill.store import events

    async with opened(settings) as app_:
        done = await delete(app_.store, name, person(), purged=purge)
        try:
            async with asyncio.timeout(_INDEX_WAIT_S):
                await app_.indexer.catch_up(await events.head(app_.store))
        except (TimeoutError, Transient) as error:
            note(f"the documents are removed; searches show them until the index is written again ({error})")
        return done
