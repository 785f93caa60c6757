"""Finds the words and phrases that a text is about.

Comes in: a text and its language; goes out: at most ten keywords, the best first. Called by `enrich`. As in RAKE (Rose
and others, 2010) the candidates are what stands between stop words and punctuation; as in YAKE (Campos and others,
2020) those count more that come early, stand in the title, or are written as names.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tidemill.process.steps.stopwords import STOPWORDS

MAX_KEYWORDS = 10

_LEAST_WORDS = 30
_MAX_WORDS = 3
_BREAK = re.compile(r"[^\w \t'\-&]+")
_BETWEEN = "|"
_EDGES = "'-&_"
_NO_BEGINNING = frozenset("0123456789|")
_NO_FORM = (False, 0, "")
_PLURALS = frozenset(("en", "es", "fr", "pt"))
_NOUNS_ARE_CAPITAL = frozenset(("de",))
_IN_TITLE, _PARTLY_IN_TITLE, _NAME, _EACH_FURTHER_WORD = 2.5, 1.5, 1.4, 0.75
_SAME = 0.5

Phrase = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Text:
    """A text as its words of meaning in their order, folded; `None` stands where a phrase cannot go on.

    Words that are told once and are not in the title are left out: they can be in no keyword. `first` is the place in
    the row where a word stands first, `forms` how it is written.
    """

    row: list[str | None]
    counts: Mapping[str, int]
    first: Mapping[str, int]
    forms: Mapping[str, str]


def find_keywords(text: str, title: str, language: str | None) -> tuple[str, ...]:
    """At most ten words and phrases of up to three words, best first; none in a language whose stop words are unknown.

    A keyword stands at least twice in the text, or in the title as well; a text of a few words has none.
    """
    if language not in STOPWORDS:
        return ()
    words = _split(text)
    if len(words) < _LEAST_WORDS:
        return ()
    head = [_fold(word, language) for word in _split(title.lower())]
    in_title = {word for word in head if word is not None}
    read = _read(words, language, in_title)
    names = {word for word, form in read.forms.items() if form[0].isupper() and language not in _NOUNS_ARE_CAPITAL}
    counts = _count(read, head)
    scores = {phrase: _score(phrase, count, in_title, names, read) for phrase, count in counts.items()}
    ranked = sorted(counts, key=lambda phrase: (-scores[phrase], phrase))
    return tuple(" ".join(read.forms[word] for word in phrase) for phrase in _distinct(ranked, counts))


def _split(text: str) -> list[str]:
    """The words, and a bar where punctuation or the end of a line parts them."""
    return _BREAK.sub(f" {_BETWEEN} ", text.replace("’", "'")).split()


def _read(words: list[str], language: str, in_title: set[str]) -> _Text:
    small = " ".join(words).lower().split()
    first_place = dict(zip(reversed(small), range(len(small) - 1, -1, -1), strict=True))
    as_written = set(words)
    folded: dict[str, str] = {}
    counts: Counter[str] = Counter()
    best: dict[str, tuple[bool, int, str]] = {}
    for word, count in Counter(small).items():
        if (key := _fold(word, language)) is None:
            continue
        form = word if word in as_written else words[first_place[word]]
        if len(key) == 2 and form == word:
            continue  # Of two letters only acronyms mean something.
        folded[word] = key
        counts[key] += count
        best[key] = max(best.get(key, _NO_FORM), (form == word, count, form))
    told = {word: key for word, key in folded.items() if counts[key] > 1 or key in in_title}
    first: dict[str, int] = {}
    for word, key in told.items():  # in the order of the text
        first.setdefault(key, first_place[word])
    return _Text([*map(told.get, small)], counts, first, {key: best[key][2].strip(_EDGES) for key in first})


def _fold(word: str, language: str) -> str | None:
    """A lower-case word, where an s makes the plural without that; `None` if it has no meaning of its own."""
    if word in STOPWORDS[language] or word[0] in _NO_BEGINNING:
        return None
    if not word.isalnum() and ((word := word.strip(_EDGES)) in STOPWORDS[language] or not word):
        return None
    if word[-1] == "s" and len(word) > 4 and word[-2] not in "su" and language in _PLURALS:
        return word[:-1]
    return word if len(word) > 1 else None


def _count(read: _Text, head: list[str | None]) -> dict[Phrase, int]:
    """How often each phrase stands in the text and the title: of those that do so twice."""
    phrases: dict[Phrase, int] = {}
    for phrase in _phrases_of(read.row):
        if len(phrase) > 1:
            phrases[phrase] = phrases.get(phrase, 0) + 1
    counts: dict[Phrase, int] = {(word,): read.counts[word] for word in read.first}
    counts |= {phrase: count for phrase, count in phrases.items() if count > 1}
    for phrase in _phrases_of(head):
        if phrase in counts or phrase in phrases:
            counts[phrase] = counts.get(phrase, phrases.get(phrase, 0)) + 1
    return counts


def _phrases_of(row: list[str | None]) -> Iterator[Phrase]:
    """Each word, and what it makes with the one or two before it."""
    before: Phrase = ()
    for word in row:
        if word is None:
            before = ()
            continue
        before = (*before, word)[-_MAX_WORDS:]
        for start in range(len(before)):
            yield before[start:]


def _score(phrase: Phrase, count: int, in_title: set[str], names: set[str], read: _Text) -> float:
    score = count * (1 + _EACH_FURTHER_WORD * (len(phrase) - 1))
    if in_title.issuperset(phrase):
        score *= _IN_TITLE
    elif not in_title.isdisjoint(phrase):
        score *= _PARTLY_IN_TITLE
    if names.issuperset(phrase):
        score *= _NAME
    return score * (2 - read.first[phrase[-1]] / len(read.row))


def _distinct(ranked: Iterable[Phrase], counts: Mapping[Phrase, int]) -> list[Phrase]:
    """The first ten of which none is part of another, unless it stands alone more often than in that."""
    taken: list[Phrase] = []
    for phrase in ranked:
        words = set(phrase)
        if any(words <= set(other) and counts[other] > _SAME * counts[phrase] for other in taken):
            continue
        if any(set(other) < words and counts[phrase] <= _SAME * counts[other] for other in taken):
            continue
        taken = [*(other for other in taken if not set(other) < words), phrase]
        if len(taken) == MAX_KEYWORDS:
            break
    return taken
