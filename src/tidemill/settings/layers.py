"""A layer: what one place gives, in one form for all places. Here: profile files and the caller's own values.

`load.py` asks for the layers in order of precedence; `variables.py` reads those that are made of variables. Nothing
here looks at types or bounds: the tree does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tidemill.settings.catalogue import NAMING_RULE, SECRETS, catalogue, find, groups
from tidemill.settings.problems import Problem, nearest

_QUOTED = re.compile(r"'(?!<)[^']{2,}'|\"[^\"]{2,}\"")


@dataclass(frozen=True, slots=True)
class Given:
    """One value as it was given, with the place it came from."""

    value: object
    origin: str


@dataclass(slots=True)
class Layer:
    """What one place gives: values by dotted name, faults, and names that the profile `local` ignores."""

    values: dict[str, Given] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)


def read_profile(path: Path) -> Layer:
    """The settings of one YAML file."""
    layer = Layer()
    origin = f"profile file {path}"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as error:
        layer.problems.append(Problem(str(path), _what_is_no_yaml(error), "correct the file"))
        return layer
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        layer.problems.append(Problem(str(path), " ".join(str(error).split()), "correct the file"))
        return layer
    except ValueError:  # its text would quote what may be a secret
        layer.problems.append(Problem(str(path), "holds a date or number that does not exist", "put it in quotes"))
        return layer
    if content is not None and not isinstance(content, dict):
        layer.problems.append(
            Problem(str(path), "not a mapping of settings", "write `group:` and below it its settings")
        )
        return layer
    if content and "profile" in content:
        layer.problems.append(Problem(str(path), "a profile file cannot name a profile", "take `profile` out of it"))
    _take_tree(layer, {key: value for key, value in (content or {}).items() if key != "profile"}, origin)
    return layer


def read_overrides(overrides: Mapping[str, Any]) -> Layer:
    """What the caller gives: dotted names or nested mappings; `None` means not given."""
    layer = Layer()
    _take_tree(layer, overrides, "command line", skip_none=True)
    return layer


def parse_text(name: str, value: object) -> object:
    """The text of a variable as the tree takes it: lists by commas (or JSON), `none` where nothing is a value."""
    setting = find(name)
    if setting is None or not isinstance(value, str):
        return value
    if setting.is_optional and value.strip().lower() in ("none", "null"):
        return None
    if not setting.is_list:
        return value
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return [part.strip() for part in value.split(",") if part.strip()]


def _take_tree(layer: Layer, tree: Mapping[str, Any], origin: str, *, skip_none: bool = False) -> None:
    known, above = catalogue(), groups()
    for name, value in _flatten(tree, ""):
        if find(name) is not None:
            if not (skip_none and value is None):
                layer.values[name] = Given(value, origin)
        elif name in above:
            if value is not None:
                given = "" if name == SECRETS else str(value)
                layer.problems.append(Problem(name, "a group of settings, not one", f"set {name}.…", given, origin))
        elif name.startswith(f"{SECRETS}."):
            layer.problems.append(Problem(name, "no such setting", NAMING_RULE, origin=origin))
        else:
            layer.problems.append(Problem(name, "no such setting", nearest(name, known), origin=origin))


def _what_is_no_yaml(error: yaml.MarkedYAMLError) -> str:
    """What is wrong and where, without the line itself and what is quoted of it: that may be a secret."""
    said = ": ".join(part for part in (error.context, error.problem) if part)
    mark = error.problem_mark or error.context_mark
    place = f" in line {mark.line + 1}" if mark is not None else ""
    return _QUOTED.sub("'…'", " ".join(said.split())) + place


def _flatten(tree: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, object]]:
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{name}.")
        else:
            yield name, value
