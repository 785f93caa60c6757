"""How much memory a process had at the most, watched from outside while it runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_EVERY_S = 0.02


@dataclass
class Peak:
    """The most that was resident, in bytes."""

    resident_bytes: int = 0


@contextmanager
def peak_memory(pid: int) -> Iterator[Peak]:
    """Watch a process until the block ends. The kernel keeps the peak (VmHWM, in `proc(5)`), so that none is missed
    between two looks; only what happens after the last one is."""
    peak, done = Peak(), threading.Event()

    def watch() -> None:
        while not done.wait(_EVERY_S):
            peak.resident_bytes = max(peak.resident_bytes, _high_water(pid))

    thread = threading.Thread(target=watch, name="peak memory")
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()


def _high_water(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    line = next((line for line in status.splitlines() if line.startswith("VmHWM:")), None)  # a zombie has none
    return int(line.split()[1]) * 1024 if line else 0
