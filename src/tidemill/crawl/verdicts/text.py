"""The form of text that the patterns of verdicts are written for.

Raw text comes in, folded text and the parts of a title go out. Used by `page` and by the modules of words.
"""

from __future__ import annotations

import re

_PLAIN = str.maketrans({"’": "'", "‘": "'", "`": "'", "´": "'", "\u00a0": " ", "\u200b": None, "…": "..."})
_SEPARATOR = re.compile(r"\s+[|–—\-·•:»«/~]+\s+|\s*[|»«•]\s*|[。]")
_MARGIN = re.compile(r"^[\W_]+|[\W_]+$")
_REGRET = re.compile(
    r"^(?:(?:oo*ps|who+ps|uh[ -]?oh|oh no|sorry|ups|hoppla|désolée?|lo sentimos|ops|errore?|erreur|fehler|erro|fout|"
    r"http|"
    r"status|code|fejl|feil|fel|chyba|błąd|ошибка|hata|virhe|エラー|错误|錯誤|오류)\b[\W_]*)+"
)


def folded(text: str) -> str:
    """Text in lower case, with single spaces and plain apostrophes."""
    return " ".join(text.translate(_PLAIN).casefold().split())


def regrets(text: str) -> bool:
    """Whether folded text begins with "Sorry," or the like."""
    return _REGRET.match(text) is not None


def is_regret(text: str) -> bool:
    """Whether folded text is nothing but "Oops!" or the like."""
    return regrets(text) and not segments(text)


def segments(title: str) -> tuple[str, ...]:
    """A folded title and its parts, each without punctuation around it and words of regret before it."""
    parts = (_MARGIN.sub("", part) for part in (title, *_SEPARATOR.split(title)))
    bare = (_MARGIN.sub("", _REGRET.sub("", part)) for part in parts)
    return tuple(dict.fromkeys(part for part in bare if part))


def any_of(*patterns: str) -> re.Pattern[str]:
    """One pattern that matches what any of these does."""
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))
