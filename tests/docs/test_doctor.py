"""What the page on browsers promises of `tidemill doctor`: it looks for one, and says what to do if there is none."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tidemill.manage.doctor import Diagnosis, examine_machine
from tidemill.settings import BrowserSettings, Settings


def browser(executable: Path) -> Diagnosis:
    settings = Settings(browser=BrowserSettings(executable=executable))
    return next(each for each in examine_machine(settings) if each.check == "browser")


def test_a_browser_that_is_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())  # the extra may be missing here
    program = tmp_path / "chromium"
    program.touch(mode=0o755)
    assert browser(program) == Diagnosis("browser", "ok", str(program))


def test_without_one_the_doctor_warns_and_says_what_to_do(tmp_path: Path) -> None:
    found = browser(tmp_path / "no-such-chromium")
    assert found.status == "warn"
    assert "browser.executable" in found.detail or "tidemill[browser]" in found.detail
