"""What was found for a field, made into the type that its rule asks for.

Comes in: a text, or a value as JSON has it; goes out: the value, or `Unreadable`. Called by the extractor of selected
values, and by the rules of sources for their defaults.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

import orjson

from tidemill.markup.safe_html import safe_html
from tidemill.models.document import Json
from tidemill.process.extract.fragments import with_absolute_links
from tidemill.process.extract.links import web_url
from tidemill.process.extract.times import iso_with_zone

WHEN = "when"
"""A type beside those of rules: a date or a time, whichever it is."""

TEXT_NAMES = ("rendered", "value", "name", "display_name", "full_name", "title", "label", "login", "url", "src", "href")
"""Under which names an object holds the text that it stands for (WordPress has `{"title": {"rendered": …}}`)."""

_YES = frozenset(("true", "yes", "y", "on", "1", "sí", "si", "ja", "oui", "sim", "vero"))
_NO = frozenset(("false", "no", "n", "off", "0", "nein", "non", "não", "falso"))
_SPACES = "\u00a0\u202f\u2009"
_NUMBER = re.compile(
    r"(?P<sign>[-+\u2212]?)\s?"
    rf"(?P<body>\d{{1,3}}(?:[ {_SPACES}'\u2019]\d{{3}})+(?!\d)(?:[.,]\d+)?|\d+(?:[.,]\d+)*|[.,]\d+)"
    r"(?P<exponent>[eE][-+]?\d{1,3}(?!\w))?",
    re.ASCII,
)
_MONEY = re.compile(r"[$\u00a2-\u00a5\u20a0-\u20bf]|\b(?:EUR|USD|GBP|CHF|JPY|SEK|NOK|DKK|PLN|BRL|MXN|ARS|CLP|COP)\b")
_GROUPS_OF_THREE = re.compile(r"[1-9]\d{0,2}(?:[.,]\d{3})+", re.ASCII)
_MOST = 2**63
_MAX_NUMBER_CHARS = 200
_LEAST_SECONDS, _LEAST_MILLISECONDS, _MOST_MILLISECONDS = 1e8, 1e11, 1e14  # 1973, and a number no clock shows soon


class Unreadable(ValueError):
    """A value that cannot be made into its type."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a value is read in the light of: what links are relative to, the zone of times without one, the language."""

    base_url: str = ""
    zone: tzinfo | None = None
    decimal_comma: bool = False


@dataclass(frozen=True, slots=True)
class Read:
    """A value of its type; whether the zone of its time had to be assumed."""

    value: Json
    zone_assumed: bool = False


def read_value(raw: Json, kind: str, around: Surroundings) -> Read:
    """`raw` as a value of that type (one of `FIELD_TYPES`, or `WHEN`). Raises `Unreadable`."""
    return _READERS[kind](raw, around)


