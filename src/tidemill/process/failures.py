"""An exception put into the terms that a dead letter keeps: type, message, place, trace.

Called at the edge of the worker process.
"""

from __future__ import annotations

import traceback
from pathlib import Path
from types import TracebackType

import tidemill
from tidemill.models.failure import Failure

MAX_TRACE_BYTES = 8 * 1024
MAX_MESSAGE_CHARS = 1_000
_FIRST_FRAMES, _LAST_FRAMES = 8, 40
_PACKAGE = Path(tidemill.__file__).parent


def describe(error: BaseException, *, reason: str = "error") -> Failure:
    """The failure that `error` means. Equal faults get equal places, wherever the package lies."""
    return Failure(
        reason=reason,
        error_type=type(error).__name__,
        message=_message(error)[:MAX_MESSAGE_CHARS],
        place=_place(error.__traceback__),
        trace=_trace(error),
    )


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as fault:  # noqa: BLE001 - a stranger's exception may fail at that, too
        return f"(its message cannot be shown: {type(fault).__name__})"


def _place(trace: TracebackType | None) -> str:
    """`file:line function` of the innermost frame in Tidemill, or of the innermost one if there is none."""
    frames = traceback.extract_tb(trace)
    own = [
        frame for frame in frames if Path(frame.filename).is_relative_to(_PACKAGE) and "/child.py" not in frame.filename
    ]
    if not (chosen := own or frames):
        return ""
    frame = chosen[-1]
    path = Path(frame.filename)
    shown = path.relative_to(_PACKAGE).as_posix() if own else path.name
    return f"{shown}:{frame.lineno} {frame.name}"


def _trace(error: BaseException) -> str:
    """The end of the trace, where the cause is; of a very deep one the beginning, too."""
    lines = traceback.format_exception(error, limit=-_LAST_FRAMES)
    if _is_deep(error.__traceback__):
        lines.insert(1, "".join(traceback.format_tb(error.__traceback__, limit=_FIRST_FRAMES)) + "  [...]\n")
    text = "".join(lines).encode("utf-8", "replace")
    return text[-MAX_TRACE_BYTES:].decode("utf-8", "ignore")


def _is_deep(trace: TracebackType | None) -> bool:
    for _ in range(_FIRST_FRAMES + _LAST_FRAMES):
        if trace is None:
            return False
        trace = trace.tb_next
    return trace is not None
