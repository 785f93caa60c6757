"""`tidemill archive`: how much lies in it, whether it is whole, and tidying it up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from tidemill.cli.moments import span_given
from tidemill.cli.output import counted, stdout, table, write_json
from tidemill.cli.session import FAILED, INTERRUPTED, AsJson, DataDir, interrupts, note, opened, run, settings_of

if TYPE_CHECKING:
    from tidemill.archive.inspect import Verified
    from tidemill.manage.archives import Tidied, Tools
    from tidemill.settings import Settings

app = typer.Typer(help="Examine and tidy up the archive of raw bytes.", no_args_is_help=True)
_LISTED = 20
T = TypeVar("T")


@app.command()
def sweep(
    context: typer.Context,
    grace: Annotated[str, typer.Option(help="Younger packs are left alone, and the trash keeps for so long.")] = "7d",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would go; change nothing.")] = False,
    thorough: Annotated[
        bool, typer.Option("--thorough", help="Rewrite large packs even for a single body that nothing names.")
    ] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Remove what no capture names any more, and merge small packs. Crawls may go on meanwhile.

    Example: `tidemill archive sweep --grace 7d --dry-run`
    """
    from tidemill.manage import archives

    grace_s = span_given(grace, "--grace").total_seconds()
    settings = settings_of(context, data_dir)

    async def work(tools: Tools, stop: asyncio.Event) -> Tidied:
        return await archives.sweep(tools, archives.rules_of(grace_s, dry_run=dry_run, thorough=thorough), stop)

    done = run(_with_tools(settings, work))
    if as_json:
        write_json({"dry_run": dry_run, **done.as_json()})
    else:
        _show_swept(done, dry_run=dry_run)
    _end(finished=done.swept.finished)


@app.command()
def verify(context: typer.Context, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Read and hash every body that a capture names. Ends with status 1 if one is missing or damaged.

    Example: `tidemill archive verify --json`
    """
    from tidemill.manage import archives

    found = run(_with_tools(settings_of(context, data_dir), archives.verify))
    if as_json:
        write_json(asdict(found))
    else:
        _show_verified(found)
    _end(finished=found.finished)
    if not found.is_sound:
        raise typer.Exit(FAILED)


@app.command()
def stats(context: typer.Context, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Show how many bodies, packs and bytes there are, and what lies in the trash.

    Example: `tidemill archive stats`
    """
    from tidemill.manage import archives

    async def work(tools: Tools, _: asyncio.Event) -> dict[str, Any]:
        return asdict(await archives.stats(tools))

    settings = settings_of(context, data_dir)
    found = {"url": settings.archive_url, **run(_with_tools(settings, work))}
    if as_json:
        write_json(found)
    else:
        table(("", ""), [(name.replace("_", " "), str(value)) for name, value in found.items()])


async def _with_tools(settings: Settings, work: Callable[[Tools, asyncio.Event], Awaitable[T]]) -> T:
    from tidemill.manage.archives import Tools

    async with opened(settings) as open_house:
        tools = Tools(open_house.store, open_house.archive, settings.lease_s)
        return await work(tools, interrupts().stop)


def _show_swept(done: Tidied, *, dry_run: bool) -> None:
    swept = done.swept
    for source, captures in done.expired.items():
        stdout.print(f"{source}: {counted(captures, 'capture')} beyond its retention", markup=False)
    table(
        ("", "packs", "bytes"),
        [
            ("looked at", swept.packs, ""),
            ("left, since they are young", swept.young, ""),
            ("moved to the trash", swept.packs_trashed, swept.bytes_trashed),
            ("of these merged", swept.packs_merged, swept.bytes_rewritten),
            ("written", swept.packs_written, swept.bytes_rewritten),
            ("left, since they are damaged", swept.packs_damaged, ""),
            ("brought back from the trash", swept.packs_restored, ""),
            ("deleted from the trash", swept.packs_deleted, swept.bytes_deleted),
        ],
    )
    stdout.print(f"{swept.bodies_removed} bodies that no capture names")
    if dry_run:
        note("nothing was changed")


def _show_verified(found: Verified) -> None:
    stdout.print(f"{found.bodies} bodies, {found.bytes} bytes read and verified")
    for said, bodies in (("missing", found.missing), ("damaged", found.corrupt)):
        if bodies:
            stdout.print(f"\n{len(bodies)} {said}:", style="bold")
            for message in list(bodies.values())[:_LISTED]:
                stdout.print(f"  {message}", markup=False)
            if len(bodies) > _LISTED:
                stdout.print(f"  and {len(bodies) - _LISTED} more; --json lists them")


def _end(*, finished: bool) -> None:
    if not finished:
        note("interrupted; what was done stays done")
        raise typer.Exit(INTERRUPTED)
