"""The cursor file beside the index: which folder holds the index, of which version and database, and how far it is.

It is written after each commit, whole or not at all, so it never says more than the index holds; a crash in between
only means that some changes are applied again.
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import orjson

from tidemill.search.base import Position
from tidemill.search.tantivy.failures import IndexDamaged

CURSOR_FILE = "cursor.json"
GENERATION = "generation-"
_SETTLED_NS = 100_000_000
"""A file that was changed so lately may change again without another time: clocks of file systems tick slowly."""

_GENERATION_FOLDER = re.compile(f"{GENERATION}[0-9a-f]+")


@dataclass(frozen=True, slots=True)
class Cursor:
    """`folder` is a name inside the index folder; `opstamp` is tantivy's count of operations at the commit.

    `rebuilt` is the last request to build the index anew that it has fulfilled; cursors of before know none.
    """

    version: int
    epoch: str
    event_id: int
    folder: str
    opstamp: int
    rebuilt: int = 0

    @property
    def position(self) -> Position:
        """As the port has it."""
        return Position(self.epoch, self.event_id, self.rebuilt)


def read_cursor(root: Path) -> Cursor | None:
    """The cursor of the index folder `root`, or `None` if there is none. Raises `IndexDamaged`."""
    path = root / CURSOR_FILE
    try:
        values = orjson.loads(path.read_bytes())
        cursor = Cursor(**values)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise IndexDamaged(f"{path} cannot be read: {error}") from error
    types = {"version": int, "epoch": str, "event_id": int, "folder": str, "opstamp": int, "rebuilt": int}
    wrong = [name for name, kind in types.items() if type(getattr(cursor, name)) is not kind]
    if wrong or not _GENERATION_FOLDER.fullmatch(cursor.folder):
        raise IndexDamaged(f"{path} has wrong values for {', '.join(wrong) or 'folder'}")
    return cursor


class CursorFile:
    """The cursor of one index folder, read anew whenever its file is another. Any number of threads may ask."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path = root / CURSOR_FILE
        self._kept: tuple[_Signature, Cursor] | None = None

    def read(self) -> Cursor | None:
        """See `read_cursor`."""
        known = self.known()
        if known is not None:
            return known
        signature = _signature(self._path)
        cursor = read_cursor(self._root)
        if cursor is not None and signature is not None and time.time_ns() - signature.changed_ns > _SETTLED_NS:
            self._kept = (signature, cursor)
        return cursor

    def known(self) -> Cursor | None:
        """What was read, if the file is still the same; `None` if it has to be read. That takes microseconds."""
        kept = self._kept
        return kept[1] if kept is not None and _signature(self._path) == kept[0] else None


class _Signature(NamedTuple):
    inode: int
    changed_ns: int
    size: int


def _signature(path: Path) -> _Signature | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return _Signature(found.st_ino, found.st_mtime_ns, found.st_size)


def write_cursor(root: Path, cursor: Cursor) -> None:
    """Replace the cursor by one atomic rename, and have it on disk when this returns. Raises `OSError`."""
    path = root / CURSOR_FILE
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        file.write(orjson.dumps(asdict(cursor)))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    _sync_folder(root)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
