"""The Chromium that tests of the browser need: found, or installed where that is possible, or loudly missed.

`need_chromium()` is for a fixture; a machine without Chromium skips those tests, and under CI they fail.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from tidemill.crawl.browser.options import find_chromium
from tidemill.errors import Invalid

_PACKAGES = ("chromium-headless-shell", "chromium")
_LOCK = Path(tempfile.gettempdir()) / "tidemill-tests-chromium.lock"
_APT = ("apt-get", "-qq", "-o", "Dpkg::Use-Pty=0", "-o", "DPkg::Lock::Timeout=300")
_APT_TIMEOUT_S = 600


def found() -> Path | None:
    """The Chromium of this machine."""
    try:
        return find_chromium()
    except Invalid:
        return None


PATIENCE_S = 120 if found() else 1200
"""For `pytest.mark.timeout`: the first test on a new machine waits until Chromium is installed."""


def need_chromium() -> Path:
    """Give a Chromium, after installing one if there is none and we may; skips the test, or fails it under CI."""
    if importlib.util.find_spec("playwright") is None:
        require("playwright", False, "install the extra: pip install 'tidemill[browser]'")
    chromium = found()
    if chromium is None:
        problem = apt_install(_PACKAGES[0], lambda: found() is not None, *_PACKAGES[1:])
        chromium = found()
        require("Chromium", chromium is not None, problem or f"install one: as root, apt-get install {_PACKAGES[0]}")
    assert chromium is not None
    return chromium


def require(name: str, found: bool, why: str) -> None:
    """Go on if `name` was found; else skip the test and say why, or fail it under CI, which skips nothing."""
    if not found:
        _give_up(name, why)


def _give_up(name: str, why: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(f"{name} is missing, and CI skips nothing; {why}", pytrace=False)
    pytest.skip(f"{name} is missing; {why}")


def _may_install() -> bool:
    """Whether we are root where apt is."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def apt_install(package: str, is_there: Callable[[], bool], *others: str) -> str:
    """Install a package, or else one of the others, once at a time on this machine; gives what went wrong.

    Does nothing where nothing can be installed.
    """
    if not _may_install():
        return ""
    with _LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_there():  # by whoever held the lock before us
            return ""
        problem = _apt("update")
        for each in (package, *others):
            problem = _apt("install", "--yes", "--no-install-recommends", each)
            if not problem:
                break
        return problem


def _apt(*arguments: str) -> str:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            [*_APT, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_APT_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"apt-get {arguments[0]} took more than {_APT_TIMEOUT_S} s"
    return "" if done.returncode == 0 else " ".join((done.stderr or done.stdout).split())[-300:] or "no reason given"
