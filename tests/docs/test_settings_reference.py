"""The page of all settings says what the code says, and every setting has something to say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidemill.settings.aliases import ALIASES
from tidemill.settings.catalogue import catalogue, groups
from tidemill.settings.reference import render_reference

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"


def test_page_is_what_the_code_gives() -> None:
    assert PAGE.read_text(encoding="utf-8") == render_reference(), (
        "run `make docs` and commit docs/reference/settings.md"
    )


@pytest.mark.parametrize("name", catalogue())
def test_every_setting_is_documented(name: str) -> None:
    setting = catalogue()[name]
    page = PAGE.read_text(encoding="utf-8")
    assert len(setting.description) >= 10
    assert f"| `{name}` | `{setting.variable}` | {setting.expects} |" in page


def test_every_group_says_what_it_is_about() -> None:
    assert all(about.endswith(".") for about in groups().values())


def test_every_alias_is_documented_and_means_a_setting() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for alias, name in ALIASES.items():
        assert name in catalogue()
        assert f"| `{alias}` | `{name}` |" in page
