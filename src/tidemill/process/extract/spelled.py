"""Dates and times spelled for people: `3 April 2026, 7:30 p.m. EST`, `5 de abril de 2026`, `Fri Apr 03 2026 10:00:00`.

Comes in: a string that is a time and nothing else; goes out: its parts. Called by `times`, for what is not ISO 8601.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

_MONTHS: tuple[str, ...] = (
    "january jan enero ene januar janner jänner janvier janv gennaio gen janeiro",
    "february feb febrero februar fevrier février fevr févr febbraio fevereiro fev",
    "march mar marzo märz maerz mrz mars março marco",
    "april apr abril abr avril avr aprile",
    "may mayo mai maggio mag maio",
    "june jun junio juni juin giugno giu junho",
    "july jul julio juli juillet juil luglio lug julho",
    "august aug agosto ago août aout",
    "september sep sept septiembre setiembre set septembre settembre setembro",
    "october oct octubre oktober okt octobre ottobre ott outubro out",
    "november nov noviembre novembre novembro",
    "december dec diciembre dic dezember dez décembre decembre déc dicembre dezembro",
)
_MONTH = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}
_WEEKDAYS = frozenset((
    "mon", "tue", "wed", "thu", "fri", "sat", "sun", "lun", "mar", "mie", "mié", "jue", "vie", "sab", "sáb", "dom",
    "mo", "di", "mi", "do", "fr", "sa", "so", "die", "mit", "don", "fre", "sam", "son", "mer", "jeu", "ven", "dim",
    "gio", "seg", "ter", "qua", "qui", "sex",
))  # fmt: skip
_WORD = r"[^\W\d_]{3,12}"
_WEEKDAY = re.compile(r"([^\W\d_]{2,12})(?:-feira)?\.?,?\s+(?=[^\W\d_]|\d)")
_YEAR = r"(?P<year>\d{4}|\d{2}(?=\s+\d{1,2}:))"  # RFC 822 wrote years with two digits, always before the time
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th|er|\.|º|ª)?"
_DATES = (
    re.compile(r"(?P<year>\d{4})(?P<mark>[-/.])(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})(?!\d)"),
    re.compile(rf"{_DAY}[\s\-]+(?:de\s+|of\s+)?(?P<month>{_WORD})\.?,?[\s\-]+(?:del?\s+)?{_YEAR}(?!\d)"),
    re.compile(rf"(?P<month>{_WORD})\.?\s+{_DAY},?\s+(?P<year>\d{{4}})(?!\d)"),
    re.compile(rf"(?P<year>\d{{4}})\s+(?P<month>{_WORD})\.?\s+(?P<day>\d{{1,2}})(?![\d:])"),
    re.compile(r"(?P<day>\d{1,2})\.\s?(?P<month>\d{1,2})\.\s?(?P<year>\d{4})(?!\d)"),
    re.compile(r"(?P<day>\d{1,2})(?P<mark>[/\-])(?P<month>\d{1,2})(?P=mark)(?P<year>\d{4})(?!\d)"),
)
_YEAR_LAST = re.compile(rf"(?P<month>{_WORD})\s+(?P<day>\d{{1,2}})\s+(?P<rest>\d.*)\s(?P<year>\d{{4}})")  # asctime
_GAP = re.compile(r"(?:[\s,T|@·–—-]|(?:at|um|alle|ore|às|as|à|a las|a la|kl\.?)\s)*", re.IGNORECASE)
_CLOCK = re.compile(
    r"(?P<hour>\d{1,2})(?:[:.h](?P<minute>\d{2})(?!\d))?(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"(?:\s?(?P<half>[ap])\.?\s?m\b\.?)?(?P<word>\s?(?:uhr|hrs?|horas|h)\b\.?)?",
    re.IGNORECASE,
)
_ZONE = re.compile(r"[A-Za-z+\-\u2212(\[][\w+\-\u2212:/ ()\[\]]{0,60}")
_UNTIL = re.compile(r"-\d{1,2}:\d{2}")
_MAX_CHARS = 120


@dataclass(frozen=True, slots=True)
class Spelled:
    """The parts of a time: naive, what was written of its zone, and whether it is only a day."""

    time: datetime
    zone: str = ""
    is_date: bool = False


def read_spelled(text: str) -> Spelled | None:
    """What `text` says; `None` if it is no time, or a day that may be two (`03/04/2026`)."""
    text = " ".join(text.split()).removeprefix("on ")
    if len(text) > _MAX_CHARS:
        return None
    text = _without_weekday(text)
    if (found := _YEAR_LAST.fullmatch(text)) and (day := _day(found)) is not None:
        return _with_clock(day, found["rest"])
    for pattern in _DATES:
        if (found := pattern.match(text)) and (day := _day(found)) is not None:
            return _with_clock(day, text[found.end() :], is_iso=pattern is _DATES[0])
    return None


def _without_weekday(text: str) -> str:
    found = _WEEKDAY.match(text)
    if found is None or found[1].lower() in _MONTH:
        # `mar` is Tuesday in Spanish, too; but a month's name is followed by a day, and that by a year or a time.
        return text if found is None or not _is_tuesday(text, found) else text[found.end() :]
    word = found[1].lower()
    return text[found.end() :] if word in _WEEKDAYS or word[:3] in _WEEKDAYS else text


def _is_tuesday(text: str, found: re.Match[str]) -> bool:
    return found[1].lower() == "mar" and _DATES[1].match(text, found.end()) is not None


def _day(found: re.Match[str]) -> datetime | None:
    """Midnight of the day that a pattern found."""
    parts = found.groupdict()
    month = parts["month"]
    number = int(month) if month.isdecimal() else _MONTH.get(month.lower())
    day, year = int(parts["day"]), int(parts["year"])
    if number is None:
        return None
    if parts.get("mark") and found.re is _DATES[-1]:
        if number <= 12 and day <= 12 and day != number:
            return None  # Half of the world reads it the other way round.
        day, number = (number, day) if number > 12 else (day, number)
    if year < 100:
        year += 2000 if year < 69 else 1900
    try:
        return datetime(year, number, day)  # noqa: DTZ001 (its zone, if any, stands further on)
    except ValueError:
        return None


def _with_clock(day: datetime, rest: str, *, is_iso: bool = False) -> Spelled | None:
    """The day at the time that the rest of the text says; `None` if the rest is something else."""
    gap = _GAP.match(rest)
    rest = rest[gap.end() :] if gap else rest
    if not rest.strip(" .,"):
        return Spelled(day, is_date=True)
    clock = _CLOCK.match(rest)
    if clock is None or not (clock["minute"] or clock["half"] or clock["word"]):
        return None
    length = _since_midnight(clock)
    zone = rest[clock.end() :].strip(" ,")
    if not is_iso and clock["second"] is None and _UNTIL.match(rest, clock.end()):  # `10:00-12:00` says when it ends
        zone = ""
    if length is None or (zone and not _ZONE.fullmatch(zone)):
        return None
    try:
        return Spelled(day + length, zone)
    except OverflowError:
        return None


def _since_midnight(clock: re.Match[str]) -> timedelta | None:
    hour, minute, second = (int(clock[name] or 0) for name in ("hour", "minute", "second"))
    half = (clock["half"] or "").lower()
    if (half and not 1 <= hour <= 12) or hour > 24 or minute > 59 or second > 60 or (hour == 24 and minute + second):
        return None
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    microseconds = int((clock["fraction"] or "0")[:6].ljust(6, "0"))
    return timedelta(hours=hour, minutes=minute, seconds=min(second, 59), microseconds=microseconds)
