"""Whether two events are one and the same, announced twice: by time, title and place.

In: what events say of themselves. Out: a similarity, or `None`; and a sketch, which tells most of those apart that
begin at the same moment. Pure; called by `alike` for pairs of candidates, and by `near`.
"""

from __future__ import annotations

import re
import struct
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from zlib import crc32

from rapidfuzz import fuzz

from tidemill.models.document import Json

_ALIKE_TITLE = 85.0
_ALIKE_TITLE_WITHOUT_PLACE = 93.0
_ALIKE_PLACE = 70.0
_SHORT_TITLE = 2
"""Titles of so few words say little (`Concert`): they must be equal."""
_MOST_ADDED = 6
_WORD = re.compile(r"\w+")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}$")
_NEVER_EXACT = 0.99
_SKETCH = struct.Struct("<HHQQQ")
"""Length, numbers, words and (twice) letters of a title."""
_read: Callable[[bytes], tuple[int, ...]] = _SKETCH.unpack
_WORDS, _LETTERS, _EACH = 64, 32, 4
_UNARY = (0, 1, 3, 7, 15)
_LONGEST = 2**16 - 1
_MOST_DIFFERENT = 1 - _ALIKE_TITLE / 100


@dataclass(frozen=True, slots=True)
class Happening:
    """An event as the matcher sees it. `day` is the day at its place; `moment` is `None` if only the day is known.

    A moment with a zone is in UTC; one without is kept as it was written, and equals only its like.
    """

    title: str
    words: frozenset[str]
    place: str
    day: str
    moment: str | None


def happening(title: str, fields: Mapping[str, Json]) -> Happening | None:
    """The event of that title and those fields (`start`, `location`), or `None` if it has no start or no title."""
    start = fields.get("start")
    words = _WORD.findall(title.casefold())
    if not isinstance(start, str) or not words:
        return None
    place = " ".join(_WORD.findall(_text(fields.get("location")).casefold()))
    if _DATE.match(start.strip()):
        return Happening(" ".join(words), frozenset(words), place, start.strip(), None)
    try:
        at = datetime.fromisoformat(start.strip())
    except ValueError:
        return None
    moment = at.isoformat() if at.tzinfo is None else at.astimezone(UTC).isoformat()
    return Happening(" ".join(words), frozenset(words), place, at.date().isoformat(), moment)


def similarity(one: Happening, other: Happening) -> float | None:
    """How alike two events are (0 to .99) if they are one and the same, else `None`.

    They start at the same moment, or on the same day if one of them tells no more; their titles say the same, apart
    from some words that one of them adds; and so do their places, if both have one. What tells titles apart (other
    numbers, words of each that the other has not) parts them even if the rest is long.
    """
    if one.words.isdisjoint(other.words):
        return None
    if one.day != other.day if None in (one.moment, other.moment) else one.moment != other.moment:
        return None
    title = _title(one, other)
    if not one.place or not other.place:
        return min(title / 100, _NEVER_EXACT) if title >= _ALIKE_TITLE_WITHOUT_PLACE else None
    place = _place(one.place, other.place)
    if title < _ALIKE_TITLE or place < _ALIKE_PLACE:
        return None
    return min((2 * title + place) / 300, _NEVER_EXACT)


def sketch(event: Happening) -> bytes:
    """What tells most events apart that are not alike, without their titles: 28 bytes; empty for a monstrous title.

    Its numbers as a hash, its words as a Bloom filter, and how often each letter occurs (up to four times, in unary).
    """
    if len(event.title) > _LONGEST:
        return b""
    words = numbers = 0
    for word in event.words:
        hashed = crc32(word.encode(errors="replace"))
        words |= 1 << hashed % _WORDS
        if word.isdecimal():
            numbers ^= hashed
    counts = [0] * _LETTERS
    for letter, count in Counter(event.title).items():
        counts[ord(letter) % _LETTERS] += count
    letters = sum(_UNARY[min(count, _EACH)] << place * _EACH for place, count in enumerate(counts) if count)
    return _SKETCH.pack(len(event.title), numbers & _LONGEST, words, letters & 2**64 - 1, letters >> 64)


def sieve(own: bytes) -> Callable[[bytes], bool]:
    """Whether the event of a sketch may be one and the same as that of `own`, as far as their titles tell.

    Never `False` for two that are alike: their titles have the same numbers; the words of one are all among those of
    the other, or both are spelled so alike that few letters differ. What has no sketch may always be.
    """
    if not own:
        return lambda other: True
    length, numbers, words, low, high = _read(own)

    def may_be_alike(other: bytes) -> bool:
        if not other:
            return True
        its_length, its_numbers, its_words, its_low, its_high = _read(other)
        if its_numbers != numbers:
            return False
        common = its_words & words
        if common in (its_words, words):
            return True
        different = (its_low ^ low).bit_count() + (its_high ^ high).bit_count()
        return different <= (length + its_length) * _MOST_DIFFERENT

    return may_be_alike


def _title(one: Happening, other: Happening) -> float:
    if one.title == other.title:
        return 100.0
    only_one, only_other = one.words - other.words, other.words - one.words
    shorter = min(one.words, other.words, key=len)
    if _numbers(only_one) or _numbers(only_other) or len(shorter) <= _SHORT_TITLE:
        return 0.0
    if only_one and only_other:
        # Each has words of its own: they must be spellings of one another, not other words.
        alike = _spelled(only_one, only_other) and _spelled(only_other, only_one)
        return fuzz.ratio(one.title, other.title) if alike else 0.0
    added = len(only_one) + len(only_other)
    return fuzz.token_set_ratio(one.title, other.title) - added if added <= _MOST_ADDED else 0.0


def _spelled(some: Iterable[str], others: Iterable[str]) -> bool:
    """Whether each of some words is another spelling of one of the others (`theatre`, `theater`)."""
    left = list(others)
    return all(any(len(word) > 3 and fuzz.ratio(word, other) >= 75 for other in left) for word in some)


def _place(one: str, other: str) -> float:
    """How alike two places are: one may say less (a name) than the other (a name with its address)."""
    return max(fuzz.token_set_ratio(one, other), fuzz.ratio(one, other))


def _numbers(words: Iterable[str]) -> bool:
    return any(word.isdecimal() for word in words)


def _text(value: Json) -> str:
    if isinstance(value, dict):
        return " ".join(_text(member) for member in value.values())
    if isinstance(value, list):
        return " ".join(_text(member) for member in value)
    return value if isinstance(value, str) else ""
