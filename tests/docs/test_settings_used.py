"""No setting is dead: each one is read somewhere outside the settings themselves."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from tidemill.settings.catalogue import catalogue

SRC = Path(__file__).parents[2] / "src" / "tidemill"
GROUP_NAMES = "settings|config|options"


@cache
def code() -> str:
    """All of the package but the settings."""
    files = sorted(path for path in SRC.rglob("*.py") if (SRC / "settings") not in path.parents)
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


@pytest.mark.parametrize("name", [name for name in catalogue() if name != "profile"])
def test_setting_is_read(name: str) -> None:
    """`profile` chooses the file, the aliases and the checks, all in the settings themselves."""
    group, _, attribute = name.rpartition(".")
    pattern = rf"(?:{GROUP_NAMES}|{group or 'settings'})\.{attribute}\b"
    if attribute == "url":
        pattern = rf"settings\.{group}_url\b|\b{group}\.url\b"
    is_read = re.search(pattern, code()) is not None
    assert is_read, f"nothing in src/tidemill reads {name}: let it change something, or take it out"
