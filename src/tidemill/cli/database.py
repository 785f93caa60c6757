"""`tidemill db`: the version of the tables, their partitions, and letting old rows go."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidemill.cli.output import stdout, write_json
from tidemill.cli.session import AsJson, DataDir, note, run, settings_of

if TYPE_CHECKING:
    from tidemill.settings import Settings
    from tidemill.store.engine import Store

app = typer.Typer(help="Upgrade the database, cut up its tables, let old rows go.", no_args_is_help=True)


@app.command()
def upgrade(context: typer.Context, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Bring the tables up to the version that this tidemill knows.

    Example: `tidemill db upgrade`
    """
    before, after = run(_upgrade(settings_of(context, data_dir)))
    if as_json:
        write_json({"from": before, "to": after})
    else:
        note(f"schema {after}" if before == after else f"schema {before or 'none'} → {after}")


@app.command()
def current(context: typer.Context, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Tell the version of the tables.

    Example: `tidemill db current`
    """
    found, head = run(_current(settings_of(context, data_dir)))
    if as_json:
        write_json({"revision": found, "head": head})
    else:
        stdout.print(f"{found or 'no tables yet'} (this tidemill knows {head})")


@app.command()
def partition(
    context: typer.Context,
    ahead: Annotated[int, typer.Option(min=1, max=120, help="Months to make ahead of time.")] = 3,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Cut visits and events of PostgreSQL into partitions, which can be dropped when they are too old. Copies nothing.

    Example: `tidemill db partition`
    """
    made = run(_partition(settings_of(context, data_dir), ahead))
    if as_json:
        write_json({"partitions_made": made})
    else:
        note(f"made {', '.join(made)}" if made else "nothing to do")


@app.command()
def retain(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would go; change nothing.")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Let go of old visits and events (`retention.visits_days`, `retention.events_days`); to be run once a day.

    Example: `tidemill db retain`
    """
    done = run(_retain(settings_of(context, data_dir), dry_run=dry_run))
    if as_json:
        write_json({"dry_run": dry_run, **done})
    else:
        for name, number in done.items():
            stdout.print(
                f"{name.replace('_', ' ')}: {', '.join(number) or 'none' if isinstance(number, list) else number}"
            )


async def _partition(settings: Settings, ahead: int) -> list[str]:
    from tidemill.manage import retention

    async with _opened(settings) as store:
        return await retention.partition(store, ahead=ahead)


async def _retain(settings: Settings, *, dry_run: bool) -> dict[str, Any]:
    from tidemill.manage import retention
    from tidemill.manage.retention import Retained

    async with _opened(settings) as store:
        if dry_run:
            return Retained(forgotten=await retention.preview(store, settings.retention)).as_json()
        return (await retention.retain(store, settings.retention)).as_json()


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Store]:
    """The store with its newest tables."""
    from tidemill.store import schema
    from tidemill.store.engine import open_store

    store = open_store(settings.database_url, settings.database, settings.data_dir)
    try:
        await schema.ensure_schema(store)
        yield store
    finally:
        await store.close()


async def _upgrade(settings: Settings) -> tuple[str | None, str]:
    from tidemill.store import schema
    from tidemill.store.engine import open_store

    store = open_store(settings.database_url, settings.database, settings.data_dir)
    try:
        before = await schema.current_revision(store)
        await schema.ensure_schema(store)
        return before, schema.HEAD
    finally:
        await store.close()


async def _current(settings: Settings) -> tuple[str | None, str]:
    from tidemill.store import schema
    from tidemill.store.engine import open_store

    store = open_store(settings.database_url, settings.database, settings.data_dir)
    try:
        return await schema.current_revision(store), schema.HEAD
    finally:
        await store.close()
