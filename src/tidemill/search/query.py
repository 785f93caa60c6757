"""The query language of all engines: text goes in, a small tree comes out, and no text is an error.

words            any of them matches; documents with all of them, close together, come first
"a phrase"       must be there, exactly so
word*            words that begin so
a OR b           either; counts as one word
field:value      must hold: source, kind, lang, author, site, tag, title (also field:"a value" and field:begin*)
-anything        must not be there
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from tidemill.search.text import clean

MAX_LENGTH = 10_000
"""Characters of a query that are read."""

MAX_TERMS = 64
"""Terms of a query that are read."""

FIELDS = {
    "source": "source",
    "kind": "kind",
    "lang": "language",
    "language": "language",
    "author": "author",
    "site": "domain",
    "domain": "domain",
    "tag": "tag",
    "title": "title",
}
"""What people may write before the colon, and the field it means."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word as it was typed; an engine may find that it is several (`pg_dump`) or none (`!?`)."""

    text: str


@dataclass(frozen=True, slots=True)
class Prefix:
    """The beginning of a word, without the asterisk."""

    text: str


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that must follow each other, unstemmed."""

    text: str


@dataclass(frozen=True, slots=True)
class Field:
    """A value that the field `name` (one of the values of `FIELDS`) must have."""

    name: str
    value: Word | Prefix | Phrase


Term: TypeAlias = Word | Prefix | Phrase | Field


@dataclass(frozen=True, slots=True)
class Clause:
    """Alternatives, usually one. It is required if all of them are demands (phrases and fields) rather than words."""

    alternatives: tuple[Term, ...]

    @property
    def required(self) -> bool:
        """Whether a document without it is no hit."""
        return all(isinstance(term, Phrase | Field) for term in self.alternatives)


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """If no clause is required, at least one must match; if there is none at all, all but the excluded match."""

    clauses: tuple[Clause, ...] = ()
    excluded: tuple[Term, ...] = ()


_TOKEN = re.compile(
    r"""(?P<minus>-(?=[^\s-]))?
        (?:(?P<field>[A-Za-z]+):(?=["\S]))?
        (?:"(?P<phrase>[^"]*)"|(?P<word>[^\s"]+)|(?P<stray>"))""",
    re.VERBOSE,
)
_QUOTES = str.maketrans("“”„«»", '"""""')


def parse(text: str) -> ParsedQuery:
    """The tree of `text`. Anything that is not well-formed is read as words; nothing raises."""
    clauses: list[Clause] = []
    excluded: list[Term] = []
    alternative = False
    terms = 0
    for token in _TOKEN.finditer(clean(text[:MAX_LENGTH]).translate(_QUOTES)):
        if token[0] == "OR" and clauses:
            alternative = True
            continue
        term = _term(token)
        if term is None:
            continue
        if token["minus"]:
            excluded.append(term)
        elif alternative:
            clauses[-1] = Clause((*clauses[-1].alternatives, term))
        else:
            clauses.append(Clause((term,)))
        alternative = False
        terms += 1
        if terms >= MAX_TERMS:
            break
    return ParsedQuery(_united(clauses), tuple(excluded))


def _term(token: re.Match[str]) -> Term | None:
    value = _value(token["phrase"], token["word"])
    written = token["field"]
    if not written:
        return value
    name = FIELDS.get(written.lower())
    if name:
        return Field(name, value) if value else None
    return Word(f"{written}:{value.text}" if value else written)


def _value(phrase: str | None, word: str | None) -> Word | Prefix | Phrase | None:
    if phrase is not None:
        return Phrase(phrase) if _has_letters(phrase) else None
    if word is None or not _has_letters(word):
        return None
    stem = word.rstrip("*")
    return Prefix(stem) if stem != word and len(stem) > 1 else Word(stem)


def _has_letters(text: str) -> bool:
    return any(map(str.isalnum, text))


def _united(clauses: list[Clause]) -> tuple[Clause, ...]:
    """A document has one source, kind, language and domain: of several values asked for, any one will do."""
    united: dict[object, Clause] = {}
    for index, clause in enumerate(clauses):
        first = clause.alternatives[0]
        single = len(clause.alternatives) == 1 and isinstance(first, Field)
        key: object = index
        if single and isinstance(first, Field) and first.name in ("source", "kind", "language", "domain"):
            key = first.name
        before = united.get(key)
        united[key] = Clause(before.alternatives + clause.alternatives) if before else clause
    return tuple(united.values())
