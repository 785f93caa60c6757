"""Values of a source's own fields as engines compare them: numbers (times and truth values too) and short texts.

In: `Draft.fields`, or what stands behind `fields.price:` in a query. Out: numbers and texts by the name of the field,
the same for every engine. Nested names are joined by dots, lists give several values.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import isfinite

from tidemill.models.document import Json
from tidemill.search.text import clean

PREFIX = "fields."
"""What stands before the name of a source's own field in a query."""

_MOST_VALUES = 200
_LONGEST_TEXT = 200
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?\Z")
_MOMENT = re.compile(
    r"(\d{4})(?:-(\d{2})(?:-(\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(Z|[+-]\d{2}:?\d{2})?)?)?)?\Z"
)
_NAME = re.compile(r"[^\w.]+")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TRUTH = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0}


@dataclass(frozen=True, slots=True)
class Typed:
    """The comparable values of one document's own fields."""

    numbers: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    texts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Numbers from `low` to `high`; `None` is open. Times are seconds since 1970."""

    low: float | None = None
    high: float | None = None
    include_low: bool = True
    include_high: bool = True


def typed(fields: Mapping[str, Json]) -> Typed:
    """The values of `fields`; what is no number, time, truth value or short text is left out."""
    numbers: dict[str, list[float]] = {}
    texts: dict[str, list[str]] = {}
    for count, (name, value) in enumerate(_leaves("", fields)):
        if count >= _MOST_VALUES:
            break
        number = number_of(value)
        if number is not None:
            numbers.setdefault(name, []).append(number)
        if isinstance(value, bool | str):
            texts.setdefault(name, []).append(folded(str(value)))
    return Typed(
        {name: tuple(dict.fromkeys(values)) for name, values in numbers.items()},
        {name: tuple(dict.fromkeys(values)) for name, values in texts.items()},
    )


def number_of(value: Json) -> float | None:
    """A number, a time in ISO 8601 (seconds since 1970) or a truth value as a number; `None` if it is nothing of it."""
    if isinstance(value, bool | int | float):
        return _finite(value)
    if not isinstance(value, str):
        return None
    text = value.strip()
    if _NUMBER.match(text):
        return _finite(float(text))
    begun = moment(text)
    return seconds(begun[0]) if begun and len(text) > 4 else _TRUTH.get(text.casefold())


def bounds_of(text: str, *, dates: bool = False) -> Bounds | None:
    """What `<20`, `>=2024-05`, `10..20` or (with `dates`) `2024-05` says; `None` if it compares nothing."""
    for sign, makes in _SIGNS.items():
        if text.startswith(sign):
            edge = _edge(text[len(sign) :], dates=dates)
            return makes(*edge) if edge else None
    first, mark, last = text.partition("..")
    if mark:
        low, high = _edge(first, dates=dates), _edge(last, dates=dates)
        if (first and low is None) or (last and high is None) or not (low or high):
            return None
        return Bounds(low[0] if low else None, high[1] if high else None, include_high=not (high and high[0] < high[1]))
    edge = _edge(text, dates=dates) if dates else None
    return Bounds(edge[0], edge[1], include_high=edge[0] == edge[1]) if edge else None


def name_of(name: str) -> str:
    """The name of a field as it is indexed and asked for."""
    return _NAME.sub("_", name).casefold()


def own_name(name: str) -> str:
    """The name as it is indexed of a source's own field that is written `fields.Name`."""
    return name_of(name[len(PREFIX) :])


def folded(text: str) -> str:
    """A text as it is compared: without regard to case and space, its beginning only."""
    return " ".join(clean(text).split()).casefold()[:_LONGEST_TEXT]


def moment(text: str) -> tuple[datetime, datetime] | None:
    """The first moment of a year, month, day or time in ISO 8601, and the first one after it (for a time the same)."""
    found = _MOMENT.match(text.strip())
    if not found:
        return None
    year, month, day, clock, zone = found.groups()
    try:
        if clock:
            at = datetime.fromisoformat(f"{year}-{month}-{day}T{clock}{zone or '+00:00'}")
            return at, at
        begin = datetime(int(year), int(month or 1), int(day or 1), tzinfo=UTC)
        if day:
            return begin, begin + timedelta(days=1)
        following = (begin.year + 1, 1) if not month or begin.month == 12 else (begin.year, begin.month + 1)
        return begin, datetime(*following, 1, tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def seconds(at: datetime) -> float:
    """Seconds since 1970 (UTC) of an aware time, before 1970 too."""
    return (at - _EPOCH) / timedelta(seconds=1)


def ordered(number: float) -> int:
    """A 64-bit integer that sorts as `number` does: for engines that compare only integers without loss."""
    (bits,) = struct.unpack(">q", struct.pack(">d", number + 0.0))
    return int(bits) if bits >= 0 else -int(bits & 0x7FFFFFFFFFFFFFFF)


def unordered(whole: int) -> float:
    """The number of which `ordered` made `whole`."""
    bits = whole if whole >= 0 else (-whole) | -0x8000000000000000
    (number,) = struct.unpack(">d", struct.pack(">q", bits))
    return float(number)


_SIGNS: Mapping[str, Callable[[float, float], Bounds]] = {
    ">=": lambda low, _: Bounds(low=low),
    "<=": lambda low, high: Bounds(high=high, include_high=low == high),
    ">": lambda low, high: Bounds(low=high, include_low=low != high),
    "<": lambda low, _: Bounds(high=low, include_high=False),
}


def _edge(text: str, *, dates: bool) -> tuple[float, float] | None:
    """Where a value begins and where the next one does: the same for a number, a day later for a day."""
    span = moment(text) if dates or len(text) > 4 else None
    if span:
        return seconds(span[0]), seconds(span[1])
    number = None if dates else number_of(text)
    return None if number is None else (number, number)


def _finite(number: float) -> float | None:
    try:
        value = float(number)
    except OverflowError:
        return None
    return value if isfinite(value) else None


def _leaves(name: str, value: Json | Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _leaves(f"{name}.{name_of(key)}" if name else name_of(key), each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _leaves(name, each)
    elif name and value is not None and value != "":
        yield name, value
