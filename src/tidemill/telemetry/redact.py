"""Takes secrets out of what is about to be logged: by the name of a field first, then out of the text of every value.

In: the fields of one log record. Out: the same made of plain JSON values, without secrets, control characters or
endless strings. `logs.py` sends own and foreign records through it alike; `health.py` the messages of failed checks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from enum import Enum
from itertools import islice
from typing import TypeVar

from pydantic import SecretStr

from tidemill.settings.masking import MASK, is_secret_name, mask_urls

_T = TypeVar("_T")

_LONGEST_TEXT = 8_192
_MOST_ITEMS = 100
_DEEPEST = 5
_LARGEST_INTEGER = 2**53

_HEADER = re.compile(
    r"(?P<name>\b(?:proxy-)?authorization|\bx-[a-z-]*(?:key|token|secret)|\b(?:set-)?cookie)"
    r"(?P<mark>['\"]?\s*[:=]\s*['\"]?)(?P<value>[^\r\n'\"]+)",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"\b(?P<scheme>bearer|basic|negotiate)\s+(?P<value>[A-Za-z0-9._~+/=-]{6,})", re.IGNORECASE)
_NAME = re.compile(r"(?P<name>[A-Za-z][\w.-]{1,60})['\"]?\s*[:=]\s*")
_VALUE = re.compile(r"\"[^\"\r\n]*\"?|'[^'\r\n]*'?|[^\s,;&'\"<>)\]}]+")
_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*")
_PEM = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if code not in (0x09, 0x0A)}


def redact(fields: Mapping[str, object]) -> dict[str, object]:
    """The fields without secrets. Values under a secret's name are masked whole, except numbers and booleans."""
    return {str(name): _redact_named(str(name), value, 0) for name, value in fields.items()}


def redact_text(text: str) -> str:
    """`text` with masked URL passwords, credentials in headers and in `name=value` pairs, JWTs and private keys."""
    if "-----BEGIN" in text:
        text = _PEM.sub(MASK, text)
    text = mask_urls(text)
    text = _SCHEME.sub(rf"\g<scheme> {MASK}", text)
    text = _JWT.sub(MASK, text)
    if ":" in text or "=" in text:
        text = _HEADER.sub(rf"\g<name>\g<mark>{MASK}", text)
        text = _mask_pairs(text)
    text = text.translate(_CONTROL).encode("utf-8", "backslashreplace").decode("utf-8")
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}… ({len(text)} characters)"


def _mask_pairs(text: str) -> str:
    """`text` with the values of `name=value` and `"name": "value"` masked where the name is a secret's."""
    parts, end = [], 0
    for found in _NAME.finditer(text):
        if found.start() < end or not is_secret_name(found["name"]):
            continue
        value = _VALUE.match(text, found.end())
        if value is not None:
            quote = value[0][0] if value[0][0] in "'\"" else ""
            parts += [text[end : found.end()], quote, MASK, quote]
            end = value.end()
    return "".join([*parts, text[end:]])


def _redact_named(name: str, value: object, depth: int) -> object:
    if isinstance(value, (bool, int, float)) or value is None:
        return _redact_value(value, depth)
    if is_secret_name(name):
        return MASK
    return _redact_value(value, depth)


def _redact_value(value: object, depth: int) -> object:
    match value:
        case None | bool() | float():
            return value
        case int():
            return value if abs(value) <= _LARGEST_INTEGER else str(value)
        case SecretStr():
            return MASK
        case Enum():
            return _redact_value(value.value, depth)
        case str():
            return redact_text(value)
        case bytes():
            return redact_text(value[: _LONGEST_TEXT + 1].decode("utf-8", "replace"))
        case datetime() | date():
            return value.isoformat()
        case _ if depth >= _DEEPEST:
            return redact_text(repr(value))
        case Mapping():
            return {str(name): _redact_named(str(name), inner, depth + 1) for name, inner in _first(value.items())}
        case Sequence() | AbstractSet():
            return [_redact_value(inner, depth + 1) for inner in _first(value)]
        case _:
            return redact_text(str(value))


def _first(values: Iterable[_T]) -> Iterator[_T]:
    return islice(values, _MOST_ITEMS)
