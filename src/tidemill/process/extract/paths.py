"""JSON, and paths into it: names and indexes joined by dots, `*` for all members (`data.items.*.title`).

Comes in: a body, or a value as JSON has it; goes out: the value, or what lies at the path. Called by the readers of
items and selected values, and by the rules of sources.
"""

from __future__ import annotations

import re

import orjson

from tidemill.errors import Permanent
from tidemill.models.document import Json

ITSELF = ":scope"
"""The CSS selector of the element in which is looked."""

KIND = re.compile(r"[a-z][a-z0-9_-]{0,31}")
"""What a kind of document may be called."""

_SEGMENT = r"[^.{}\s]+"
_PATH = re.compile(rf"{_SEGMENT}(?:\.{_SEGMENT})*")
_MAX_DIGITS = 9
_MAX_FOUND = 100_000


def read_json(body: bytes, url: str) -> Json:
    """What a body says. Raises `Permanent` (reason `bad_json`) if it is no JSON."""
    try:
        value: Json = orjson.loads(body.removeprefix(b"\xef\xbb\xbf"))
    except ValueError as error:
        raise Permanent(f"{url} is declared as JSON but is none: {error}", reason="bad_json") from error
    return value


def is_path(text: str) -> bool:
    """Whether it is a path."""
    return _PATH.fullmatch(text) is not None


def find(value: Json, path: str) -> list[Json]:
    """Everything that lies at a path, in its order: at most one value unless the path has a `*`. No `null` is given."""
    found = [value]
    for name in path.split(".") if path else ():
        found = [inner for each in found for inner in _members(each, name)][:_MAX_FOUND]
    return [each for each in found if each is not None]


def _members(value: Json, name: str) -> list[Json]:
    if isinstance(value, dict):
        if name in value:
            return [value[name]]
        return list(value.values()) if name == "*" else []
    if not isinstance(value, list):
        return []
    if name == "*":
        return value
    is_index = name.isdecimal() and name.isascii() and len(name) <= _MAX_DIGITS
    return [value[int(name)]] if is_index and int(name) < len(value) else []
