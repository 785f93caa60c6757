"""The command `tidemill`: its groups, and what may be said before them."""

from __future__ import annotations

import copy
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from tidemill import __version__
from tidemill.cli import (
    archive,
    audit,
    config,
    crawl,
    database,
    deadletters,
    doctor,
    documents,
    extract,
    importing,
    keys,
    ledger,
    process,
    reprocess,
    roles,
    runs,
    search,
    serve,
    users,
)
from tidemill.cli import sources as sources_commands
from tidemill.cli.session import Given

_OBJECTS_OF_A_START = 1_000_000
"""More than the modules of a command make. They live to its end: to look for garbage among them, as the collector does
again and again while they come, takes a tenth of the start. From then on `session.opened` has it look at the others."""

_HELP = "Tidemill turns websites into a clean, searchable, always-fresh store of documents."

app = typer.Typer(name="tidemill", help=_HELP, no_args_is_help=True, rich_markup_mode="markdown", add_completion=False)
app.command("crawl")(crawl.crawl)
app.command("search")(search.search)
app.command("extract")(extract.extract)
app.command("import")(importing.import_documents)
app.command("reindex")(importing.reindex)
app.command("export")(documents.export)
app.command("ledger")(ledger.ledger)
app.command("process")(process.process)
app.command("reprocess")(reprocess.reprocess)
app.add_typer(documents.app, name="documents")
app.add_typer(deadletters.app, name="deadletters")
app.add_typer(sources_commands.app, name="sources")
app.add_typer(runs.app, name="runs")
app.add_typer(archive.app, name="archive")
app.add_typer(users.app, name="users")
app.add_typer(keys.app, name="keys")
app.add_typer(audit.app, name="audit")
app.add_typer(config.app, name="config")
app.add_typer(database.app, name="db")
app.command("doctor")(doctor.doctor)
app.command("crawler")(roles.crawler)
app.command("processor")(roles.processor)
app.command("indexer")(roles.indexer)
app.command("serve")(serve.serve)
app.command("up")(serve.up)


def _say_version(is_asked: bool) -> None:
    """Before anything else: who asks for the version gives no command."""
    if is_asked:
        typer.echo(f"tidemill {__version__}")
        raise typer.Exit


@app.callback()
def main(
    context: typer.Context,
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="The folder in which embedded mode keeps everything.")
    ] = None,
    profile: Annotated[str | None, typer.Option(help="local, staging, production or docker.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Any setting, e.g. crawl.max_attempts=2.")
    ] = None,
    _: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Turn websites into a clean, searchable, always-fresh store of documents."""
    overrides: dict[str, Any] = {}
    for each in settings or []:
        name, mark, value = each.partition("=")
        if not mark:
            raise typer.BadParameter(f"{each!r} is not NAME=VALUE", param_hint="--set")
        overrides[name.strip()] = value
    if data_dir is not None:
        overrides["data_dir"] = data_dir
    if profile is not None:
        overrides["profile"] = profile
    context.obj = Given(overrides)


VALUED = frozenset({"--data-dir", "--profile", "--set"})
"""The options before a command that are followed by a value."""


def app_for(arguments: Sequence[str]) -> typer.Typer:
    """The application with no more than the command that is asked for; whole if that is not one of them.

    Typer reads the signatures of all commands before it runs one, which takes 50 ms.
    """
    name = _asked(arguments)
    one = copy.copy(app)
    one.registered_commands = [each for each in app.registered_commands if each.name == name]
    one.registered_groups = [each for each in app.registered_groups if each.name == name]
    return one if one.registered_commands or one.registered_groups else app


def _asked(arguments: Sequence[str]) -> str | None:
    """The name of the command, which is the first word that is neither an option nor the value of one."""
    words = iter(arguments)
    for word in words:
        if word in VALUED:
            next(words, None)
        elif not word.startswith("-"):
            return word
        elif word == "--help":  # of all commands
            return None
    return None


def run() -> None:
    """The entry point of the installed command."""
    gc.set_threshold(_OBJECTS_OF_A_START)
    try:
        app_for(sys.argv[1:])()
    finally:
        _last_words()
        gc.freeze()  # what is left goes with the process; the interpreter would look for garbage in it once more


def _last_words() -> None:
    """What is left for a log whose disk is full is let go of: Python would call the whole command a failure."""
    try:
        sys.stderr.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
