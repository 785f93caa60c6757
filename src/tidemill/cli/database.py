"""`tidemill db`: the version of the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from tidemill.cli.output import stdout, write_json
from tidemill.cli.session import AsJson, DataDir, note, run, settings_of

if TYPE_CHECKING:
    from tidemill.settings import Settings

app = typer.Typer(help="Upgrade the database and tell its version.", no_args_is_help=True)


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
