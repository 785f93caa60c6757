"""Whether two texts that look alike are one text edited, or one template filled in twice.

In: titles and texts of two documents. Out: a verdict. Pure; called by `alike`. A document that is taken for another's
duplicate is not found any more, so in doubt they are two: weather of two towns, a price list of two days, two sizes of
a product, the manual of two versions.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

_WORD = re.compile(r"\d+(?:[.,:/-]\d+)*|[^\W\d_]+(?:['\u2019][^\W\d_]+)*|\w+")
_OFTEN = 3
_MOST_OWN_NUMBERS = 0.25


@dataclass(frozen=True, slots=True)
class Wording:
    """The words of a document: those of its title, and how often it uses each."""

    title: frozenset[str]
    words: Counter[str]
    numbers: frozenset[str]


def wording(title: str, text: str) -> Wording:
    """The words of a document, case folded; a number with its separators is one word."""
    words = Counter(_WORD.findall(text.casefold()))
    titled = frozenset(_WORD.findall(title.casefold()))
    return Wording(titled, words, frozenset(word for word in words if word[0].isdecimal()))


def is_template(one: Wording, other: Wording) -> bool:
    """Whether what differs is what they speak of: their titles, their numbers, or words they use again and again."""
    return _titles_part(one, other) or _numbers_part(one, other) or _subjects_part(one, other)


def _titles_part(one: Wording, other: Wording) -> bool:
    """Each title has a number the other has not, or words of which its own text speaks and the other text does not."""
    only_one, only_other = one.title - other.title, other.title - one.title
    if _has_number(only_one) and _has_number(only_other):
        return True
    return _speaks(one, only_one, other) and _speaks(other, only_other, one)


def _numbers_part(one: Wording, other: Wording) -> bool:
    """A good part of the numbers of each is not in the other: not a date that was added, but other figures."""
    common = len(one.numbers & other.numbers)
    own = min(len(one.numbers), len(other.numbers)) - common
    return own >= 2 and own / (own + common) > _MOST_OWN_NUMBERS


def _subjects_part(one: Wording, other: Wording) -> bool:
    """Each uses a word often that the other does not know. A sentence more or less does not do that on both sides."""
    return _has_subject(one, other) and _has_subject(other, one)


def _has_subject(one: Wording, other: Wording) -> bool:
    return any(count >= _OFTEN and word not in other.words for word, count in one.words.items())


def _speaks(one: Wording, words: frozenset[str], other: Wording) -> bool:
    return any(word in one.words and word not in other.words for word in words)


def _has_number(words: frozenset[str]) -> bool:
    return any(word[0].isdecimal() for word in words)
