"""The pieces of a text that show why it was found: text and what to look for go in, safe HTML comes out.

Engines that cannot do this themselves call it for the hits of one page. Only words that begin like something asked for
are looked at closely, so that 4 KB of text cost about a tenth of a millisecond.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from typing import NamedTuple

from rapidfuzz.distance import OSA

from tidemill.search.text import fold, is_unspaced

FRAGMENTS = 3
FRAGMENT_CHARS = 200
SCANNED_CHARS = 200_000
FIRST_SCANNED_CHARS = 50_000
"""Long texts are looked through only so far, and beyond the first part only if there is nothing in it."""

_MOST_MATCHES = 200
_MOST_IN_WINDOW = 30
_PREFIX_CHARS = 3
_IN_WORD = re.compile(r"[^\W_]*")
_BETWEEN = re.compile(r"[\W_]{0,3}")
_WORD = sys.maxsize
"""In place of the number of a sequence."""

_UNSAFE = re.compile("[&<>\"']")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to mark, all of it folded (lower case, no accents).

    `prefixes` mark words that begin so, `sequences` tokens that follow each other, `forms` words for which `form_of`
    gives one of them (`None`: the word counts as itself), `about` words that differ from one by so many letters.
    """

    forms: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()
    sequences: tuple[tuple[str, ...], ...] = ()
    form_of: Callable[[str], frozenset[str]] | None = None
    about: tuple[tuple[str, int], ...] = ()


class _Match(NamedTuple):
    start: int
    end: int
    what: str


def highlight(text: str, wanted: Wanted) -> tuple[str, ...]:
    """At most three fragments of about 200 characters of `text`, best first; none if nothing in it is wanted."""
    text = text[:SCANNED_CHARS]
    matches = _find(text[:FIRST_SCANNED_CHARS], wanted) or _find(text, wanted)
    return tuple(_render(text, *window, matches) for window in _windows(matches, len(text)))


def _find(text: str, wanted: Wanted) -> list[_Match]:
    """What is wanted, from left to right, none within another; a sequence goes before a word that begins with it."""
    folded = fold(text)
    meanings: dict[str, str | None] = {}
    matches: list[_Match] = []
    free_from = 0
    # of those that begin at one place sequences come first
    for start, number in sorted([*_begun_sequences(folded, wanted), *_begun_words(folded, wanted)]):
        if start < free_from:
            continue
        if number < _WORD:
            end = _end_of(wanted.sequences[number], folded, start)
            what = folded[start:end] if end is not None else None
        else:
            end = _rest(folded, start)
            word = text[start:end]
            if word not in meanings:
                meanings[word] = _meaning(word, folded[start:end], wanted)
            what = meanings[word]
        if what is not None and end is not None:
            matches.append(_Match(start, end, what))
            free_from = end
            if len(matches) >= _MOST_MATCHES:
                break
    return matches


def _begun_sequences(folded: str, wanted: Wanted) -> Iterator[tuple[int, int]]:
    """Where which sequence may begin: in scripts with words, where its first word does."""
    for number, (first, *_) in enumerate(wanted.sequences):
        for start in _each(first, folded):
            if is_unspaced(first) or _begins_word(folded, start):
                yield start, number


def _begun_words(folded: str, wanted: Wanted) -> list[tuple[int, int]]:
    """Where words begin that begin like something wanted."""
    starts = {form[:_PREFIX_CHARS] for form in wanted.forms}
    starts |= {*wanted.prefixes, *(word[:1] for word, _ in wanted.about)}
    return [(start, _WORD) for begin in starts for start in _each(begin, folded) if _begins_word(folded, start)]


def _each(part: str, folded: str) -> list[int]:
    """Where a part of a text is; `str.find` is several times as fast as a pattern that is made for one question."""
    found: list[int] = []
    start = folded.find(part) if part else -1
    while start >= 0:
        found.append(start)
        start = folded.find(part, start + 1)
    return found


