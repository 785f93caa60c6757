"""Keeps Chromium's processes from outliving whoever wanted them.

Started in place of Chromium, in a process of its own, as `keeper.py OWNER_PID FOLDER CHROMIUM [FLAG…]`. It starts
Chromium and ends when that ends, when its own parent (Playwright's driver) ends, or when the owner ends, however they
end; then it kills whatever is left and removes the profile. Imports nothing but the standard library.
"""

from __future__ import annotations

import ctypes
import os
import select
import shutil
import signal
import sys
import time
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_POLL_S = 0.5
_END_WITHIN_S = 10.0
_PIPES = (3, 4)  # between Playwright and Chromium
_LINUX = sys.platform.startswith("linux")


class Watched:
    """Another process, and whether it has ended; `end` becomes readable then, where the system has such a thing."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.end: int | None = None
        self._gone = False
        try:
            self.end = os.pidfd_open(pid)
        except ProcessLookupError:
            self._gone = True
        except (AttributeError, OSError):
            self.end = None

    def has_ended(self) -> bool:
        """Tell whether it has; one that ended and that nobody has asked after counts as ended."""
        if not self._gone:
            self._gone = bool(select.select([self.end], [], [], 0)[0]) if self.end is not None else not _lives(self.pid)
        return self._gone


def main(owner: Watched, folder: Path, command: list[str]) -> int:
    """Run `command` and give its exit code, or 1 if it was ended."""
    parent = Watched(os.getppid())
    if _LINUX:
        # Whatever Chromium leaves behind becomes our child, and cannot hide behind a parent that ended.
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    wake, stopped = _listen()
    mark = folder / "keepers" / str(os.getpid())
    mark.touch()
    child = _start(command)
    code = _wait(child, wake, stopped, (owner, parent))
    _end_all(child)
    mark.unlink(missing_ok=True)
    _remove(command, folder if owner.has_ended() else None)
    return code


def _listen() -> tuple[int, list[int]]:
    """Give what becomes readable at every signal, and where those are noted that mean: stop."""
    wake, wake_end = os.pipe()
    for end in (wake, wake_end):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(wake_end, warn_on_full_buffer=False)
    stopped: list[int] = []
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda got, _: stopped.append(got))
    return wake, stopped


def _start(command: list[str]) -> int:
    keeper = os.getpid()
    child = os.fork()
    if child:
        for pipe in _PIPES:
            os.close(pipe)
        return child
    try:
        if _LINUX:
            _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != keeper:
                os._exit(1)
        for number in (signal.SIGPIPE, signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        for pipe in _PIPES:
            os.set_inheritable(pipe, True)
        os.execv(command[0], command)  # noqa: S606
    finally:
        os._exit(127)


def _wait(child: int, wake: int, stopped: list[int], others: tuple[Watched, ...]) -> int:
    """Wait until Chromium or one of the others has ended, or somebody says stop."""
    ends = [other.end for other in others if other.end is not None]
    patience = None if len(ends) == len(others) else _POLL_S
    while True:
        ready, _, _ = select.select([wake, *ends], [], [], patience)
        if stopped or any(other.has_ended() for other in others):
            return 1
        if wake in ready:
            os.read(wake, 4096)
            code = _reap(child)
            if code is not None:
                return code


def _reap(child: int) -> int | None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return 1
        if pid == child:
            return os.waitstatus_to_exitcode(status)
        if pid == 0:
            return None


def _end_all(child: int) -> None:
    """Kill everything below us, again and again, until there is nothing."""
    if not _LINUX:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(os.getpgrp(), signal.SIGTERM)
        time.sleep(_POLL_S)
    end = time.monotonic() + _END_WITHIN_S
    while time.monotonic() < end:
        for pid in _below(os.getpid()) if _LINUX else [child]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.01)


def _below(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_bytes().rpartition(b")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found: list[int] = []
    open_ = [root]
    while open_:
        below = children.get(open_.pop(), [])
        found += below
        open_ += below
    return found


def _remove(command: list[str], folder: Path | None) -> None:
    """Remove the profile, which Playwright's driver can no longer do if it was killed, and what a dead owner left."""
    for flag in command:
        name, _, value = flag.partition("=")
        if name == "--user-data-dir" and Path(value).name.startswith("playwright_"):
            shutil.rmtree(value, ignore_errors=True)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) was refused")


if __name__ == "__main__":
    sys.exit(main(Watched(int(sys.argv[1])), Path(sys.argv[2]), sys.argv[3:]))
