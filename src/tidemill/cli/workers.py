"""Several processes behind one port: `tidemill serve --workers N`.

The parent opens the socket and starts workers, which are the same command with one more option and accept from the
socket they inherit: the kernel hands each connection to one of them. A worker that dies is replaced; a signal to the
parent has all of them drain. Workers end when their parent does, however it ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from asyncio.subprocess import PIPE, Process
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidemill.cli.session import USAGE, interrupts, note
from tidemill.errors import Invalid
from tidemill.telemetry.logs import get_logger

if TYPE_CHECKING:
    from tidemill.settings import Settings

_BEGINNING_S = 5.0
_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 10.0
_DRAIN_S = 20.0
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a worker stands: its number, from 0, and the descriptor of the socket that it inherits."""

    descriptor: int
    number: int

    @classmethod
    def read(cls, text: str) -> Place:
        """As the parent writes it. Raises `Invalid`."""
        descriptor, _, number = text.partition(":")
        if not (descriptor.isdigit() and number.isdigit()):
            raise Invalid("--worker is for `tidemill serve` itself; leave it out")
        return cls(int(descriptor), int(number))

    def listener(self) -> socket.socket:
        """The socket."""
        return socket.socket(fileno=self.descriptor)

    def end_with_parent(self, stop: asyncio.Event) -> None:
        """Set `stop` when the parent is gone: its end of our standard input closes then, whatever killed it."""

        def closed() -> None:
            if not os.read(sys.stdin.fileno(), 1):
                asyncio.get_running_loop().remove_reader(sys.stdin)
                stop.set()

        asyncio.get_running_loop().add_reader(sys.stdin, closed)


async def supervised(settings: Settings) -> int:
    """Serve with `api.workers` processes until a signal; the status to end with. Raises `Conflict` or `Invalid`."""
    from tidemill.http.server import listen

    signals = interrupts()
    listener = await listen(settings.api.host, settings.api.port)
    listener.set_inheritable(True)
    _say(settings)
    keepers = [
        asyncio.create_task(_kept(Place(listener.fileno(), number), signals.stop), name=f"worker {number}")
        for number in range(settings.api.workers)
    ]
    try:
        return max(await asyncio.gather(*keepers))
    finally:
        listener.close()


def _say(settings: Settings) -> None:
    if settings.limits.url.startswith("memory:"):
        _log.warning(
            "each worker counts requests for itself; name a Redis (limits.url) to have them counted together",
            action="limits.alone",
            workers=settings.api.workers,
        )


async def _kept(place: Place, stop: asyncio.Event) -> int:
    """One worker, begun again when it dies. A first one that cannot even begin ends all: its message says why."""
    pause_s, is_first = _PAUSE_S, True
    while True:
        began = time.monotonic()
        status = await _one(place, stop)
        if stop.is_set():
            return max(0, status)
        lived_s = time.monotonic() - began
        if is_first and lived_s < _BEGINNING_S and 0 < status <= USAGE:
            stop.set()
            return status
        is_first = False
        pause_s = _PAUSE_S if lived_s > _BEGINNING_S else min(_LONGEST_PAUSE_S, 2 * pause_s)
        _log.error("a worker ended", action="worker.ended", worker=place.number, status=status, again_in_s=pause_s)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause_s)
            return 0


async def _one(place: Place, stop: asyncio.Event) -> int:
    """A worker from its beginning to its end; its status, or minus the number of the signal that killed it."""
    command = [sys.executable, "-m", "tidemill", *sys.argv[1:], "--worker", f"{place.descriptor}:{place.number}"]
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=PIPE,
        pass_fds=[place.descriptor],
        start_new_session=True,  # a Ctrl-C is for the parent, who passes it on
    )
    ended, stopping = asyncio.ensure_future(process.wait()), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            await _drained(process, ended)
        return await ended
    finally:
        stopping.cancel()
        if process.returncode is None:
            process.kill()


async def _drained(process: Process, ended: asyncio.Future[int]) -> None:
    """Have it end what is in flight; kill it if it takes too long."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    done, _ = await asyncio.wait({ended}, timeout=_DRAIN_S)
    if not done:
        note(f"worker {process.pid} did not end within {_DRAIN_S:g} s and is killed")
        process.kill()
