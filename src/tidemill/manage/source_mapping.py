"""From a mapping to a source: unknown fields, types, and then the rules.

In: what a YAML document or a JSON body holds. Out: the source, or everything that is wrong with it, each fault with its
location in the mapping. Called for files and for the API alike.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any

from pydantic import TypeAdapter, ValidationError

from tidemill.errors import Invalid
from tidemill.manage import source_rules
from tidemill.manage.source_parts import parts_of
from tidemill.manage.source_request import Location
from tidemill.manage.source_secrets import HIDDEN, unseen
from tidemill.manage.source_shorthand import expanded
from tidemill.models.source import SourceSpec

_ADAPTER = TypeAdapter(SourceSpec)
_MOST_VALUES = 100_000
_DEEPEST = 60


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a source, and where: at a field's value, or at its key."""

    location: Location
    message: str
    is_key: bool = False


def read_mapping(value: Any) -> SourceSpec:
    """The source that a mapping describes (a JSON body), under the same rules as a file.

    Raises `Invalid` (reason `source`) with every problem.
    """
    spec, faults = judge(value)
    if spec is None:
        problems = tuple(fault.message for fault in faults)
        raise Invalid("\n".join(problems), reason="source", problems=problems)
    return spec


def judge(value: Any) -> tuple[SourceSpec | None, list[Fault]]:
    """The source that `value` describes, whoever wrote it, or everything that is wrong with it."""
    if not isinstance(value, dict):
        return None, [Fault((), f"a source is a mapping of fields, not {type(value).__name__}")]
    faults = list(_unknown((), value, SourceSpec)) or _plain(value)
    if faults:
        return None, faults
    try:
        # As JSON, so that pydantic is strict without asking for tuples where the mapping has lists.
        spec = _ADAPTER.validate_json(json.dumps(expanded(value)), strict=True)
    except ValidationError as error:
        return None, [_of_type(each) for each in error.errors(include_url=False)]
    faults = [Fault(location, message) for location, message in source_rules.faults(spec)]
    return (None if faults else spec), faults


def _unknown(place: Location, value: dict[Any, Any], model: type) -> Iterator[Fault]:
    known = [field.name for field in fields(model)]
    parts = parts_of(model)
    for key, held in value.items():
        if key not in known:
            near = get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"fields are {', '.join(known)}"
            within = f" in {'.'.join(map(str, place))}" if place else ""
            yield Fault((*place, key), f"unknown field {str(key)!r}{within}; {hint}", is_key=True)
        elif key in parts and isinstance(held, dict):
            inner = held.items() if parts[key].is_many else [(None, held)]
            for name, each in inner:
                if isinstance(each, dict):
                    below = (*place, key) if name is None else (*place, key, name)
                    yield from _unknown(below, each, parts[key].model)


def _plain(value: dict[Any, Any]) -> list[Fault]:
    """Faults of values that JSON has not; YAML knows dates, sets, aliases to what is around them, and half characters.

    Counted, since a few aliases of aliases can stand for more values than there is memory.
    """
    waiting: list[tuple[Location, Any]] = [((), value)]
    faults: list[Fault] = []
    seen = 0
    while waiting:
        location, held = waiting.pop()
        seen += 1
        if seen > _MOST_VALUES or len(location) > _DEEPEST:
            return [Fault((), "holds too many values, or a value within itself; make it smaller")]
        if isinstance(held, dict):
            named = [key for key in held if isinstance(key, str)]
            faults += [
                Fault((*location, key), f"{_dotted(location)}: the name {key!r} is no text; put it in quotes")
                for key in held
                if key not in named
            ]
            faults += [_half(location) for key in named if not _is_writable(key)]
            waiting += [((*location, key), held[key]) for key in reversed(named)]
        elif isinstance(held, list):
            waiting += [((*location, index), each) for index, each in reversed(list(enumerate(held)))]
        elif isinstance(held, str):
            faults += [] if _is_writable(held) else [_half(location)]
        elif held is not None and not isinstance(held, bool | int | float):
            told = f"{_dotted(location)} is {_shown(location, held)}, a {type(held).__name__}; put it in quotes"
            faults.append(Fault(location, told))
    return faults


def _half(location: Location) -> Fault:
    return Fault(
        location, f"{_dotted(location) or 'a name'} holds half a surrogate pair, which is no text; take it out"
    )


def _is_writable(text: str) -> bool:
    """Whether it can be stored: JSON and YAML can spell what UTF-8 cannot."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _of_type(found: Any) -> Fault:
    location: Location = tuple(found["loc"])
    shown = "" if found["type"] == "missing" else f" is {_shown(location, found['input'])}"
    return Fault(location, f"{_dotted(location)}{shown}: {found['msg']}")


def _shown(location: Location, value: Any) -> str:
    """The value for an error message; nothing of what may be a secret."""
    text = unseen(repr(value))
    if location[:1] == ("request",) and location[1:2] not in {("session",), ("proxy_rotation",), ("user_agent",)}:
        return HIDDEN
    return text if len(text) <= 200 else f"{text[:200]}…"


def _dotted(location: Location) -> str:
    return ".".join(str(part) for part in location)
