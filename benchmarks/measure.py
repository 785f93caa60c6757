"""Running a command as a process of its own: what it takes, seen from outside. For benchmarks of whole commands."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

_SAMPLE_S = 0.05


@dataclass(frozen=True, slots=True)
class Sample:
    """A process and its children at one moment of the monotonic clock: CPU seconds so far and resident bytes."""

    at: float
    cpu_s: float
    bytes: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command took: wall and CPU seconds (user and system, children included), its output and samples of it."""

    wall_s: float
    cpu_s: float
    out: str
    samples: tuple[Sample, ...]

    @property
    def peak_bytes(self) -> int:
        """The most memory it was seen to hold."""
        return max((sample.bytes for sample in self.samples), default=0)

    def cpu_at(self, moment: float) -> float:
        """The CPU seconds it had used at a moment, between two samples as if it had used them evenly."""
        times = [sample.at for sample in self.samples]
        behind = min(max(bisect_left(times, moment), 1), len(times) - 1)
        before, after = self.samples[behind - 1], self.samples[behind]
        share = (moment - before.at) / (after.at - before.at)
        return before.cpu_s + min(max(share, 0.0), 1.0) * (after.cpu_s - before.cpu_s)


def cost_of(
    command: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None, timeout_s: float = 1800
) -> Cost:
    """Run a command to its end; ends the benchmark with what it said on stderr if it fails."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.perf_counter()
        given = dict(os.environ if env is None else env)
        given.pop("PYTHONDONTWRITEBYTECODE", None)  # each start would compile what an installed program has compiled
        process = subprocess.Popen(command, stdout=out, stderr=err, cwd=cwd, env=given)
        watch = _Watch(process.pid)
        deadline = threading.Timer(timeout_s, process.kill)
        deadline.start()
        _, status, usage = os.wait4(process.pid, 0)  # the one way to the usage of this child and no other
        wall_s = time.perf_counter() - started
        deadline.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        samples = watch.ended()
        out.seek(0)
        err.seek(0)
        if process.returncode != 0:
            sys.exit(f"{' '.join(command)}\nended with status {process.returncode}:\n{err.read().decode()[-4000:]}")
        return Cost(wall_s, usage.ru_utime + usage.ru_stime, out.read().decode(), tuple(samples))


def arguments() -> list[str]:
    """What was said to this benchmark, whether by itself or behind its name (`python -m benchmarks NAME …`)."""
    return sys.argv[2:] if sys.argv[1:2] and not sys.argv[1].startswith("-") else sys.argv[1:]


def servers_cpu_s() -> float:
    """CPU seconds of the servers that we have started, their ended connections included."""
    total = 0.0
    for each in psutil.Process().children(recursive=True):
        try:
            if each.name() in ("postgres", "redis-server", "beam.smp"):
                times = each.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
        except psutil.NoSuchProcess:
            continue
    return total


class _Watch:
    """Samples a process and its children from a thread, until it is ended."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._samples: list[Sample] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def ended(self) -> list[Sample]:
        self._over.set()
        self._thread.join()
        return self._samples

    def _run(self) -> None:
        while not self._over.wait(_SAMPLE_S):
            try:
                every = (self._process, *self._process.children(recursive=True))
                cpu = sum(sum(each.cpu_times()[:2]) for each in every)
                memory = sum(each.memory_info().rss for each in every)
            except psutil.Error:
                continue
            self._samples.append(Sample(time.monotonic(), cpu, memory))
