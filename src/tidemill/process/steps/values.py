"""The value that a name stands for in a draft, and the draft as an export gives it.

Comes in: a draft; goes out: values that JSON has. Called by `validate`, `checks` and `schema`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from tidemill.models.capture import Capture
from tidemill.models.document import Draft, Json

_NOT_EXPORTED = frozenset(("content_hash", "fingerprint", "signature", "problems"))
_OWN = tuple(name for name in Draft.__slots__ if name not in _NOT_EXPORTED)


def value_of(draft: Draft, name: str) -> Json:
    """A draft's own value, else that of its fields; dots lead into objects and lists (`offers.0.price`)."""
    own = as_json(getattr(draft, name)) if name in _OWN else None
    if not is_missing(own):
        return own
    if name in draft.fields:
        return draft.fields[name]
    return _at(dict(draft.fields), name.split(".")) if "." in name else own


def is_missing(value: Json) -> bool:
    """Whether a value says nothing; 0 and false say something."""
    return value is None or value == "" or value == [] or value == {}


def as_exported(draft: Draft, capture: Capture) -> dict[str, Json]:
    """The document as exports have it, as far as it is known here, and each of its fields under its own name, too."""
    document: dict[str, Json] = {name: as_json(getattr(draft, name)) for name in _OWN}
    document |= {"url": capture.url, "fetched_at": capture.fetched_at.isoformat()}
    return {**as_json_mapping(draft.fields), **document}


def as_json(value: object) -> Json:
    """A value of a draft as JSON has it: times in ISO 8601."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return as_json_mapping(value)
    if isinstance(value, tuple | list):
        return [as_json(member) for member in value]
    return value if isinstance(value, str | int | float | bool) else None


def as_json_mapping(mapping: Mapping[str, object]) -> dict[str, Json]:
    """Its names and, as JSON, its values."""
    return {str(name): as_json(value) for name, value in mapping.items()}


def _at(value: Json, path: list[str]) -> Json:
    for name in path:
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and name.isdecimal() and name.isascii() and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value
