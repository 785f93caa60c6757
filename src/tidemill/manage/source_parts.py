"""How a source is made of parts: which of its fields hold fields of their own, one part or one under each name.

In: the dataclasses of a source. Out: their parts by dotted path, and the values that a source has there (`*` stands for
every name). Called by the reader of sources, by their rules, and by the schema.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from functools import cache
from typing import Any, get_args, get_type_hints

from tidemill.manage.source_request import Location

EVERY = "*"


@dataclass(frozen=True, slots=True)
class Part:
    """A dataclass within another: once, or (`is_many`) under each name of a mapping."""

    model: type
    is_many: bool = False


@cache
def parts_of(model: type) -> Mapping[str, Part]:
    """The fields of a dataclass that hold fields of their own."""
    found: dict[str, Part] = {}
    for name, hint in get_type_hints(model).items():
        inner = next((each for each in (hint, *get_args(hint)) if isinstance(each, type) and is_dataclass(each)), None)
        if inner is not None:
            found[name] = Part(inner, is_many=len(get_args(hint)) == 2 and get_args(hint)[0] is str)
    return found


def all_parts(model: type, prefix: str = "") -> Iterator[tuple[str, type]]:
    """Every part at any depth: the beginning of its fields' paths (`process.`, `process.fields.*.`), and its class."""
    for name, part in parts_of(model).items():
        below = f"{prefix}{name}.{EVERY}." if part.is_many else f"{prefix}{name}."
        yield below, part.model
        yield from all_parts(part.model, below)


def values_at(value: Any, path: str) -> Iterator[tuple[Location, Any]]:
    """The values of a source at a dotted path, each with its place; none of parts that are not there."""
    found: list[tuple[Location, Any]] = [((), value)]
    for name in path.split("."):
        if name == EVERY:
            found = [((*place, key), each) for place, held in found for key, each in held.items()]
        else:
            found = [((*place, name), getattr(held, name)) for place, held in found if held is not None]
    yield from found
