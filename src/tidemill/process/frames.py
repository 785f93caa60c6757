"""The frames between the pool and its worker processes: a header (kind, number, size), then a pickle.

Both ends are ours and share a pipe that nobody else can write to; nothing from outside is ever unpickled unread.
"""

from __future__ import annotations

import struct
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


def pack(kind: Kind, number: int = 0, payload: bytes = b"") -> bytes:
    """One frame as bytes."""
    return HEADER.pack(kind, number, len(payload)) + payload
