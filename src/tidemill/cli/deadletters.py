"""`tidemill deadletters`: what could not be processed, by its cause, and what is to become of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidemill.cli.deadletters_shown import show_groups, show_letter, show_letters, show_tried, tell_moved
from tidemill.cli.moments import moment_given
from tidemill.cli.output import write_json
from tidemill.cli.session import INTERRUPTED, AsJson, DataDir, interrupts, note, opened, person, run, settings_of
from tidemill.errors import Permanent

if TYPE_CHECKING:
    from tidemill.app import App
    from tidemill.manage.deadletters import Tried
    from tidemill.settings import Settings
    from tidemill.store.deadletters import DeadLetter, Group, Moved

app = typer.Typer(help="List, show, replay and discard what could not be processed.", no_args_is_help=True)
Source = Annotated[str | None, typer.Option("--source", help="Only of this source.")]
Reason = Annotated[str | None, typer.Option("--reason", help="Only with this reason: error, timeout, worker_died …")]
Since = Annotated[str | None, typer.Option("--since", help="Only those that died since: 2026-11-01, 7d, 12h.")]
Grouped = Annotated[str | None, typer.Option("--group", help="Only of this group, as `list` names it.")]
LetterId = Annotated[str, typer.Argument(metavar="ID", help="An identifier, or its first digits.")]
LetterIds = Annotated[list[str] | None, typer.Argument(metavar="[ID…]", help="Identifiers, or their first digits.")]
_UNSETTLED = "open, replayed"


@app.command("list")
def list_(
    context: typer.Context,
    source: Source = None,
    reason: Reason = None,
    since: Since = None,
    group: Grouped = None,
    state: Annotated[str, typer.Option(help="open, replayed, discarded, resolved; several by commas.")] = _UNSETTLED,
    each: Annotated[bool, typer.Option("--all", help="Each letter, not the groups.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="With --all: the most letters.")] = 100,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List what could not be processed, grouped by cause: the same exception at the same place.

    Example: `tidemill deadletters list --since 7d`
    """
    states = tuple(part.strip() for part in state.split(",") if part.strip())
    filters = {"source": source, "reason": reason, "since": moment_given(since), "group": group, "states": states}
    settings = settings_of(context, data_dir)
    if each:
        show_letters(run(_letters(settings, filters, limit)), as_json=as_json)
    else:
        show_groups(run(_groups(settings, filters)), as_json=as_json)


