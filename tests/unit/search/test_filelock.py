"""The file lock: one at a time, free at once, and not passed on to children."""

from __future__ import annotations

import os
from pathlib import Path

from tidemill.search.filelock import FileLock


def test_one_at_a_time(tmp_path: Path) -> None:
    first, second = (FileLock(tmp_path / "new" / "lock") for _ in range(2))
    assert first.acquire()
    assert first.acquire()
    assert first.held
    assert not second.acquire()
    assert not second.held
    first.release()
    first.release()
    assert second.acquire()
    second.release()


def test_a_forked_child_does_not_keep_it(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "lock")
    assert lock.acquire()
    go, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(go, 1)
        os._exit(1 if lock.held else 0)
    lock.release()
    other = FileLock(tmp_path / "lock")
    assert other.acquire()
    other.release()
    os.write(told, b".")
    assert os.waitpid(child, 0)[1] == 0
    os.close(go)
    os.close(told)
