"""Keeps servers for as long as a process lives: `python -m tests.harness.keeper PID COMMANDS-AS-JSON`.

Test servers are shared by the workers of a session, so none of those may end them; the keeper watches the session's
main process and ends what it started, by process group, however that ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

_LOOK_S = 0.2
_PATIENCE_S = 2.0


def main() -> None:
    """Start the commands in their order and end them in reverse."""
    watched, commands = int(sys.argv[1]), json.loads(sys.argv[2])
    for number in (signal.SIGINT, signal.SIGTERM):  # those of the terminal are for the tests
        signal.signal(number, signal.SIG_IGN)
    started = [
        subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=_restore)
        for command in commands
    ]
    while _lives(watched) and all(each.poll() is None for each in started):
        time.sleep(_LOOK_S)
    for each in reversed(started):
        _end(each)


def _restore() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_PATIENCE_S)


if __name__ == "__main__":
    main()
