"""What every engine's suggestions have in common: reading what was typed, and joining titles and words to a list."""

from __future__ import annotations

from collections.abc import Iterable

from tidemill.search.analysis import Analysis
from tidemill.search.text import fold, is_unspaced

LONGEST_TYPED = 200


def typed_so_far(analysis: Analysis, text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words that are complete, and the tokens of the one that may be only begun (several where no space is)."""
    text = text[:LONGEST_TYPED]
    tokens = analysis.tokens(text)
    if not tokens or not text[-1].isalnum():
        return tokens, ()
    if is_unspaced(text):
        return (), tokens
    return tokens[:-1], tokens[-1:]


def joined(text: str, titles: Iterable[str], words: Iterable[tuple[str, int]], limit: int) -> tuple[str, ...]:
    """Titles first, then the text with its last word completed; each once, whatever its case."""
    found: dict[str, str] = {}
    for title in titles:
        if title:
            found.setdefault(fold(title), title)
    titled = list(found)[: max(1, limit - limit // 3)] if limit > 1 else list(found)
    kept = {key: found[key] for key in titled}
    typed = text[:LONGEST_TYPED].lstrip()
    begin = typed[: len(typed) - len(typed.split()[-1])] if typed.split() else ""
    for word, _ in words:
        if len(kept) >= limit:
            break
        if fold(typed) != fold(begin + word):
            kept.setdefault(fold(begin + word), begin + word)
    for key, title in found.items():
        if len(kept) >= limit:
            break
        kept.setdefault(key, title)
    return tuple(kept.values())[:limit]
