"""The frames between the pool and its worker processes: a header (kind, number, size), then a pickle.

Both ends are ours and share a pipe that nobody else can write to; nothing from outside is ever unpickled unread.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from enum import IntEnum

HEADER = struct.Struct(">BQQ")
"""Kind of frame, number of the task (0 if it belongs to none), size of the payload in bytes."""


class Kind(IntEnum):
    """What a frame says. `TASK` goes to the worker, the others come from it.

    `LAST` is a `DONE` after which the worker is fit for no more tasks.
    """

    TASK = 1
    READY = 2
    BEGIN = 3
    DONE = 4
    LAST = 5


_KINDS = {int(kind): kind for kind in Kind}


def pack(kind: Kind, number: int = 0, payload: bytes = b"") -> bytes:
    """One frame as bytes."""
    return HEADER.pack(kind, number, len(payload)) + payload


class FrameReader(asyncio.Protocol):
    """Cuts what comes out of a pipe into frames, in the callback that reads it: a stream would cost four turns of the
    loop for each.

    `hear` is given each frame and says whether it made sense; `wants` says of a header whether its payload is to be
    waited for; `pause` is called when all that had come has been heard. `ended` is done when nothing more will come.
    """

    def __init__(
        self,
        wants: Callable[[Kind, int, int], bool],
        hear: Callable[[Kind, int, bytes], None],
        pause: Callable[[], None],
    ) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._wants, self._hear, self._pause = wants, hear, pause
        self._held = bytearray()

    def data_received(self, data: bytes) -> None:
        """Hear every frame that is complete now."""
        if self.ended.done():
            return
        self._held += data
        try:
            while not self.ended.done() and self._take():
                pass
            self._pause()
        except Exception as error:  # noqa: BLE001 - it is raised where the end is awaited
            self.end(error)

    def connection_lost(self, exc: Exception | None) -> None:
        """The pipe is at its end."""
        self.end()

    def end(self, error: Exception | None = None) -> None:
        """Hear nothing more."""
        self._held.clear()
        if self.ended.done():
            return
        if error is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(error)

    def _take(self) -> bool:
        """Hear the first frame, if all of it is there; one that makes no sense ends it all."""
        if len(self._held) < HEADER.size:
            return False
        code, number, size = HEADER.unpack_from(self._held)
        kind = _KINDS.get(code)
        if kind is None or not self._wants(kind, number, size):
            self.end()
            return False
        end = HEADER.size + size
        if len(self._held) < end:
            return False
        payload = bytes(memoryview(self._held)[HEADER.size : end])
        del self._held[:end]
        self._hear(kind, number, payload)
        return True