def text_of_value(value: Json) -> str | None:
    """The text that a value is or, if it is an object or a list of one, stands for."""
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, dict):
        value = next((value[name] for name in TEXT_NAMES if isinstance(value.get(name), str)), None)
    if isinstance(value, str):
        return value.strip() or None
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def time_of_number(value: Json) -> datetime | None:
    """The time that a number of seconds or milliseconds since 1970 means; `None` if it is none of a usual clock."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    number = float(value)
    if not _LEAST_SECONDS <= number < _MOST_MILLISECONDS:
        return None
    return datetime.fromtimestamp(number / 1000 if number >= _LEAST_MILLISECONDS else number, UTC)


def _required_text(raw: Json) -> str:
    text = text_of_value(raw)
    if text is None:
        raise Unreadable
    return text


def _text(raw: Json, around: Surroundings) -> Read:
    return Read(("true" if raw else "false") if isinstance(raw, bool) else _required_text(raw))


def _html(raw: Json, around: Surroundings) -> Read:
    return Read(safe_html(with_absolute_links(_required_text(raw), around.base_url)))


def _integer(raw: Json, around: Surroundings) -> Read:
    number = _finite(raw, around, whole=True)
    if number != int(number):
        raise Unreadable
    return Read(int(number))


def _number(raw: Json, around: Surroundings) -> Read:
    return Read(_finite(raw, around, whole=False))


def _finite(raw: Json, around: Surroundings, *, whole: bool) -> int | float:
    """A number that every store can hold."""
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        number = raw
    else:
        number = _parse(_required_text(raw), around.decimal_comma, whole=whole)
    if not math.isfinite(number) or (abs(number) >= _MOST and (whole or isinstance(number, int))):
        raise Unreadable
    return number


def _parse(text: str, decimal_comma: bool, *, whole: bool) -> int | float:
    """The first number of a text, in whatever way its thousands and decimals are set off."""
    text = text[:_MAX_NUMBER_CHARS]
    found = _NUMBER.search(text)
    if found is None:
        raise Unreadable
    body = re.sub(rf"[ {_SPACES}'\u2019]", "", found["body"])
    grouped = whole or _MONEY.search(text) is not None
    mark = _decimal_mark(body, "," if decimal_comma else ".", grouped)
    digits = body.replace("." if mark == "," else ",", "").replace(mark, ".") if mark else re.sub("[.,]", "", body)
    if digits.count(".") > 1:
        raise Unreadable
    negative = found["sign"] in ("-", "\u2212") and (found.start() == 0 or not text[found.start() - 1].isalnum())
    spelled = f"{'-' if negative else ''}{digits}{found['exponent'] or ''}"
    try:
        return float(spelled) if "." in digits or found["exponent"] else int(spelled)
    except ValueError:
        raise Unreadable from None


def _decimal_mark(body: str, usual: str, grouped: bool) -> str:
    """Which of `.` and `,` is before the decimals; empty if none is. `usual` is that of the language.

    `1.234,5` and `1,234.5` speak for themselves. `1.234` alone does not: it is grouped in a price and where a whole
    number is wanted, and otherwise what it is in the language of the page.
    """
    last = max(body, key=lambda mark: body.rfind(mark) if mark in ".," else -2)
    if last not in ".,":
        return ""
    other = "." if last == "," else ","
    if other in body:
        if body.count(last) > 1 or not _GROUPS_OF_THREE.fullmatch(body.rpartition(last)[0]):
            raise Unreadable
        return last
    if not _GROUPS_OF_THREE.fullmatch(body):
        return last
    return last if body.count(last) == 1 and last == usual and not grouped else ""


def _boolean(raw: Json, around: Surroundings) -> Read:
    if isinstance(raw, bool):
        return Read(raw)
    word = _required_text(raw).lower()
    if word not in _YES | _NO:
        raise Unreadable
    return Read(word in _YES)


def _when(raw: Json, around: Surroundings) -> Read:
    if (time := time_of_number(raw)) is not None:
        return Read(time.isoformat())
    iso, assumed = iso_with_zone(_required_text(raw), around.zone)
    if iso is None:
        raise Unreadable
    return Read(iso, assumed)


def _date(raw: Json, around: Surroundings) -> Read:
    return Read(str(_when(raw, around).value)[:10])


def _datetime(raw: Json, around: Surroundings) -> Read:
    """A time with its zone; of a date, its midnight."""
    read = _when(raw, around)
    if "T" in str(read.value):
        return read
    iso, assumed = iso_with_zone(f"{read.value}T00:00:00", around.zone)
    return Read(iso, assumed)


def _url(raw: Json, around: Surroundings) -> Read:
    found = web_url(around.base_url, _required_text(raw))
    if found is None:
        raise Unreadable
    return Read(found)


def _json(raw: Json, around: Surroundings) -> Read:
    return Read(raw)


def read_json_text(text: str) -> Json:
    """The JSON that the text of an element or attribute is. Raises `Unreadable`."""
    try:
        value: Json = orjson.loads(text)
    except ValueError:
        raise Unreadable from None
    return value


_READERS: Mapping[str, Callable[[Json, Surroundings], Read]] = {
    "text": _text,
    "html": _html,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
    "datetime": _datetime,
    WHEN: _when,
    "url": _url,
    "json": _json,
}
