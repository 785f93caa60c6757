"""Holds one value against the rule that its source has for it (`process.checks`).

Comes in: a value and its rule; goes out: the slugs of what is wrong. Called by `validate`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime
from urllib.parse import urlsplit

from tidemill.models.document import Json
from tidemill.models.source import CheckRule
from tidemill.process.steps.patterns import SlowPattern, matches

SLUGS = ("bad_type", "too_small", "too_large", "too_short", "too_long", "bad_pattern", "slow_pattern", "not_one_of")
"""What a check may find, in the order in which it is told."""


def check(value: Json, rule: CheckRule) -> tuple[str, ...]:
    """What is wrong with a value that is there, in the order of `SLUGS`.

    Of a list each member is checked; only its length is its own. `bad_type`: not of the `type`, or not a thing that the
    other demands can be made of. A number written as text counts as a number unless `type` says otherwise.
    Raises `BadPattern` if the rule's own pattern is no regular expression.
    """
    members = value if isinstance(value, list) and rule.type != "json" else [value]
    found = {slug for member in members for slug in _of_member(member, rule)} | set(_of_length(value, rule))
    return tuple(slug for slug in SLUGS if slug in found)


def _of_member(value: Json, rule: CheckRule) -> Iterator[str]:
    if rule.type is not None and not _TYPES[rule.type](value):
        yield "bad_type"
        return
    if rule.minimum is not None or rule.maximum is not None:
        yield from _of_range(value, rule)
    if rule.pattern is None and not rule.one_of:
        return
    text = _as_text(value)
    if text is None:
        yield "bad_type"
        return
    if rule.pattern is not None and (slug := _of_pattern(rule.pattern, text)):
        yield slug
    if rule.one_of and text not in rule.one_of:
        yield "not_one_of"


def _of_range(value: Json, rule: CheckRule) -> Iterator[str]:
    number = _as_number(value)
    if number is None:
        yield "bad_type"
    elif rule.minimum is not None and number < rule.minimum:
        yield "too_small"
    elif rule.maximum is not None and number > rule.maximum:
        yield "too_large"


def _of_length(value: Json, rule: CheckRule) -> Iterator[str]:
    if rule.min_length is None and rule.max_length is None:
        return
    measured = value if isinstance(value, list | dict) else _as_text(value)
    length = len(measured or "")
    if rule.min_length is not None and length < rule.min_length:
        yield "too_short"
    if rule.max_length is not None and length > rule.max_length:
        yield "too_long"


def _of_pattern(pattern: str, text: str) -> str:
    try:
        return "" if matches(pattern, text, whole=True) else "bad_pattern"
    except SlowPattern:
        return "slow_pattern"


def _as_text(value: Json) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if isinstance(value, str | int | float) else None


def _as_number(value: Json) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if number == number else None  # NaN is in no range


def _is_integer(value: Json) -> bool:
    return not isinstance(value, bool) and (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_date(value: Json) -> bool:
    return isinstance(value, str) and _parses(date.fromisoformat, value)


def _is_datetime(value: Json) -> bool:
    return isinstance(value, str) and not _is_date(value) and _parses(datetime.fromisoformat, value)


def _is_url(value: Json) -> bool:
    if not isinstance(value, str) or any(char.isspace() for char in value):
        return False
    return _parses(urlsplit, value) and urlsplit(value).scheme in ("http", "https") and bool(urlsplit(value).netloc)


def _parses(read: Callable[[str], object], value: str) -> bool:
    try:
        read(value)
    except ValueError:
        return False
    return True


_TYPES: dict[str, Callable[[Json], bool]] = {
    "text": lambda value: isinstance(value, str),
    "html": lambda value: isinstance(value, str),
    "integer": _is_integer,
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "date": lambda value: _is_date(value) or _is_datetime(value),
    "datetime": _is_datetime,
    "url": _is_url,
    "json": lambda value: True,
}
