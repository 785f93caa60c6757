"""The words that tell a document from others: what similar documents are looked for by, in any engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import log

from tidemill.search.analysis import Analysis
from tidemill.search.text import clean

_SCANNED_CHARS = 50_000
_FREQUENT = 100
_TELLING = 20
_SHORTEST = 3


def telling(
    analysis: Analysis,
    title: str,
    content: str,
    language: str | None,
    *,
    documents: int,
    frequency: Callable[[str], int],
) -> dict[str, float]:
    """The stems that say most of this document, and how much each says.

    `frequency` is in how many of all `documents` a stem occurs; one that no other document has tells nothing.
    """
    counted: Counter[str] = Counter()
    for text, weight in ((title, 3), (content[:_SCANNED_CHARS], 1)):
        for token in analysis.for_stems(text, language).analyze(clean(text)):
            counted[token] += weight
    weights: dict[str, float] = {}
    for token, count in counted.most_common():
        if len(weights) >= _FREQUENT:
            break
        if (len(token) < _SHORTEST and token.isascii()) or token.isdecimal() or _stops(analysis, token, language):
            continue
        held = frequency(token)
        if held > 1:
            weights[token] = (1 + log(count)) * log(1 + documents / held)
    best = sorted(weights.items(), key=lambda each: -each[1])[:_TELLING]
    return dict(best)


def _stops(analysis: Analysis, token: str, language: str | None) -> bool:
    return analysis.is_stop_word(token, (language or "en",))
