"""`tidemill sources`: what is to be crawled."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tidemill.cli.output import counted, stdout, table, write_json
from tidemill.cli.session import AsJson, DataDir, note, opened, run, settings_of
from tidemill.models.source import Source
from tidemill.settings import Settings

if TYPE_CHECKING:
    from tidemill.manage.sources import Applied

app = typer.Typer(help="Check, apply, list and show sources.", no_args_is_help=True)
Files = Annotated[list[Path], typer.Argument(metavar="FILE…", help="YAML files, one or more sources each.")]


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
def apply(context: typer.Context, files: Files, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Bring source files into the store. Applying them again changes nothing.

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
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The source's name.")],
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show one source as YAML.

    Example: `tidemill sources show sample-site`
    """
    from tidemill.manage.sources import to_yaml

    source = run(_one(settings_of(context, data_dir), name))
    if as_json:
        write_json({**_summary(source), "spec": source.spec})
    else:
        stdout.print(to_yaml(source).rstrip(), markup=False)


async def _checked(files: list[Path]) -> list[str]:
    from tidemill.manage.sources import read_files

    return [spec.name for spec in read_files(files)]


async def _apply(settings: Settings, files: list[Path]) -> list[Applied]:
    from tidemill.manage.sources import apply_files, read_files

    read_files(files)  # before a data folder is made for nothing
    async with opened(settings) as app_:
        return await apply_files(app_.store, files)


async def _listed(settings: Settings) -> list[Source]:
    from tidemill.store import sources

    async with opened(settings) as app_:
        return await sources.listed(app_.store)


async def _one(settings: Settings, name: str) -> Source:
    from tidemill.store import sources

    async with opened(settings) as app_:
        return await sources.get(app_.store, name)


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
