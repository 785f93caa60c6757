"""What tantivy raises (ValueError with a text, a Rust panic, OSError) becomes an error of the house with a way out."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tidemill.errors import Transient

_FULL = ("no space left", "storagefull", "quota exceeded")
_DAMAGED = ("corrupt", "invaliddata", "doesnotexist", "does not exist", "no such file", "schema error", "incompatible")
_UNREADABLE = ("failed to open", "io error", "ioerror")
_KILLED = ("writer was killed", "worker thread failed")
_FULL_BELOW_BYTES = 8_000_000


class IndexDamaged(Transient):
    """Files of the index are missing or wrong. The process that writes it builds it again."""

    default_reason = "index_damaged"


@contextmanager
def explained(doing: str, folder: Path, *, panic: type[Transient] = Transient) -> Iterator[None]:
    """Errors inside become `Transient` (`disk_full`, `index_locked`, `index_unreadable`) or `IndexDamaged`.

    Others pass as they are. A Rust panic becomes `panic`: it proves damage where an index is opened; elsewhere it may
    be the fault of a single question.
    """
    try:
        yield
    except (ValueError, OSError) as error:
        known = _known(doing, folder, error)
        if known is None:
            raise
        raise known from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise panic(
            f"{doing} the search index {folder} failed inside tantivy: {_brief(error)}", reason="engine_panic"
        ) from error


def _known(doing: str, folder: Path, error: ValueError | OSError) -> Transient | None:
    text = str(error).lower()
    number = error.errno if isinstance(error, OSError) else None
    full = number in (errno.ENOSPC, errno.EDQUOT) or any(sign in text for sign in _FULL)
    if full or (any(sign in text for sign in _KILLED) and _has_no_space(folder)):
        return Transient(
            f"{doing} the search index {folder} failed: the disk is full. Free some space; indexing goes on by itself",
            reason="disk_full",
        )
    if "lockbusy" in text:
        return Transient(
            f"{doing} the search index {folder} failed: another process still writes it", reason="index_locked"
        )
    if any(sign in text for sign in _DAMAGED):
        return IndexDamaged(
            f"{doing} the search index {folder} failed: {_brief(error)}. It is built again by the process that writes "
            "it; if none does, delete the folder and start one"
        )
    if isinstance(error, OSError) or any(sign in text for sign in (*_UNREADABLE, *_KILLED)):
        return Transient(f"{doing} the search index {folder} failed: {_brief(error)}", reason="index_unreadable")
    return None


def _has_no_space(folder: Path) -> bool:
    """Whether that is why tantivy's thread died: it does not say."""
    return folder.exists() and shutil.disk_usage(folder).free < _FULL_BELOW_BYTES


def _brief(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
