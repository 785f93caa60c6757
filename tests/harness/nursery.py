"""Starts `tidemill` processes without the second that Python needs to import it: `Nursery().start(arguments, …)`.

A process of its own imports everything once and forks for each start. What it gives is a process like any other, in a
session of its own, that runs the command line from its beginning; only its modules were there already. Commands that
run to their end come from the one that `shared_nursery` gives, and roles of fault tests that start hundreds of them;
`tests/contract/test_cli.py` and the tests of starting start `tidemill` as a person does.
"""

from __future__ import annotations

import atexit
import ctypes
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from functools import cache
from pathlib import Path
from typing import IO, Any

from tests.harness.command import ROOT, clean_environment

_PR_SET_PDEATHSIG = 1
_IMPORTED = (
    "tidemill.cli.main", "tidemill.cli.standing", "tidemill.roles.jobs", "tidemill.roles.serving",
    "tidemill.process.pool", "tidemill.process.worker",
    "tidemill.crawl.crawler", "tidemill.api.probing", "tidemill.api.main", "tidemill.manage.runs",
    "tidemill.queue.redis", "tidemill.queue.rabbitmq", "tidemill.archive.packs", "tidemill.search.tantivy.engine",
    "tidemill.store.postgres", "tidemill.store.sqlite", "asyncpg", "aiosqlite", "alembic.command",
    "sqlalchemy.dialects.postgresql.asyncpg", "sqlalchemy.dialects.sqlite.aiosqlite", "uvloop",
)  # fmt: skip


class Born:
    """A process that the nursery has started: what of `subprocess.Popen` the harness uses."""

    def __init__(self, nursery: Nursery, pid: int) -> None:
        self._nursery = nursery
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """How it ended; `None` while it lives."""
        if self.returncode is None:
            self.returncode = self._nursery.ask(poll=self.pid)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its end."""
        deadline = time.monotonic() + (timeout or 3600.0)
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("tidemill", timeout or 0.0)
            time.sleep(0.01)
        return code

    def send_signal(self, number: int) -> None:
        """A signal, if it still lives."""
        if self.poll() is None:
            os.kill(self.pid, number)


class Nursery:
    """The process that forks. It ends with whoever made it."""

    def __init__(self) -> None:
        self._asking = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.harness.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=clean_environment(),
            start_new_session=True,
        )

    def start(
        self, arguments: tuple[str, ...], streams: tuple[IO[bytes], ...], *, cwd: Path, environ: dict[str, str]
    ) -> Born:
        """`tidemill` with these arguments, and with these files for stdin, stdout and stderr."""
        for file in streams:
            file.flush()
        files = [f"/proc/{os.getpid()}/fd/{file.fileno()}" for file in streams]
        pid = self.ask(start=[*arguments], files=files, cwd=str(cwd), environ=environ)
        return Born(self, int(pid))

    def ask(self, **question: Any) -> Any:
        """One question, one answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._asking:
            self._process.stdin.write(json.dumps(question).encode() + b"\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """No more processes."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


@cache
def shared_nursery() -> Nursery | None:
    """The one of this test process; none where there is no Linux."""
    if sys.platform != "linux":
        return None
    made = Nursery()
    atexit.register(made.close)
    return made


def main() -> None:
    """Answer questions from standard input until it ends."""
    for name in _IMPORTED:
        try:
            importlib.import_module(name)
        except ImportError:  # an extra that is not there
            continue
    ended: dict[int, int] = {}
    answer: int | None
    for line in sys.stdin.buffer:
        question = json.loads(line)
        if "poll" in question:
            answer = _polled(question["poll"], ended)
        else:
            answer = _forked(question)
            ended.pop(answer, None)  # whoever had this number before
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


def _polled(pid: int, ended: dict[int, int]) -> int | None:
    """How a process ended; asked for by several threads, it is told to each."""
    if pid not in ended:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            ended[pid] = os.waitstatus_to_exitcode(status)
    return ended.get(pid)


def _forked(question: dict[str, Any]) -> int:
    told, telling = os.pipe()
    pid = os.fork()
    if pid:
        os.close(telling)
        os.read(told, 1)  # until it leads a group of its own, by which it can be killed
        os.close(told)
        return pid
    code = 70
    try:
        os.setsid()
        _become(question)  # closes the pipe
        code = _played(question["start"])
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _become(question: dict[str, Any]) -> None:
    """A process of its own: files, folder, environment, signals."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # the nursery ends with the tests, and this with it
    for number, name in enumerate(question["files"]):
        os.dup2(os.open(name, os.O_WRONLY if number else os.O_RDONLY), number)
    os.closerange(3, 64)
    os.chdir(question["cwd"])
    os.environ.clear()
    os.environ.update(question["environ"])
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _played(arguments: list[str]) -> int:
    from tidemill.cli.main import run

    sys.argv = ["tidemill", *arguments]
    try:
        run()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - told, as Python tells it of a process that nobody has forked
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    main()
