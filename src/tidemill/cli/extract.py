"""`tidemill extract`: what the process stage makes of a page, without a store."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tidemill.cli.output import stdout, write_json
from tidemill.cli.session import DataDir, fail, run, settings_of
from tidemill.errors import Permanent, TidemillError

_STDIN = "-"


def extract(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="[FILE|-]", help="A page; `-` is stdin.")] = _STDIN,
    url: Annotated[str, typer.Option(help="The page's URL, to resolve what is relative.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="All fields as JSON.")] = False,
    jsonl: Annotated[bool, typer.Option("--jsonl", help='Lines {"id", "url", "html"} in, one line each out.')] = False,
    rules_file: Annotated[
        Path | None, typer.Option("--source", metavar="FILE", help="A source's YAML; its rules are used.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Extract title, text and fields from a page, or from many pages as JSON lines.

    Example: `tidemill extract page.html --url https://example.com/page.html --json`
    """
    settings = settings_of(context, data_dir)
    from tidemill.manage.source_files import rules_of
    from tidemill.process import jsonl as many

    try:
        rules = rules_of(rules_file) if rules_file is not None else None
    except TidemillError as error:
        raise fail(error) from error
    try:
        source = sys.stdin.buffer if file == _STDIN else Path(file).open("rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise fail(Permanent(f"cannot read {file}: {error.strerror}")) from error
    with source:
        if jsonl:
            run(many.extract_lines(source, sys.stdout.buffer, settings.process, rules))
            sys.stdout.buffer.flush()
            return
        found = many.extract_one(source.read(), url=url, rules=rules)
    if as_json:
        write_json(found)
    else:
        stdout.print(found.get("markdown") or found.get("content") or found.get("error", ""), markup=False)
    if "error" in found:
        raise typer.Exit(1)