def _begins_word(folded: str, start: int) -> bool:
    return start == 0 or not folded[start - 1].isalnum()


def _rest(folded: str, start: int) -> int:
    """The end of the word that begins there."""
    found = _IN_WORD.match(folded, start)
    return found.end() if found is not None else start


def _end_of(sequence: tuple[str, ...], folded: str, start: int) -> int | None:
    """Where a sequence ends that begins there: its tokens with little between them, and no part of a word behind."""
    position = start
    for number, token in enumerate(sequence):
        if number:
            between = _BETWEEN.match(folded, position)
            position = between.end() if between is not None else position
        if not folded.startswith(token, position):
            return None
        position += len(token)
    is_whole = is_unspaced(sequence[-1]) or position == len(folded) or not folded[position].isalnum()
    return position if is_whole else None


def _meaning(word: str, folded: str, wanted: Wanted) -> str | None:
    """Which wanted form or prefix a word stands for, if any."""
    forms = {folded} | (wanted.form_of(word) if wanted.form_of else frozenset())
    for form in forms & wanted.forms:
        return form
    begun = next((prefix for prefix in wanted.prefixes if folded.startswith(prefix)), None)
    return begun or next((each for each, most in wanted.about if _differ(folded, each, most)), None)


def _differ(word: str, asked: str, most: int) -> bool:
    """Whether two words differ by at most so many letters; two that were exchanged count as one."""
    return OSA.distance(word, asked, score_cutoff=most) <= most


def _windows(matches: list[_Match], length: int) -> list[tuple[int, int]]:
    """The best pieces that do not overlap: most different matches first, then most matches, then the earliest."""
    ranked = []
    for first, match in enumerate(matches):
        last, different = match, {match.what}
        count = 1
        for other in matches[first + 1 : first + _MOST_IN_WINDOW]:
            if other.end - match.start > FRAGMENT_CHARS:
                break
            last, count = other, count + 1
            different.add(other.what)
        ranked.append((-len(different), -count, match.start, last.end))
    chosen: list[tuple[int, int]] = []
    for _, _, start, end in sorted(ranked):
        window = _widened(start, end, length)
        if all(window[1] <= other[0] or window[0] >= other[1] for other in chosen):
            chosen.append(window)
            if len(chosen) == FRAGMENTS:
                break
    return chosen


def _widened(start: int, end: int, length: int) -> tuple[int, int]:
    """The matches with as much text on both sides as makes a fragment."""
    room = max(FRAGMENT_CHARS - (end - start), 40)
    left = max(0, start - room // 2)
    return left, min(length, max(end, left + FRAGMENT_CHARS))


def _render(text: str, left: int, right: int, matches: list[_Match]) -> str:
    inside = [match for match in matches if match.start >= left and match.end <= right]
    left = _at_word_start(text, left, inside[0].start)
    right = _at_word_end(text, right, inside[-1].end)
    safe = escape if _UNSAFE.search(text, left, right) else str
    pieces, position = [], left
    for match in inside:
        pieces += [safe(text[position : match.start]), "<mark>", safe(text[match.start : match.end]), "</mark>"]
        position = match.end
    pieces.append(safe(text[position:right]))
    body = " ".join("".join(pieces).split()).replace("</mark> <mark>", " ").replace("</mark><mark>", "")
    return f"{'… ' if left > 0 else ''}{body}{' …' if right < len(text) else ''}"


def _at_word_start(text: str, left: int, limit: int) -> int:
    """The first beginning of a word in `left..limit`, or `left` in scripts without spaces."""
    if left == 0:
        return 0
    space = text.find(" ", left, min(left + 30, limit))
    return space + 1 if space >= 0 else left


def _at_word_end(text: str, right: int, limit: int) -> int:
    if right == len(text):
        return right
    space = text.rfind(" ", max(limit, right - 30), right)
    return space if space >= 0 else right
