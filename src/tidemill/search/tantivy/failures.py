"""What tantivy raises (ValueError with a text, a Rust panic, OSError) becomes an error of the house with a way out."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tidemill.errors import Transient

_FULL = ("no space left", "storagefull", "quota exceeded")
_DAMAGED = ("corrupt", "invaliddata", "doesnotexist", "does not exist", "no such file", "schema error", "incompatible")
_UNREADABLE = ("failed to open", "io error", "ioerror")


class IndexDamaged(Transient):
    """Files of the index are missing or wrong. The process that writes it builds it again."""

    default_reason = "index_damaged"


@contextmanager
def explained(doing: str, folder: Path, *, panic: type[Transient] = Transient) -> Iterator[None]:
    """Errors inside become `Transient` (`disk_full`, `index_locked`, `index_unreadable`) or `IndexDamaged`.

    Others pass as they are. A Rust panic becomes `panic`: it proves damage where an index is opened, elsewhere it may be a single question's.
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
    if number in (errno.ENOSPC, errno.EDQUOT) or any(sign in text for sign in _FULL):
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
    if isinstance(error, OSError) or any(sign in text for sign in _UNREADABLE):
        return Transient(f"{doing} the search index {folder} failed: {_brief(error)}", reason="index_unreadable")
    return None


def _brief(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
