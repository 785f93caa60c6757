"""Finds what packages offer Tidemill under its entry-point groups; the built-ins are registered in the same way.

Comes in: the name of a group; goes out: name → callable. Called by the rooms that own a group (process: extractors and
steps).
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from tidemill.errors import TidemillError

EXTRACTORS = "tidemill.extractors"
STEPS = "tidemill.steps"


class PluginError(TidemillError):
    """A plug-in cannot be used. The message names it, its package and what is wrong."""

    default_reason = "plugin"


def load(group: str, *, built_in: bool = True) -> dict[str, Callable[..., Any]]:
    """The callables registered under `group`, by name, in the order of their names; or those of other packages alone.

    Raises `PluginError` if the group is empty (Tidemill itself is not installed), if two packages use one name, or if a
    plug-in cannot be imported or is not callable.
    """
    found = sorted(entry_points(group=group), key=lambda entry: (entry.name, entry.value))
    if not any(entry.value.startswith("tidemill.") for entry in found):
        raise PluginError(
            f"no built-in is registered under {group!r}: Tidemill runs only as an installed package; in a source tree "
            "run `make setup` (or `pip install -e .`)"
        )
    loaded: dict[str, Callable[..., Any]] = {}
    origin: dict[str, str] = {}
    for entry in found:
        if not built_in and entry.value.startswith("tidemill."):
            continue
        if origin.setdefault(entry.name, entry.value) != entry.value:
            raise PluginError(
                f"two plug-ins of {group!r} are called {entry.name!r}: {origin[entry.name]} and {entry.value}; "
                "uninstall one of the packages"
            )
        loaded[entry.name] = _load_one(group, entry)
    return loaded


def _load_one(group: str, entry: EntryPoint) -> Callable[..., Any]:
    package = entry.dist.name if entry.dist else "an unknown package"
    try:
        plugin = entry.load()
    except Exception as error:  # Whatever a stranger's module does when it is imported, the answer is the same.
        raise PluginError(
            f"plug-in {entry.name!r} of {group!r} ({entry.value}, from {package}) cannot be imported: "
            f"{type(error).__name__}: {error}; repair or uninstall {package}"
        ) from error
    if not callable(plugin):
        raise PluginError(
            f"plug-in {entry.name!r} of {group!r} ({entry.value}, from {package}) is a {type(plugin).__name__}, "
            "not a function"
        )
    return plugin  # type: ignore[no-any-return]
