"""`tidemill` as a real process in a session of its own, with an environment that nobody else's settings reach."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from tests.harness.nursery import Nursery

ROOT = Path(__file__).resolve().parents[2]
QUICK = (
    "process.workers=2",
    "net.connect_timeout_s=2",
    "net.read_timeout_s=1",
    "net.total_timeout_s=2",
    "crawl.retry_base_s=0.05",
    "search.commit_interval_s=0.2",
    "logging.level=WARNING",
)
"""Settings with which nothing waits longer than a test can."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a command came to. `json` is stdout read as one JSON document."""

    arguments: tuple[str, ...]
    code: int
    stdout: bytes
    stderr: str
    seconds: float

    @property
    def json(self) -> Any:
        try:
            return json.loads(self.stdout)
        except ValueError as error:
            raise AssertionError(f"stdout is no JSON document ({error})\n{self}") from error

    @property
    def lines(self) -> list[Any]:
        """Stdout read as JSON lines."""
        return [json.loads(line) for line in self.stdout.splitlines()]

    def expect(self, code: int) -> Done:
        """Fail with everything the command said unless it ended with this code."""
        assert self.code == code, f"expected exit code {code}\n{self}"
        return self

    def __str__(self) -> str:
        out = self.stdout.decode("utf-8", "replace")
        cut = f"{out[:2000]}\n… {len(out)} characters" if len(out) > 2000 else out
        said = self.stderr if len(self.stderr) < 6000 else f"{self.stderr[:3000]}\n…\n{self.stderr[-3000:]}"
        ended = f"exit {self.code} after {self.seconds:.1f} s"
        return f"$ tidemill {' '.join(self.arguments)}\n{ended}\n{cut}\n--- stderr\n{said}"


