"""Every `tidemill …` that a page shows is a command that exists, with options that it takes."""

from __future__ import annotations

from typing import Any

import pytest
import typer
from tests.docs.pages import Command, commands, invocations, name_of, pages

from tidemill.cli.main import app

SHOWN = [(command, words) for page in pages() for command in commands(name_of(page)) for words in invocations(command)]


def parse(command: Any, name: str, words: list[str], parent: Any = None) -> None:
    """Read `words` as the command line would, down to the command that would run, and run nothing."""
    context = command.make_context(name, list(words), parent=parent)
    if hasattr(command, "commands"):
        _, inner, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        parse(inner, inner.name, rest, context)


@pytest.mark.parametrize(("command", "words"), SHOWN, ids=[str(command) for command, _ in SHOWN])
def test_command_parses(command: Command, words: list[str]) -> None:
    try:
        parse(typer.main.get_command(app), "tidemill", words)
    except Exception as error:  # noqa: BLE001 - typer's own errors have no public class
        if type(error).__name__ != "Exit":  # --help and --version end here
            pytest.fail(f"{command}: {getattr(error, 'message', error)}")


def test_wrong_commands_would_be_found() -> None:
    for words in (["crawl"], ["crawl", "x", "--no-such-option"], ["no-such-command"], ["search", "x", "--limit", "0"]):
        with pytest.raises(Exception, match=r".+"):
            parse(typer.main.get_command(app), "tidemill", words)


def test_pages_show_commands() -> None:
    assert len(SHOWN) > 60
