"""Who may write an index that any machine can reach: a lock of the database where that is a server, else of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from tidemill.search.filelock import FileLock


class WriterLock(Protocol):
    """Held by at most one process, and free as soon as that one is gone."""

    @property
    def held(self) -> bool:
        """Whether this process holds it."""
        ...

    async def try_acquire(self) -> bool:
        """Take it if it is free; says whether it is held now. Never waits."""
        ...

    async def check(self) -> None:
        """Raise `Transient` if it was lost."""
        ...

    async def release(self) -> None:
        """Give it back; harmless if it is not held."""
        ...


class LocalLock:
    """Among the processes of one machine."""

    def __init__(self, path: Path) -> None:
        self._lock = FileLock(path)

    @property
    def held(self) -> bool:
        """See `WriterLock`."""
        return self._lock.held

    async def try_acquire(self) -> bool:
        """See `WriterLock`."""
        return self._lock.acquire()

    async def check(self) -> None:
        """The kernel takes it from nobody who lives."""

    async def release(self) -> None:
        """See `WriterLock`."""
        self._lock.release()