class Running:
    """A command that runs. Its output is kept in files, so that nobody has to read while it runs."""

    def __init__(self, arguments: tuple[str, ...], process: subprocess.Popen[bytes], out: IO[bytes], err: IO[bytes]):
        self.arguments = arguments
        self._process, self._out, self._err = process, out, err
        self._started = time.monotonic()

    @property
    def pid(self) -> int:
        """The process, which is the leader of its group too."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def signal_group(self, number: int) -> None:
        """What a terminal does on Ctrl-C: the signal goes to the process and to its children."""
        if not self.alive and psutil.pid_exists(self.pid):
            return  # it was waited for: its number is somebody else's by now
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def signal(self, number: int) -> None:
        """A signal for the process alone."""
        self._process.send_signal(number)

    def wait(self, timeout_s: float = 60.0) -> Done:
        """The end of it; fails if that does not come in time."""
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.end()
            raise AssertionError(f"still running after {timeout_s} s\n{self._done(-9)}") from None
        return self._done(code)

    def kill_group(self) -> Done:
        """kill -9 for the whole group."""
        self.signal_group(signal.SIGKILL)
        return self.wait(10.0)

    def end(self) -> None:
        """Leave nothing behind."""
        self.signal_group(signal.SIGCONT)
        self.signal_group(signal.SIGKILL)
        self._process.wait(10.0)

    def close(self) -> None:
        self._out.close()
        self._err.close()

    def _done(self, code: int) -> Done:
        self._out.seek(0)
        self._err.seek(0)
        seconds = time.monotonic() - self._started
        return Done(self.arguments, code, self._out.read(), self._err.read().decode("utf-8", "replace"), seconds)


class Tidemill:
    """The command, with a data folder and settings that go before each of its arguments.

    What runs to its end comes from the nursery that all tests share, in a tenth of the time; `cold` starts Python for
    each command, as a person does. What is started beside a block is cold unless a `nursery` is given.
    """

    def __init__(
        self,
        data_dir: Path,
        *settings: str,
        environ: dict[str, str] | None = None,
        cwd: Path | None = None,
        nursery: Nursery | None = None,
        cold: bool = False,
    ) -> None:
        self.nursery = nursery
        self.cold = cold
        self.data_dir = data_dir
        self.settings = (*QUICK, *settings)
        self.environ = environ or {}
        self.cwd = cwd or data_dir.parent

    def with_settings(self, *settings: str) -> Tidemill:
        """The same with more settings."""
        given = (*self.settings[len(QUICK) :], *settings)
        return Tidemill(self.data_dir, *given, environ=self.environ, cwd=self.cwd, nursery=self.nursery, cold=self.cold)

    def __call__(self, *arguments: str, timeout_s: float = 90.0, stdin: bytes | None = None) -> Done:
        """Run it to its end."""
        given = (*self._before(), *arguments)
        cold = self.cold or bool(self.environ)  # what an interpreter reads of its environment it reads at its start
        nursery = None if cold else self.nursery or _shared_nursery()
        with started(*given, environ=self.environ, cwd=self.cwd, stdin=stdin, nursery=nursery) as running:
            return running.wait(timeout_s)

    @contextlib.contextmanager
    def start(self, *arguments: str) -> Iterator[Running]:
        """Run it beside the block, at the end of which it is gone."""
        given = (*self._before(), *arguments)
        with started(*given, environ=self.environ, cwd=self.cwd, nursery=self.nursery) as running:
            yield running

    def crawl(self, target: str, *arguments: str, timeout_s: float = 90.0) -> Any:
        """Crawl with success; the summary."""
        done = self("crawl", target, "--allow-private", "--json", *arguments, timeout_s=timeout_s)
        return done.expect(0).json

    def ledger(self, *arguments: str) -> list[dict[str, Any]]:
        """The ledger of a run, the latest if none is named."""
        return list(self("ledger", "--json", *arguments).expect(0).json)

    def export(self, *arguments: str) -> bytes:
        """The export on stdout."""
        return self("export", *arguments).expect(0).stdout

    def documents(self, *arguments: str) -> list[dict[str, Any]]:
        """The export as it reads."""
        return [json.loads(line) for line in self.export(*arguments).splitlines()]

    def search(self, query: str, *arguments: str) -> Any:
        """The answer to a query."""
        return self("search", query, "--json", *arguments).expect(0).json

    def _before(self) -> list[str]:
        given = [part for each in self.settings for part in ("--set", each)]
        return ["--data-dir", str(self.data_dir), *given]


def executable() -> list[str]:
    """The `tidemill` beside this Python, or the same without being installed."""
    beside = Path(sys.executable).with_name("tidemill")
    if beside.is_file():
        return [str(beside)]
    return [sys.executable, "-c", "from tidemill.cli.main import run; run()"]


def run(
    *arguments: str,
    environ: dict[str, str] | None = None,
    cwd: Path | None = None,
    timeout_s: float = 60.0,
    stdin: bytes | None = None,
) -> Done:
    """Run `tidemill` with these arguments and nothing else."""
    with started(*arguments, environ=environ, cwd=cwd, stdin=stdin) as running:
        return running.wait(timeout_s)


@contextlib.contextmanager
def started(
    *arguments: str,
    environ: dict[str, str] | None = None,
    cwd: Path | None = None,
    stdin: bytes | None = None,
    nursery: Nursery | None = None,
) -> Iterator[Running]:
    """Run `tidemill` beside the block, at the end of which it is gone."""
    with contextlib.ExitStack() as stack:
        out, err, given = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(3))
        given.write(stdin or b"")
        given.seek(0)
        environment = clean_environment(environ)
        process: Any
        if nursery is not None:
            process = nursery.start(arguments, (given, out, err), cwd=cwd or ROOT, environ=environment)
        else:
            process = subprocess.Popen(
                [*executable(), *arguments],
                stdin=given,
                stdout=out,
                stderr=err,
                env=environment,
                cwd=cwd,
                start_new_session=True,
            )
        running = Running(arguments, process, out, err)
        stack.callback(running.end)
        yield running


def _shared_nursery() -> Nursery | None:
    from tests.harness.nursery import shared_nursery  # it needs this module

    return shared_nursery()


def clean_environment(more: dict[str, str] | None = None) -> dict[str, str]:
    """The environment without anything that speaks to Tidemill."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "LANG", "LC_ALL", "TMPDIR", "TZ"}}
    source = os.pathsep.join((str(ROOT / "src"), str(ROOT)))
    return {**kept, "HOME": "/nonexistent", "PYTHONPATH": source, "NO_COLOR": "1", **(more or {})}
