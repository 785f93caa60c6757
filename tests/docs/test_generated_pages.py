"""The pages of the reference that are made from the code say what the code says."""

from __future__ import annotations

import pytest
from scripts.reference_cli import commands, parameters
from scripts.write_reference import FOLDER, PAGES


@pytest.mark.parametrize("name", PAGES)
def test_page_is_what_the_code_gives(name: str) -> None:
    current = (FOLDER / name).read_text(encoding="utf-8") == PAGES[name]()
    assert current, f"run `make docs` and commit docs/reference/{name}"


@pytest.mark.parametrize(("name", "command"), [pytest.param(*each, id=each[0]) for each in commands()])
def test_every_command_says_what_it_and_its_options_do(name: str, command: object) -> None:
    page = (FOLDER / "cli.md").read_text(encoding="utf-8")
    section = page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    assert "```console\n$ " in section, f"`{name} --help` shows no example"
    for written, parameter in parameters(command):
        assert f"| `{written}`" in section
        assert len(parameter.help or "") >= 5, f"{name} {written} is not explained"
