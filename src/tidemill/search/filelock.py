"""A lock held by a process through a file: who gets it may write, and it is free the moment the process is gone.

`flock` belongs to the open file, so a forked child would hold it on after its parent's death: the descriptor is closed
in children as soon as they exist, and `exec` never passes it on.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from weakref import WeakMethod


class FileLock:
    """An exclusive lock on `path`, which is created (with its folder) when first asked for and never removed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        forget = WeakMethod(self._forget)
        os.register_at_fork(after_in_child=lambda: (method := forget()) and method())

    @property
    def held(self) -> bool:
        """Whether this process holds it through this object. Not if somebody deleted the file: others find another."""
        return self._descriptor is not None and os.fstat(self._descriptor).st_nlink > 0

    def acquire(self) -> bool:
        """Take it if it is free; says whether it is held now. Never waits."""
        if self.held:
            return True
        self._forget()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Give it back; harmless if it is not held."""
        self._forget()

    def _forget(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
