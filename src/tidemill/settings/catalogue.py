"""The tree as a flat list: each setting's dotted name, environment variable, type in words, default and description.

Read by `layers.py` and `variables.py` (which names there are), `load.py` (what a value should have been) and
`reference.py` (the page). One group, `secrets`, is open: its names are the operator's, and only their form is known.
"""

from __future__ import annotations

import json
import re
import types
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from tidemill.settings.tree import Settings

PREFIX = "TIDEMILL_"
SECRETS = "secrets"  # pragma: allowlist secret
NAMING_RULE = "the name of a secret is made of a-z, 0-9 and _ and does not end in _file"
_SECRET = re.compile(rf"{SECRETS}\.(?!\w*_file\Z)[a-z0-9_]+\Z", re.ASCII)
_WORDS: Mapping[object, str] = MappingProxyType(
    {
        int: "whole number",
        float: "number",
        bool: "true or false",
        str: "text",
        Path: "path",
        SecretStr: "secret text",  # pragma: allowlist secret
    }
)
_BOUNDS = (("ge", "at least {}"), ("gt", "more than {}"), ("le", "at most {}"), ("lt", "less than {}"))


@dataclass(frozen=True, slots=True)
class Setting:
    """One leaf of the tree. `expects` is its type and bounds in words, `default` as it is written in YAML."""

    name: str
    variable: str
    description: str
    expects: str
    default: str
    is_list: bool
    is_optional: bool
    is_secret: bool


@cache
def catalogue() -> Mapping[str, Setting]:
    """Every setting by its dotted name, in the order of the tree."""
    return MappingProxyType({name: _describe(name, field) for name, field in _leaves(Settings, "")})


def find(name: str) -> Setting | None:
    """The setting of a dotted name: one of the catalogue, or a secret under a name of the operator's own."""
    setting = catalogue().get(name)
    return _secret(name) if setting is None and _SECRET.match(name) else setting


def find_variable(variable: str) -> str | None:
    """The dotted name that an environment variable (in upper case) sets."""
    name = by_variable().get(variable)
    if name is None and variable.startswith(f"{PREFIX}{SECRETS.upper()}__"):
        name = f"{SECRETS}.{variable.split('__', 1)[1].lower()}"
    return name if name is not None and find(name) is not None else None


@cache
def groups() -> Mapping[str, str]:
    """Every group by its name, with what it is about."""
    found = {name: field.annotation for name, field in Settings.model_fields.items() if _is_group(field)}
    about = {name: (kind.__doc__ or "").strip() for name, kind in found.items()}
    return MappingProxyType(about | {SECRETS: Settings.model_fields[SECRETS].description or ""})


@cache
def by_variable() -> Mapping[str, str]:
    """The dotted name that each environment variable sets."""
    return MappingProxyType({setting.variable: name for name, setting in catalogue().items()})


def variable(name: str) -> str:
    """The environment variable of a dotted name: `crawl.max_pages` is `TIDEMILL_CRAWL__MAX_PAGES`."""
    return PREFIX + name.replace(".", "__").upper()


def _leaves(model: type[BaseModel], prefix: str) -> list[tuple[str, FieldInfo]]:
    found = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found += _leaves(inner, f"{prefix}{name}.")
        elif prefix + name != SECRETS:
            found.append((prefix + name, field))
    return found


def _is_group(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)


def _describe(name: str, field: FieldInfo) -> Setting:
    kind = field.annotation
    members = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    is_optional = type(None) in members
    kind = next(member for member in members if member is not type(None))
    is_list = get_origin(kind) is tuple
    if is_list:
        kind = get_args(kind)[0]
    return Setting(
        name=name,
        variable=variable(name),
        description=field.description or "",
        expects=_expects(kind, field, is_list=is_list, is_optional=is_optional),
        default=_default(field),
        is_list=is_list,
        is_optional=is_optional,
        is_secret=kind is SecretStr,
    )


def _secret(name: str) -> Setting:
    return Setting(
        name=name,
        variable=variable(name),
        description="A secret that sources refer to",
        expects=_WORDS[SecretStr],
        default="none",
        is_list=False,
        is_optional=False,
        is_secret=True,
    )


def _expects(kind: Any, field: FieldInfo, *, is_list: bool, is_optional: bool) -> str:
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(str(choice) for choice in get_args(kind))
    words = _WORDS[kind]
    bounds = [
        text.format(f"{getattr(item, attribute):,}".replace(",", "_"))
        for attribute, text in _BOUNDS
        for item in field.metadata
        if getattr(item, attribute, None) is not None
    ]
    if any(getattr(item, "min_length", None) for item in field.metadata):
        words = "text, not empty"
    whole = f"list of {words}, separated by commas" if is_list else words
    whole += f", {' and '.join(bounds)}" if bounds else ""
    return f"{whole}, or none" if is_optional else whole


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined or field.default_factory is not None:
        return "computed"
    value = field.default
    if isinstance(value, tuple):
        return "[]" if not value else json.dumps([str(item) for item in value])
    if isinstance(value, Path):
        return str(value)
    if value is None:
        return "none"
    return json.dumps(value)
