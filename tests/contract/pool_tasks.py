"""What the workers of `test_pool` run instead of the pipeline: each function misbehaves in its own way."""

from __future__ import annotations

import os
import signal
import time

from tidemill.models.capture import Capture
from tidemill.models.document import Draft, Processed
from tidemill.models.source import ProcessRules


def obey(capture: Capture, body: bytes, rules: ProcessRules) -> Processed:
    """Does what the body says; the draft's title is the worker's process id."""
    command, _, argument = body.decode().partition(" ")
    if command == "sleep":
        time.sleep(float(argument))
    elif command == "die":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif command == "exit":
        os._exit(int(argument))
    elif command == "eat":
        bytearray(int(argument) * 1024 * 1024)
    elif command == "raise":
        raise LookupError(argument)
    elif command == "print":
        print(argument)
    return Processed(capture.id, (Draft(kind="article", title=str(os.getpid())),))


def cannot_start() -> None:
    raise ImportError("a library is missing")


def warm() -> None:
    """Nothing to load."""
