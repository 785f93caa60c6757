"""Named steps of the work at which a fault test has a process die: `reached("crawl.fetched")` marks one in the code.

The setting `testing.crash_at` names a step and which passing of it is the last; the command line arms it at its start
(`cli.session`). Nothing is armed otherwise, and a step then costs a call and a comparison. The fault tests read the
names out of the code, and each has its test (`tests/fault/test_crash_points.py`). What is armed belongs to the process,
as logging does: a step may stand anywhere, in a transaction or in a thread.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass

from tidemill.telemetry.logs import get_logger

_log = get_logger(__name__)


@dataclass(slots=True)
class _Blow:
    """Where this process is to die, and how often it still passes there alive; no step is named so by default."""

    step: str = ""
    spared: int = 0


_blow = _Blow()


def arm(crash_at: str) -> None:
    """Have this process die at `STEP:N`, the N-th time that it reaches the step; with an empty text, never."""
    step, _, number = crash_at.partition(":")
    _blow.step, _blow.spared = step, int(number or 1) - 1
    if step:
        _log.warning("this process will kill itself", action="testing.armed", crash_at=crash_at)


def reached(step: str) -> None:
    """The work has come to this step, and is to survive that a process ends here."""
    if step == _blow.step:
        _strike()


def _strike() -> None:
    """As `kill -9` does: nothing is flushed, closed, rolled back or given back."""
    if _blow.spared > 0:
        _blow.spared -= 1
        return
    os.kill(os.getpid(), signal.SIGKILL)
