"""`tidemill sources`: what is to be crawled."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from tidemill.cli import source_history
from tidemill.cli.output import counted, stdout, table, write_json
from tidemill.cli.session import AsJson, DataDir, note, opened, person, run, settings_of
from tidemill.cli.source_options import Files, Name, Version
from tidemill.models.source import Source, SourceVersion

if TYPE_CHECKING:
    from tidemill.manage.sources import Applied
    from tidemill.settings import Settings

app = typer.Typer(help="Check, apply, compare, list, show and delete sources.", no_args_is_help=True)


@app.command()
def check(context: typer.Context, files: Files, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Check source files without applying them.

    Example: `tidemill sources check examples/sources/*.yaml`
    """
    settings_of(context, data_dir)
    specs = run(_checked(files))
    if as_json:
        write_json({"sources": specs})
    else:
        note(f"{counted(len(specs), 'source')}, no problems: {', '.join(specs)}")


@app.command()
def schema() -> None:
    """Print the JSON schema of a source, for editors and other programs.

    Example: `tidemill sources schema > source.schema.json`
    """
    from tidemill.manage.source_schema import schema_text

    sys.stdout.buffer.write(schema_text().encode())
    sys.stdout.buffer.flush()


@app.command()
def apply(context: typer.Context, files: Files, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Bring source files into the store, all or none. Applying them again changes nothing.

    Example: `tidemill sources apply examples/sources/sample-site.yaml`
    """
    applied = run(_apply(settings_of(context, data_dir), files))
    if as_json:
        write_json([{"name": a.source.name, "version": a.source.version, "changed": a.changed} for a in applied])
    else:
        for each in applied:
            note(f"{each.source.name}: {'version ' + str(each.source.version) if each.changed else 'as it was'}")


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List all sources.

    Example: `tidemill sources list --json`
    """
    found = run(_listed(settings_of(context, data_dir)))
    if as_json:
        write_json([_summary(source) for source in found])
    else:
        rows = [(s.name, s.spec.kind, "ad hoc" if s.adhoc else "", s.version, s.documents) for s in found]
        table(("source", "kind", "", "version", "documents"), rows)


@app.command()
def show(
    context: typer.Context, name: Name, number: Version = None, as_json: AsJson = False, data_dir: DataDir = None
) -> None:
    """Show one source as YAML, as it is or as it was.

    Example: `tidemill sources show sample-site`
    """
    settings = settings_of(context, data_dir)
    if number is not None:
        _show_version(run(_version(settings, name, number)), as_json)
        return
    source = run(_one(settings, name))
    if as_json:
        write_json({**_summary(source), "spec": source.spec})
    else:
        _show_yaml(source)


def _show_version(version: SourceVersion, as_json: bool) -> None:
    if as_json:
        write_json({"version": version.version, "created_at": version.created_at, "spec": version.spec})
    else:
        _show_yaml(version)


def _show_yaml(shown: Source | SourceVersion) -> None:
    from tidemill.manage.source_files import to_yaml

    stdout.print(to_yaml(shown.spec).rstrip(), markup=False)


async def _checked(files: list[Path]) -> list[str]:
    from tidemill.manage.source_files import read_files

    return [spec.name for spec in read_files(files)]


async def _apply(settings: Settings, files: list[Path]) -> list[Applied]:
    from tidemill.manage.sources import apply_files, read_files

    read_files(files)  # before a data folder is made for nothing
    async with opened(settings) as app_:
        return await apply_files(app_.store, files, person())


async def _listed(settings: Settings) -> list[Source]:
    from tidemill.store import sources

    async with opened(settings) as app_:
        return await sources.listed(app_.store)


async def _one(settings: Settings, name: str) -> Source:
    from tidemill.store import sources

    async with opened(settings) as app_:
        return await sources.get(app_.store, name)


async def _version(settings: Settings, name: str, number: int) -> SourceVersion:
    from tidemill.manage.sources import version

    async with opened(settings) as app_:
        return await version(app_.store, name, number)


def _summary(source: Source) -> dict[str, object]:
    return {
        "name": source.name,
        "kind": source.spec.kind,
        "adhoc": source.adhoc,
        "version": source.version,
        "documents": source.documents,
        "created_at": source.created_at,
        "updated_at": source.updated_at,
    }


for _command in (source_history.diff, source_history.history, source_history.owner, source_history.delete):
    app.command()(_command)
