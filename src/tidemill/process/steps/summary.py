"""Sums a text up in sentences of its own.

Comes in: the sentences of a text; goes out: at most 300 characters of them. Called by `enrich`. A sentence counts by
the words that the text repeats, by those it shares with the title, and by how early it comes: the lead of an article is
hard to beat (Nenkova 2005), but a text that begins with a byline or a greeting is better summed up by what follows.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from math import log

from tidemill.process.steps.stopwords import STOPWORDS

MAX_SUMMARY_CHARS = 300

_LEAST_CHARS, _LEAST_CHARS_UNSPACED = 40, 15
_MOST_SENTENCES = 40
_ENDS = ".!?…。！？｡؟۔।።\"'”’»)」』"
_END = re.compile(r"[.!?…؟۔।።][\"'”’»)\]]*(?=\s|$)|[。！？｡][」』”’）]*")
_WORD = re.compile(r"[^\W\d_]{3,}")
_BEGINNING = re.compile(r"[\"'“‘«(¿¡「『]*[^\W_]")
_NO_WORDS: frozenset[str] = frozenset()
_ENOUGH_WORDS = 8.0
_TITLE_WORD = 1.0
_REPEATS = 0.6
_LEAD = 2.0


def summarize(sentences: Sequence[str], title: str = "", language: str | None = None) -> str | None:
    """The most telling whole sentences, in their order; the beginning of the text if it has no sentences that fit."""
    stop = STOPWORDS.get(language or "", _NO_WORDS)
    picked = [(place, text) for place, text in enumerate(sentences) if _is_sentence(text)][:_MOST_SENTENCES]
    words = {place: {word for word in _WORD.findall(text.lower()) if word not in stop} for place, text in picked}
    frequency = Counter(word for found in words.values() for word in found)
    in_title = {word for word in _WORD.findall(title.lower()) if word not in stop}
    scores = {
        place: _score(words[place], frequency, in_title) * (1 + _LEAD / (1 + rank))
        for rank, (place, _) in enumerate(picked)
    }
    chosen = _fitting(sorted(picked, key=lambda pair: (-scores[pair[0]], pair[0])), words)
    if chosen:
        return " ".join(text for _, text in sorted(chosen))
    return shorten(" ".join(sentences[:_MOST_SENTENCES])) or None


def shorten(text: str) -> str:
    """As many whole sentences as fit; if not even one does, whole words and an ellipsis."""
    if len(text) <= MAX_SUMMARY_CHARS:
        return text
    ends = [found.end() for found in _END.finditer(text[: MAX_SUMMARY_CHARS + 1])]
    if ends and ends[-1] > MAX_SUMMARY_CHARS // 3:
        return text[: ends[-1]].strip()
    cut = text[: MAX_SUMMARY_CHARS - 1]
    return (cut.rpartition(" ")[0] or cut).rstrip(" ,;:–—-…") + "…"


def _is_sentence(text: str) -> bool:
    least = _LEAST_CHARS if " " in text else _LEAST_CHARS_UNSPACED
    fits = least <= len(text) <= MAX_SUMMARY_CHARS
    return fits and text[-1] in _ENDS and not text[0].islower() and bool(_BEGINNING.match(text))


def _score(words: set[str], frequency: Counter[str], in_title: set[str]) -> float:
    said = sum(log(1 + frequency[word]) + (_TITLE_WORD if word in in_title else 0.0) for word in sorted(words))
    return said / (len(words) + _ENOUGH_WORDS)


def _fitting(ranked: Sequence[tuple[int, str]], words: dict[int, set[str]]) -> list[tuple[int, str]]:
    """The first of them that fit and do not say again what one before them says."""
    chosen: list[tuple[int, str]] = []
    room = MAX_SUMMARY_CHARS
    for place, text in ranked:
        if len(text) > room or any(_is_repeated(words[place], words[other]) for other, _ in chosen):
            continue
        chosen.append((place, text))
        room -= len(text) + 1
    return chosen


def _is_repeated(words: set[str], others: set[str]) -> bool:
    return len(words & others) >= _REPEATS * max(min(len(words), len(others)), 1)
