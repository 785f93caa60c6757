"""`tidemill config`: the settings in force and where each came from."""

from __future__ import annotations

import typer

from tidemill.cli.output import table, write_json
from tidemill.cli.session import AsJson, DataDir, fail, loaded_of, note
from tidemill.errors import TidemillError

app = typer.Typer(help="Show and check the settings.", no_args_is_help=True)


@app.command()
def show(context: typer.Context, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Show every setting, secrets masked, with where it came from.

    Example: `tidemill --profile docker config show`
    """
    try:
        loaded = loaded_of(context, data_dir)
    except TidemillError as error:
        raise fail(error) from error
    if as_json:
        write_json({name: {"value": each.value, "origin": each.origin} for name, each in loaded.origins.items()})
    else:
        table(
            ("setting", "value", "origin"), [(name, each.value, each.origin) for name, each in loaded.origins.items()]
        )
    _say_ignored(loaded.ignored)


@app.command()
def check(context: typer.Context, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Check the settings; every problem is listed.

    Example: `TIDEMILL_CRAWL__CONCURRENCY=0 tidemill config check`
    """
    try:
        loaded = loaded_of(context, data_dir)
    except TidemillError as error:
        if as_json:
            write_json({"ok": False, "problems": list(getattr(error, "problems", (str(error),)))})
        raise fail(error) from error
    if as_json:
        write_json({"ok": True, "problems": []})
    else:
        note(f"the settings are sound (profile {loaded.settings.profile})")
    _say_ignored(loaded.ignored)


def _say_ignored(names: tuple[str, ...]) -> None:
    if names:
        note(f"ignored in the profile local: {', '.join(names)}")
