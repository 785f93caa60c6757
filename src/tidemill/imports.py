"""Importing a library without the optional parts that it would import as soon as it finds them.

In: the names of modules. Out: while the block runs, these are not installed. For libraries that provide for that, and
whose extras take longer to import than a small site to crawl.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class _Absent(MetaPathFinder):
    """Answers for these names alone: they are not there."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = names

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        if fullname in self._names:
            raise ModuleNotFoundError(
                f"{fullname} was left out when Tidemill imported what asks for it; import it by this name",
                name=fullname,
            )
        return None


@contextmanager
def without(names: Collection[str]) -> Iterator[None]:
    """Modules of these names are not found in this block, unless they are loaded already."""
    absent = _Absent(names)
    sys.meta_path.insert(0, absent)
    try:
        yield
    finally:
        sys.meta_path.remove(absent)
