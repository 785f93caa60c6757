"""Clean values of what markup holds: lines, texts, numbers, names of enumerations, durations.

Comes in: a value of JSON-LD, microdata or a meta tag; goes out: the value, `None` if there is none in it. Called by the
readers of this folder.
"""

from __future__ import annotations

import re

from tidemill.errors import Permanent
from tidemill.markup.references import unescape
from tidemill.models.document import Json
from tidemill.process.extract.item import is_html, plain_text
from tidemill.process.extract.jsonld import text_of

_MARKUP = re.compile(r"<[^<>]*>")
_BREAKABLE = re.compile(r"</?wbr\s?/?>", re.IGNORECASE)
_NUMBER = re.compile(r"\d{1,3}(?:[ \u00a0\u202f'’]\d{3})+(?:[.,]\d+)?|\d[\d.,]*")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NOT_WORD = re.compile(r"[\W_]+")
_SLUG = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+){0,4}")
_DURATION = re.compile(
    r"P(?:(?P<weeks>[\d.]+)W)?(?:(?P<days>[\d.]+)D)?(?:T(?:(?P<hours>[\d.]+)H)?(?:(?P<minutes>[\d.]+)M)?(?:(?P<seconds>[\d.]+)S)?)?$"
)
# A row of digits without a unit behind it is passed over at once, and not tried again from each of its digits.
_SPOKEN = re.compile(
    r"(?<![\d.,])([\d.,]++)\s*+(d(?:ays?|[ií]as?)?|h(?:ours?|rs?|oras?|eures?)?|std|m(?:in(?:ute[ns]?|uto?s?)?s?)?)\b\.?",
    re.IGNORECASE,
)
_MINUTES = {"weeks": 7 * 1440.0, "days": 1440.0, "hours": 60.0, "minutes": 1.0, "seconds": 1 / 60}
_MAX_LINE_CHARS = 5_000
_MOST_MINUTES = 10_000_000


def line_of(value: Json) -> str | None:
    """A value as one line without markup."""
    text = text_of(value)
    if text is None:
        return None
    if "<" in text:
        text = _BREAKABLE.sub("", text)
        text = " ".join(_plain(text).split()) if is_html(text) else text
    return text[:_MAX_LINE_CHARS] or None


def paragraphs_of(value: Json) -> str:
    """A value that may be long, and HTML even twice escaped, as plain text; `""` if it is none."""
    if isinstance(value, list):
        return "\n\n".join(text for member in value if (text := paragraphs_of(member)))
    if isinstance(value, dict):
        value = value.get("@value") or value.get("text") or value.get("name")
    if not isinstance(value, str):
        return ""
    text = value if is_html(value) else unescape(value)
    lines = (" ".join(line.split()) for line in _plain(text).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def lines_of(value: Json) -> list[str]:
    """Each line with something on it of `paragraphs_of`."""
    return [line for line in paragraphs_of(value).split("\n") if line]


def number_of(value: Json) -> float | None:
    """A number, also as people write one: `1,299.00`, `12,50 €`, `1 299`. A single point is decimal (schema.org)."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value) if abs(value) < 1e15 else None
    found = _NUMBER.search(text_of(value) or "")
    return _number(found[0]) if found else None


def numbers_of(text: str) -> list[float]:
    """All numbers of a text."""
    return [number for found in _NUMBER.findall(text) if (number := _number(found)) is not None]


def count_of(value: Json) -> int | None:
    """A number of things."""
    number = number_of(value)
    return int(number) if number is not None and number.is_integer() else None


def slug_of(value: Json) -> str | None:
    """A member of an enumeration: `https://schema.org/InStock`, `In stock` and `IN_STOCK` are `in_stock`."""
    if isinstance(value, dict) and not value.get("name") and isinstance(value.get("@id"), str):
        value = value.get("@id")
    name = (text_of(value) or "").rstrip("/#").rpartition("/")[2].rpartition("#")[2].rpartition(":")[2]
    slug = _NOT_WORD.sub("_", name if name.isupper() else _CAMEL.sub("_", name)).strip("_").lower()
    return slug if _SLUG.fullmatch(slug) else None


def minutes_of(value: Json) -> int | None:
    """A duration (ISO 8601, or `1 hr 20 min`) in whole minutes."""
    text = text_of(value) or ""
    if isinstance(value, int | float) or text.isdecimal():
        return None  # Of what, nobody says.
    found = _DURATION.match(text.upper())
    if found is not None and any(found.groups()):
        parts = [(_number(number), _MINUTES[unit]) for unit, number in found.groupdict().items() if number]
    else:
        parts = [(_number(number), _minutes_of_unit(unit)) for number, unit in _SPOKEN.findall(text)]
    total = sum((number or 0) * minutes for number, minutes in parts)
    return round(total) if parts and total < _MOST_MINUTES else None


def duration_of(minutes: int) -> str:
    """Minutes as an ISO 8601 duration."""
    hours, rest = divmod(minutes, 60)
    return "PT" + (f"{hours}H" if hours else "") + (f"{rest}M" if rest or not hours else "")


def _minutes_of_unit(unit: str) -> float:
    return {"d": 1440.0, "h": 60.0, "s": 60.0}.get(unit[0].lower(), 1.0)


def _number(text: str) -> float | None:
    digits = re.sub(r"[ \u00a0\u202f'’]", "", text).rstrip(".,")
    point = max(digits.rfind("."), digits.rfind(","))
    if point >= 0:
        mark, whole, rest = digits[point], digits[:point], digits[point + 1 :]
        is_grouping = mark in whole or (mark == "," and len(rest) == 3 and whole not in ("", "0"))
        digits = re.sub("[.,]", "", whole) + ("" if is_grouping else ".") + rest
    try:
        number = float(digits)
    except ValueError:
        return None
    return number if number < 1e15 else None


def _plain(text: str) -> str:
    try:
        return plain_text(text)
    except Permanent:  # Markup that would hang a parser.
        return unescape(_MARKUP.sub(" ", text))
