"""Importing of a library what is needed of it: some take longer to import than a small site to crawl.

In: the names of modules. Out: modules that are not found while a block runs (`without`: for libraries that provide for
that); packages that have no more than some of their parts until somebody asks for another (`in_parts`).
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec
from threading import RLock
from types import ModuleType
from typing import Any


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


def in_parts(package: str, parts: Mapping[str, Collection[str]]) -> None:
    """Import a package without what its `__init__` imports: of each of its modules in `parts` only these names.

    The `__init__` runs when another name of the package is asked for; everything is then as if it had run at once, and
    what was there before is the same. Nothing happens if the package is imported already.
    """
    if package in sys.modules:
        return
    spec = find_spec(package)
    if spec is None:
        raise ModuleNotFoundError(f"no package {package}; install it", name=package)
    module = sys.modules[package] = module_from_spec(spec)
    try:
        above, _, name = package.rpartition(".")
        setattr(sys.modules[above], name, module)
        for part, names in parts.items():
            known = import_module(f"{package}.{part}")
            vars(module).update({each: getattr(known, each) for each in names})
    except BaseException:
        del sys.modules[package]
        raise
    vars(module)["__getattr__"] = _Rest(module, spec)


class _Rest:
    """Runs the `__init__` of a package when a name of it is missing."""

    def __init__(self, module: ModuleType, spec: ModuleSpec) -> None:
        self._module = module
        self._spec = spec
        self._lock = RLock()

    def __call__(self, name: str) -> Any:
        """The missing name. Raises `AttributeError` if there is none in the whole package either."""
        namespace = vars(self._module)
        if not name.startswith("__") or name == "__all__":
            with self._lock:
                if namespace.get("__getattr__") is self:
                    self._run(namespace)
            if name in namespace:
                return namespace[name]
        raise AttributeError(f"module {self._module.__name__!r} has no attribute {name!r}")

    def _run(self, namespace: dict[str, Any]) -> None:
        del namespace["__getattr__"]  # what it imports may ask the package whether it has something
        try:
            if self._spec.loader is not None:
                self._spec.loader.exec_module(self._module)
        except BaseException:
            namespace["__getattr__"] = self
            raise
