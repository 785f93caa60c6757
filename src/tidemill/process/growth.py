"""How much a worker process may grow, and whether the last task has left it too large for the next.

Comes in: the limit of the settings; goes out: yes or no. Called by `child`. Linux only; elsewhere nothing is known and
nothing limited.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import sys
import threading
from pathlib import Path

_MIB = 1024 * 1024
_LEFT_BEHIND = 4
_MOST_THREADS = 8
_STATM = Path("/proc/self/statm")


def limit_memory(memory_mb: int) -> None:
    """From now on the address space may grow by so much; what asks for more gets `MemoryError`."""
    if not _is_linux():
        return
    import resource  # Not on every platform.

    limit = _sizes()[0] + memory_mb * _MIB
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


class Growth:
    """What the process was when it was ready. It is worn out when it keeps a quarter of the memory that one task may
    take, or threads that tasks have started and not ended: the next task would have to pay for those before it."""

    def __init__(self, memory_mb: int) -> None:
        self._allowed = memory_mb * _MIB // _LEFT_BEHIND
        self._space, self._resident = _sizes()
        self._threads = threading.active_count()

    def is_too_much(self) -> bool:
        """Whether the process should be replaced. Tries to give memory back first."""
        if threading.active_count() > self._threads + _MOST_THREADS:
            return True
        if not self._has_grown():
            return False
        gc.collect()
        _trim()
        return self._has_grown()

    def _has_grown(self) -> bool:
        """Address space counts half: an allocator keeps some of it that takes no memory."""
        space, resident = _sizes()
        return resident - self._resident > self._allowed or space - self._space > 2 * self._allowed


def _sizes() -> tuple[int, int]:
    """Address space and resident memory in bytes."""
    if not _is_linux():
        return 0, 0
    import resource

    space, resident = _STATM.read_text().split()[:2]
    page = resource.getpagesize()
    return int(space) * page, int(resident) * page


def _trim() -> None:
    """Gives the allocator's free memory back to the system, where the C library can (glibc)."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def _is_linux() -> bool:
    return sys.platform.startswith("linux")