@app.command()
def show(
    context: typer.Context,
    letter_id: LetterId,
    body: Annotated[Path | None, typer.Option(help="Write the bytes to this file.", dir_okay=False)] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show one dead letter: what went wrong and where, and the commands that try it again.

    Example: `tidemill deadletters show 01a20656-2791-737b-b672-5185cb89afb8 --body page.html`
    """
    from tidemill.manage.deadletters import record

    letter, archived = run(_one(settings_of(context, data_dir), letter_id, body))
    if as_json:
        write_json(record(letter, archived=archived))
    else:
        show_letter(letter, archived)


@app.command()
def replay(
    context: typer.Context,
    letter_ids: LetterIds = None,
    every: Annotated[bool, typer.Option("--all", help="Every open one that the filters let through.")] = False,
    group: Grouped = None,
    source: Source = None,
    reason: Reason = None,
    since: Since = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Process without storing, and tell.")] = False,
    now: Annotated[bool, typer.Option("--now", help="Process everything that waits, at once.")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Put dead letters back into the queue; `tidemill process`, or a running processor, does the work.

    Example: `tidemill deadletters replay --group 3f2a9c01 --dry-run`
    """
    filters = _filters(letter_ids, every, group, source, reason, since)
    settings = settings_of(context, data_dir)
    if dry_run:
        found = run(_tried(settings, letter_ids, filters))
        show_tried(found, as_json=as_json)
        return
    moved, left = run(_replayed(settings, letter_ids, filters, now=now))
    if as_json:
        pending = {"pending": left} if now else {}
        write_json({"replayed": list(moved.letter_ids), "left": dict(moved.left), **pending})
    else:
        tell_moved("replayed", moved)
        if moved.letter_ids and not now:
            note("a running processor takes them up, or `tidemill process` does")
    if left:
        raise typer.Exit(INTERRUPTED)


@app.command()
def discard(
    context: typer.Context,
    letter_ids: LetterIds = None,
    every: Annotated[bool, typer.Option("--all", help="Every open one that the filters let through.")] = False,
    group: Grouped = None,
    source: Source = None,
    reason: Reason = None,
    since: Since = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Give dead letters up. They are kept, with who discarded them and when, and can still be replayed.

    Example: `tidemill deadletters discard --group 3f2a9c01`
    """
    filters = _filters(letter_ids, every, group, source, reason, since)
    moved = run(_discarded(settings_of(context, data_dir), letter_ids, filters))
    if as_json:
        write_json({"discarded": list(moved.letter_ids), "left": dict(moved.left)})
    else:
        tell_moved("discarded", moved)


def _filters(
    letter_ids: list[str] | None,
    every: bool,
    group: str | None,
    source: str | None,
    reason: str | None,
    since: str | None,
) -> dict[str, Any]:
    """What was asked for; nothing is replayed or discarded unless it was named."""
    narrowed = any((group, source, reason, since))
    if bool(letter_ids) == (every or narrowed):
        told = "name identifiers, or choose by --all, --group, --source, --reason or --since"
        raise typer.BadParameter(told if not letter_ids else f"identifiers and filters exclude each other: {told}")
    return {"group": group, "source": source, "reason": reason, "since": moment_given(since), "states": ("open",)}


async def _groups(settings: Settings, filters: dict[str, Any]) -> list[Group]:
    from tidemill.manage import deadletters as manage
    from tidemill.store import deadletters

    async with opened(settings) as app_:
        return await deadletters.groups(app_.store, await manage.wanted(app_.store, **filters))


async def _letters(settings: Settings, filters: dict[str, Any], limit: int) -> list[DeadLetter]:
    from tidemill.manage import deadletters as manage
    from tidemill.store import deadletters

    async with opened(settings) as app_:
        return await deadletters.listed(app_.store, await manage.wanted(app_.store, **filters), limit=limit)


async def _one(settings: Settings, letter_id: str, body: Path | None) -> tuple[DeadLetter, bool]:
    from tidemill.manage import deadletters as manage

    async with opened(settings) as app_:
        letter = await manage.find(app_.store, letter_id)
        if body is not None:
            given = await manage.body(app_.store, app_.archive, letter)
            _write(body, given)
        return letter, await app_.archive.exists(letter.body_hash)


def _write(file: Path, body: bytes) -> None:
    try:
        file.write_bytes(body)
    except OSError as error:
        raise Permanent(f"cannot write {file}: {error.strerror}; choose another file", reason="export") from error


async def _chosen(app_: App, letter_ids: list[str] | None, filters: dict[str, Any]) -> list[str]:
    from tidemill.manage import deadletters as manage
    from tidemill.store import deadletters

    if letter_ids:
        return list(dict.fromkeys([(await manage.find(app_.store, each)).id for each in letter_ids]))
    return await deadletters.ids(app_.store, await manage.wanted(app_.store, **filters))


async def _tried(settings: Settings, letter_ids: list[str] | None, filters: dict[str, Any]) -> list[Tried]:
    from tidemill.manage import deadletters as manage

    async with opened(settings) as app_:
        chosen = await _chosen(app_, letter_ids, filters)
        return [each async for each in manage.tried(app_.store, app_.archive, settings.process, chosen)]


async def _replayed(
    settings: Settings, letter_ids: list[str] | None, filters: dict[str, Any], *, now: bool
) -> tuple[Moved, int]:
    """What was put back and, with `now`, how many captures still wait after all that could be processed was."""
    from tidemill.manage import deadletters as manage
    from tidemill.roles.jobs import process_backlog

    async with opened(settings) as app_:
        chosen = await _chosen(app_, letter_ids, filters)
        moved = await manage.replay(app_.store, app_.queue, chosen, person())
        if not now:
            return moved, 0
        await process_backlog(app_, interrupts().stop)
        return moved, (await app_.queue.backlog()).captures


async def _discarded(settings: Settings, letter_ids: list[str] | None, filters: dict[str, Any]) -> Moved:
    from tidemill.manage import deadletters as manage

    async with opened(settings) as app_:
        return await manage.discard(app_.store, await _chosen(app_, letter_ids, filters), person())
