"""What the workers of `test_pool` run instead of the pipeline: each command misbehaves in its own way."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

from tidemill.models.capture import Capture
from tidemill.models.document import Draft, Processed
from tidemill.models.source import ProcessRules

KEPT: list[bytearray] = []


class Bomb:
    """Does not survive the way through a pipe."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (int, ("no number",))


class Speechless(Exception):
    """Cannot even say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


def obey(capture: Capture, body: bytes, rules: ProcessRules) -> Processed:
    """Does what the body says; the draft's title is the worker's process id, its fields what the command gave."""
    command, _, argument = body.decode().partition(" ")
    given = COMMANDS[command](argument)
    return Processed(capture.id, (Draft(kind="article", title=str(os.getpid()), fields={"given": given}),))  # type: ignore[dict-item]


def _die(argument: str) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def _null(argument: str) -> None:
    ctypes.string_at(0)


def _eat(argument: str) -> None:
    bytearray(int(argument) * 1024 * 1024)


def _keep(argument: str) -> None:
    KEPT.append(bytearray(b"x" * (int(argument) * 1024 * 1024)))


def _raise(argument: str) -> None:
    raise LookupError(argument)


def _speechless(argument: str) -> None:
    raise Speechless


def _recurse(argument: str) -> None:
    _recurse(argument)


def _write(argument: str) -> None:
    print(argument)
    os.write(1, argument.encode())
    subprocess.run([sys.executable, "-c", f"print({argument!r})"], check=True)


def _read(argument: str) -> str:
    return sys.stdin.read()


def _threads(argument: str) -> None:
    for _ in range(int(argument)):
        threading.Thread(target=time.sleep, args=(600,)).start()


def _spawn(argument: str) -> int:
    return subprocess.Popen(["sleep", "600"]).pid


def _fork_and_die(argument: str) -> None:
    if os.fork() == 0:
        time.sleep(600)
    os._exit(9)


def _block(argument: str) -> None:
    """Leaves a thread behind that never lets go of the interpreter, so that no other task can begin."""

    def hold() -> None:
        time.sleep(0.05)
        ctypes.PyDLL(None).sleep(600)

    threading.Thread(target=hold, daemon=True).start()


def _nothing(argument: str) -> None:
    """A good task."""


def _bomb(argument: str) -> Bomb:
    return Bomb()


def _lambda(argument: str) -> Callable[[], None]:
    return lambda: None


def _long(argument: str) -> str:
    return "x" * (int(argument) * 1024 * 1024)


COMMANDS: dict[str, Callable[[str], object]] = {
    "ok": _nothing,
    "sleep": lambda argument: time.sleep(float(argument)),
    "die": _die,
    "null": _null,
    "exit": lambda argument: os._exit(int(argument)),
    "sys.exit": lambda argument: sys.exit(argument),
    "eat": _eat,
    "keep": _keep,
    "raise": _raise,
    "speechless": _speechless,
    "recurse": _recurse,
    "print": _write,
    "read": _read,
    "threads": _threads,
    "spawn": _spawn,
    "fork": _fork_and_die,
    "block": _block,
    "bomb": _bomb,
    "lambda": _lambda,
    "long": _long,
}


def cannot_start() -> None:
    raise ImportError("a library is missing")


def warm() -> None:
    """Nothing to load."""
