"""The file lock: one at a time, free at once, and not passed on to children."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

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


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_does_not_keep_it(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "lock")
    assert lock.acquire()
    ready, say_ready = os.pipe()
    leave, say_leave = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(say_leave)
        os.write(say_ready, b".")
        os.read(leave, 1)  # ends with the parent's end of the pipe, whatever happens there
        os._exit(1 if lock.held else 0)
    try:
        os.read(ready, 1)
        lock.release()
        other = FileLock(tmp_path / "lock")
        assert other.acquire()
        other.release()
    finally:
        for descriptor in (ready, say_ready, leave, say_leave):
            os.close(descriptor)
        status = os.waitpid(child, 0)[1]
    assert status == 0
