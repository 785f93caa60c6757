"""What goes wrong with an archive in a folder, in sentences: in come paths and the errors of system and SQLite, out go
errors of the house. Called by the archive of packs and by the reader of older archives."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

from tidemill.errors import NoSpace, Permanent

_FULL = (errno.ENOSPC, errno.EDQUOT)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_NO_ROOM = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


def missing(root: Path, body_hash: str) -> Permanent:
    """No pack and no file has the body."""
    return Permanent(
        f"the archive {root} has no body {body_hash}; crawl the page again to bring it back", reason="archive_missing"
    )


def corrupt(place: str, why: str, remedy: str) -> Permanent:
    """The body is there, and not what its hash says."""
    return Permanent(f"the archived body {place} is damaged ({why}); {remedy}", reason="archive_corrupt")


def unwritable(root: Path, error: OSError) -> Permanent:
    """The system refused a write."""
    full = error.errno in _FULL
    remedy = "free some space" if full else "check the folder and its rights"
    message = (
        f"cannot use the archive {root}: {error.strerror}; nothing stored is lost: {remedy} and run the command again"
    )
    return NoSpace(message) if full else Permanent(message, reason="archive_unavailable")


def is_damage(error: sqlite3.Error) -> bool:
    """Whether SQLite says that its file is broken, so that making it anew helps."""
    return _code(error) in _DAMAGED


def unusable_index(path: Path, error: sqlite3.Error) -> Permanent:
    """SQLite refused. It tells a full disk by either of two codes, as its log or its shared memory had no room."""
    full = _code(error) in _NO_ROOM
    remedy = "free some space" if full else f"check its rights and who else uses it (`fuser {path}`)"
    message = (
        f"the index of the archive, {path}, cannot be used: {error}; nothing stored is lost: {remedy} and run the"
        " command again"
    )
    return NoSpace(message) if full else Permanent(message, reason="archive_unavailable")


def held_index(path: Path) -> Permanent:
    """A damaged index is made anew only when nobody else has it open."""
    return Permanent(
        f"the index of the archive, {path}, is damaged, and other processes have it open; end them: whoever comes next"
        " makes it anew",
        reason="archive_unavailable",
    )


def _code(error: sqlite3.Error) -> int:
    """The primary code; errors that Python's module raises itself have none."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
