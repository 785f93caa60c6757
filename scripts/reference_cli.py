"""The page of all commands: read off the parser itself, so that it cannot say anything else than `--help`.

In: typer's tree of commands. Out: Markdown. Called by `write_reference`, and by the test that compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from tidemill.cli.main import app

_INTRODUCTION = """\
# Commands

<!-- Written by `make docs` from the code; edit src/tidemill/cli/ instead. -->

```console
$ tidemill --help            # all commands
$ tidemill crawl --help      # one of them, with an example
```

Answers go to standard output; progress, notes and errors go to standard error. With `--json` standard output holds one
JSON document and nothing else; its shapes are in [Exit codes and JSON shapes](shapes.md). `--set NAME=VALUE` before the
command gives any [setting](settings.md), as often as wanted.
"""
_KINDS = {int: "a whole number", float: "a number", Path: "a path"}


def render_cli() -> str:
    """The whole page."""
    root = typer.main.get_command(app)
    parts = [_INTRODUCTION, "\n## tidemill\n\n", f"{_sentence(root.help)}\n\n", *_options(root)]
    for name, command in commands():
        parts += [f"\n## {name}\n\n", f"```text\n{name} {_usage(command)}\n```\n\n", *_about(command.help or "")]
        parts += _options(command)
    return "".join(parts)


def commands() -> Iterator[tuple[str, Any]]:
    """Every command that does something, by its full name (`tidemill sources check`)."""
    yield from _below("tidemill", typer.main.get_command(app))


def parameters(command: Any) -> Iterator[tuple[str, Any]]:
    """What a command takes, as it is written: `--limit`, `QUERY`."""
    for parameter in command.params:
        if getattr(parameter, "hidden", False) or "--help" in parameter.opts:
            continue
        yield _written(parameter), parameter


def _below(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
        return
    for each, sub in inner.items():
        yield from _below(f"{name} {each}", sub)


def _written(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper()).strip("[]")
    return str(parameter.opts[-1])


def _usage(command: Any) -> str:
    words = []
    for written, parameter in parameters(command):
        if parameter.param_type_name == "argument":
            words.append(written if parameter.required else f"[{written}]")
    return " ".join([*words, "[OPTIONS]"])


def _about(text: str) -> Iterator[str]:
    """The docstring: sentences as they are, the example as a block that can be copied."""
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        line = " ".join(paragraph.split())
        example = re.fullmatch(r"Example: `(.+)`", line)
        yield f"```console\n$ {example[1]}\n```\n\n" if example else f"{line}\n\n"


def _options(command: Any) -> Iterator[str]:
    yield "| Given as | Takes | Default | What it does |\n|---|---|---|---|\n"
    for written, parameter in parameters(command):
        shown = f"`{written}`" + (f" or `{parameter.envvar}`" if getattr(parameter, "envvar", None) else "")
        default = (
            f"`{parameter.default}`" if parameter.default not in (None, False, "") and not parameter.required else ""
        )
        yield f"| {shown} | {_takes(parameter)} | {default} | {_sentence(parameter.help)} |\n"


def _takes(parameter: Any) -> str:
    if getattr(parameter, "is_flag", False):
        return "nothing"
    kind = parameter.type_descriptor.annotation
    words = [_KINDS.get(kind, "text")]
    words += [f"at least {parameter.min}"] if parameter.min is not None else []
    words += [f"at most {parameter.max}"] if parameter.max is not None else []
    words += ["may be repeated"] if parameter.multiple or parameter.nargs == -1 else []
    return ", ".join(words)


def _sentence(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")
