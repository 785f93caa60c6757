"""The cursor file: read once as long as it is the same, and never taken for the same when it is not."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tidemill.search.tantivy.cursor import CURSOR_FILE, Cursor, CursorFile, write_cursor
from tidemill.search.tantivy.failures import IndexDamaged


def cursor(event_id: int) -> Cursor:
    return Cursor(1, "epoch", event_id, "generation-0a", 5)


def age(root: Path, seconds: float) -> None:
    """As if it had been written so long ago."""
    at = time.time() - seconds
    os.utime(root / CURSOR_FILE, (at, at))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_cursor(tmp_path, cursor(1))
    return tmp_path


def test_nothing_is_known_before_it_was_read(root: Path) -> None:
    assert CursorFile(root).known() is None


def test_what_was_read_is_known_while_the_file_is_the_same(root: Path) -> None:
    file = CursorFile(root)
    age(root, 10)
    assert file.read() == file.known() == cursor(1)


def test_another_file_is_noticed(root: Path) -> None:
    file = CursorFile(root)
    age(root, 10)
    file.read()
    write_cursor(root, cursor(2))
    assert file.known() is None
    assert file.read() == cursor(2)


def test_a_file_that_was_written_just_now_may_be_another_by_now(root: Path) -> None:
    """Two files of one moment and one length look the same to who asks for their time."""
    file = CursorFile(root)
    assert file.read() == cursor(1)
    assert file.known() is None


def test_a_file_that_is_gone_or_damaged_is_no_known_one(root: Path) -> None:
    file = CursorFile(root)
    age(root, 10)
    file.read()
    (root / CURSOR_FILE).write_text("{")
    assert file.known() is None
    with pytest.raises(IndexDamaged):
        file.read()
    (root / CURSOR_FILE).unlink()
    assert file.known() is None
    assert file.read() is None
