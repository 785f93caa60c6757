"""The files below a folder, one after the other, in an order that can be taken up again anywhere.

A folder comes in, its regular files go out, sorted by the parts of their paths; called by `folder`. Memory is bounded
however many files there are: of a large folder only the next few thousand names are kept.
"""

from __future__ import annotations

import heapq
import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

_CHUNK = 10_000
_DEEPEST = 200


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A regular file: `path` is relative to the folder, `modified_at` the later of when it and its entry changed."""

    path: str
    modified_at: datetime | None


def files_below(root: str, *, after: str = "", skipped: Counter[str]) -> Iterator[FoundFile]:
    """The files below `root` whose paths come after `after`, sorted by their parts. No hidden ones.

    Links to files count if they stay inside; links to folders do not, since what they show is there already. What is
    passed over is counted by reason. Raises `OSError` if `root` itself cannot be read.
    """
    real_root = os.path.realpath(root)
    yield from _below(root, "", after.split("/") if after else [], real_root, skipped)


def stays_inside(path: str, real_root: str) -> bool:
    """Whether a path leads, its links resolved, to something below `real_root` that is not hidden there."""
    return is_below(os.path.realpath(path), real_root) and not is_hidden(os.path.realpath(path), real_root)


def is_below(path: str, root: str) -> bool:
    """Whether `path` is below `root` by its spelling."""
    return path.startswith(root.rstrip("/") + "/")


def is_hidden(path: str, root: str) -> bool:
    """Whether a part of `path` below `root` begins with a dot."""
    return any(part.startswith(".") for part in path[len(root.rstrip("/")) :].split("/"))


def _below(folder: str, prefix: str, bounds: list[str], real_root: str, skipped: Counter[str]) -> Iterator[FoundFile]:
    """What is in `folder` and below it; `bounds` is what is left of the path after which to begin."""
    for entry in _in_order(folder, bounds[0] if bounds else ""):
        begun = bool(bounds) and entry.name == bounds[0]
        if entry.is_dir(follow_symlinks=False):
            if prefix.count("/") == _DEEPEST:
                skipped["too_deep"] += 1
                continue
            try:
                yield from _below(entry.path, f"{prefix}{entry.name}/", bounds[1:] if begun else [], real_root, skipped)
            except OSError:
                skipped["unreadable_folder"] += 1
        elif not begun:
            found = _file(entry, prefix + entry.name, real_root, skipped)
            if found is not None:
                yield found


def _in_order(folder: str, first: str) -> Iterator[os.DirEntry[str]]:
    """The entries of a folder from the name `first` on, sorted by name."""
    latest: str | None = None
    while True:
        with os.scandir(folder) as entries:
            wanted = (
                each
                for each in entries
                if not each.name.startswith(".") and each.name >= first and (latest is None or each.name > latest)
            )
            chunk = heapq.nsmallest(_CHUNK, wanted, key=lambda each: each.name)
        yield from chunk
        if len(chunk) < _CHUNK:
            return
        latest = chunk[-1].name


def _file(entry: os.DirEntry[str], path: str, real_root: str, skipped: Counter[str]) -> FoundFile | None:
    try:
        status = entry.stat()
        inside = not entry.is_symlink() or stays_inside(entry.path, real_root)
    except OSError:
        skipped["broken_link" if entry.is_symlink() else "vanished"] += 1
        return None
    if not inside or not stat.S_ISREG(status.st_mode):
        skipped["not_a_file" if inside else "link_outside"] += 1
        return None
    return FoundFile(path, _changed_at(status))


def _changed_at(status: os.stat_result) -> datetime | None:
    """When the file was put here as it is: one that was copied with an old date of its own is new nevertheless."""
    try:
        return datetime.fromtimestamp(max(status.st_mtime, status.st_ctime), UTC)
    except (ValueError, OverflowError, OSError):
        return None
