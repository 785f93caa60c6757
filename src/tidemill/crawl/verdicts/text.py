"""The form of text that the patterns of verdicts are written for, and the patterns themselves.

Raw text comes in, folded text and the parts of a title go out. Used by `page` and by the modules of words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cached_property
from sys import maxsize

from pydantic_core import SchemaValidator
from pydantic_core.core_schema import str_schema

_PLAIN = (
    *(("’", "'"), ("‘", "'"), ("`", "'"), ("´", "'"), ("“", '"'), ("”", '"'), ("–", "-"), ("—", "-")),
    *(("\u00a0", " "), ("\u200b", ""), ("…", "...")),
)
_SEPARATOR = re.compile(r"\s+[|–—\-·•:»«/~]+\s+|\s*[|»«•]\s*|[。]")
_MARGIN = re.compile(r"^[\W_]+|[\W_]+$")
_REGRET = re.compile(
    r"^(?:(?:oo*ps|who+ps|uh[ -]?oh|oh no|sorry|ups|hoppla|désolée?|lo sentimos|ops|errore?|erreur|fehler|erro|fout|"
    r"http|"
    r"status|code|fejl|feil|fel|chyba|błąd|ошибка|hata|virhe|エラー|错误|錯誤|오류)\b[\W_]*)+"
)


def finder(source: str) -> Callable[[str], bool]:
    """A function that says whether a regular expression (in the syntax of Rust) matches somewhere in a text.

    By the engine that pydantic brings along: it finds any of a hundred words as fast as one, where Python needs a pass
    for each. Every page is looked through in this way.
    """
    return SchemaValidator(str_schema(pattern=source, regex_engine="rust-regex")).isinstance_python


def any_stem(*stems: str) -> str:
    """The expression that finds any of some pieces of text."""
    return "|".join(re.escape(stem) for stem in stems)


class Words:
    """What may be said in one of several ways: patterns over folded text, of which the first that matches counts.

    `stems` (parted by `|`) are pieces of text one of which is in whatever any of the patterns matches; the tests prove
    that. To look for them takes a thousandth of the time of the patterns, which are not even compiled before a text
    holds a stem.
    """

    def __init__(self, *patterns: str, stems: str) -> None:
        self.source = any_of(*patterns)
        self.stems = tuple(stems.split("|"))

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(self.source)

    def may_be_in(self, text: str) -> bool:
        """False only if the patterns match nothing in folded text."""
        return self._finds_stem(text)

    @cached_property
    def _finds_stem(self) -> Callable[[str], bool]:
        return finder(any_stem(*self.stems))

    def search(self, text: str, end: int = maxsize) -> re.Match[str] | None:
        """The first match that lies within the first `end` characters."""
        return self.pattern.search(text, 0, end) if self.may_be_in(text) else None

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        """Every match."""
        return self.pattern.finditer(text) if self.may_be_in(text) else iter(())


class Stems:
    """What several kinds of words have in common: one look for the stems of all of them."""

    def __init__(self, *every: Words) -> None:
        self._stems = tuple(dict.fromkeys(stem for words in every for stem in words.stems))

    def may_be_in(self, text: str) -> bool:
        """False only if none of the words may be in folded text."""
        return self._finds_stem(text)

    @cached_property
    def _finds_stem(self) -> Callable[[str], bool]:
        return finder(any_stem(*self._stems))


def folded(text: str) -> str:
    """Text in lower case, with single spaces and plain apostrophes, quotes and dashes."""
    if not text.isascii() or "`" in text:
        for fancy, plain in _PLAIN:
            text = text.replace(fancy, plain)
    return " ".join(text.casefold().split())


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


def any_of(*patterns: str) -> str:
    """One pattern that matches what any of these does."""
    return "|".join(f"(?:{pattern})" for pattern in patterns)
