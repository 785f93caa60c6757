"""The command that is asked for is made alone, and no way of asking makes another one of it."""

from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from tidemill import __version__
from tidemill.cli.main import VALUED, app, app_for


def names(asked: typer.Typer) -> set[str | None]:
    return {each.name for each in (*asked.registered_commands, *asked.registered_groups)}


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("crawl https://example.org/", "crawl"),
        ("--data-dir crawl search word", "search"),
        ("--data-dir=crawl search word", "search"),
        ("--set a=b --profile docker sources list", "sources"),
        ("-- crawl x", "crawl"),
        ("crawl --help", "crawl"),
    ],
)
def test_one_command_is_enough(line: str, name: str) -> None:
    assert names(app_for(line.split())) == {name}


@pytest.mark.parametrize("line", ["", "--help", "--help crawl", "--version", "crwal x", "--data-dir crawl"])
def test_all_commands_are_there_when_none_of_them_is_asked_for(line: str) -> None:
    assert app_for(line.split()) is app
    assert len(names(app)) > 20


def test_every_option_before_a_command_that_takes_a_value_is_known() -> None:
    options = [each for each in typer.main.get_command(app).params if not getattr(each, "is_flag", False)]
    assert {word for each in options for word in each.opts} == VALUED


def test_the_version_is_told_to_who_gives_no_command() -> None:
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.output) == (0, f"tidemill {__version__}\n")
