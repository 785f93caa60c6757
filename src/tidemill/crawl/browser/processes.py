"""The processes of the browser: how they are started, what they hold, how they are ended.

A folder of its own and the program that starts Chromium come out; memory is measured and processes are killed by pid.
Called by the browser.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psutil

from tidemill.crawl.browser import keeper

_MIB = 1024 * 1024
_RENDERER = "--type=renderer"
_LONGEST_PATH = 36  # with what Chromium adds, the path of its socket must stay below the 104 bytes of the system
_FALLBACK = "/tmp"  # noqa: S108  (a folder of our own is made in it)


class RunFolder:
    """A private folder of one `Browser`: the program that Playwright starts, Chromium's home, and a mark per keeper."""

    def __init__(self, executable: Path) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="tidemill-web-", dir=_short_folder()))
        self._marks = self.path / "keepers"
        self.artifacts = self.path / "artifacts"
        for folder in (self._marks, self.artifacts):
            folder.mkdir()
        self.program = self.path / "chromium"
        words = (sys.executable, "-I", "-S", keeper.__file__, str(os.getpid()), str(self.path), str(executable))
        self.program.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n', encoding="utf-8")
        self.program.chmod(0o700)

    def keepers(self) -> frozenset[int]:
        """Give the pids of the keepers that are at work."""
        return frozenset(int(mark.name) for mark in self._marks.iterdir())

    def environment(self) -> dict[str, str | float | bool]:
        """Give what Chromium may see of our environment: nothing of it, for that may hold secrets."""
        return {
            "HOME": str(self.path),
            "TMPDIR": str(self.path),
            "PATH": os.defpath,
            "LANG": "C.UTF-8",
            "TZ": "UTC",
        }

    def remove(self) -> None:
        """Remove it with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)


def _short_folder() -> str | None:
    """Where Chromium's sockets may lie: below the system's own folder for such files, unless its path is too long."""
    default = tempfile.gettempdir()
    return default if len(default) <= _LONGEST_PATH or not Path(_FALLBACK).is_dir() else _FALLBACK


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory of one Chromium in MiB: of all its processes, and of the renderers by pid.

    What processes share is counted once for each, so that `total_mb` is more than it takes.
    """

    total_mb: int
    renderers: dict[int, int]


class Tree:
    """The processes of one Chromium, below its keeper, which may have ended already."""

    def __init__(self, keeper_pid: int) -> None:
        self.keeper_pid = keeper_pid
        self._keeper: psutil.Process | None
        try:
            self._keeper = psutil.Process(keeper_pid)
        except psutil.NoSuchProcess:
            self._keeper = None

    def measure(self) -> Memory:
        """Measure what lives; zero if nothing does."""
        total, renderers = 0, {}
        for process in self._below():
            try:
                size_mb = process.memory_info().rss // _MIB
                is_renderer = _RENDERER in process.cmdline()
            except psutil.Error:  # it ended meanwhile
                continue
            total += size_mb
            if is_renderer:
                renderers[process.pid] = size_mb
        return Memory(total, renderers)

    def end(self) -> None:
        """Have the keeper end its Chromium; it ends itself when nothing is left."""
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill keeper and Chromium at once, should the keeper not do its work."""
        below = self._below()
        self._signal(signal.SIGKILL)
        for process in below:
            _kill(process)

    def has_ended(self) -> bool:
        """Tell whether the keeper has ended, and everything below it with it."""
        if self._keeper is None:
            return True
        try:
            return not self._keeper.is_running() or self._keeper.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    def _below(self) -> list[psutil.Process]:
        if self._keeper is None:
            return []
        try:
            return self._keeper.children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def _signal(self, number: signal.Signals) -> None:
        if self._keeper is None:
            return
        try:
            self._keeper.send_signal(number)
        except psutil.NoSuchProcess:
            return


def end_renderer(pid: int) -> None:
    """Kill one renderer; its page crashes and no other."""
    try:
        _kill(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return
