"""The query language of all engines: text goes in, a small tree comes out, and no text is an error.

words            any of them matches; documents with all of them, close together, come first
"a phrase"       must be there, exactly so
word*            words that begin so
word~            words that are written about so
a OR b           either; counts as one word
field:value      must hold: source, kind, lang, author, site, tag, title (also field:"a value" and field:begin*)
date:2024-05     published then; also date:>2024-05-01, date:<=2024, date:2023..2024
fields.name:20   a source's own field; also fields.name:<20, fields.name:10..20, fields.name:"a value"
-anything        must not be there
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from tidemill.search.text import clean
from tidemill.search.typed import PREFIX, Bounds, bounds_of, name_of

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
    "date": "published_at",
    "published": "published_at",
    "published_at": "published_at",
}
"""What people may write before the colon, and the field it means; `fields.` and a name means a source's own field."""


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
class Fuzzy:
    """A word that may be misspelt, without the tilde."""

    text: str


Value: TypeAlias = Word | Prefix | Phrase | Bounds


@dataclass(frozen=True, slots=True)
class Field:
    """A value that the field `name` (one of the values of `FIELDS`, or `fields.` and a name) must have."""

    name: str
    value: Value


Term: TypeAlias = Word | Prefix | Phrase | Fuzzy | Field


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
        (?:(?P<field>[A-Za-z_][\w.-]*):(?=["\S]))?
        (?:"(?P<phrase>[^"]*)"|(?P<word>[^\s"]+)|(?P<stray>"))""",
    re.VERBOSE,
)
_ABOUT = re.compile(r"(\w.*)~\d?")
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


def parse_field(text: str) -> Field | None:
    """`price:<20` as the filter of a source's own field that it is; `None` if it says nothing."""
    name, _, value = text.strip().removeprefix(PREFIX).partition(":")
    found = _field_value(PREFIX + name_of(name), *_unquoted(value.strip())) if name_of(name) else None
    return Field(PREFIX + name_of(name), found) if found else None


def _term(token: re.Match[str]) -> Term | None:
    phrase, word, written = token["phrase"], token["word"], token["field"]
    if not written:
        return _value(phrase, word, is_fuzzy=True)
    name = FIELDS.get(written.lower())
    if name is None and written.lower().startswith(PREFIX) and len(written) > len(PREFIX):
        name = PREFIX + name_of(written[len(PREFIX) :])
    if name is None:
        value = _value(phrase, word)
        return Word(f"{written}:{value.text}" if isinstance(value, Word | Prefix | Phrase) else written)
    found = _field_value(name, phrase, word)
    if found is None and name == "published_at":
        return Word(f"{written}:{word or phrase}")
    return Field(name, found) if found else None


def _field_value(name: str, phrase: str | None, word: str | None) -> Value | None:
    """What a field must be. Times are only compared; other named fields only have values."""
    if name == "published_at":
        return bounds_of((phrase or word or "").strip(), dates=True)
    compared = bounds_of(word) if word and name.startswith(PREFIX) else None
    found = compared or _value(phrase, word)
    return None if isinstance(found, Fuzzy) else found


def _value(phrase: str | None, word: str | None, *, is_fuzzy: bool = False) -> Word | Prefix | Phrase | Fuzzy | None:
    if phrase is not None:
        return Phrase(phrase) if _has_letters(phrase) else None
    if word is None or not _has_letters(word):
        return None
    about = _ABOUT.fullmatch(word) if is_fuzzy else None
    if about:
        return Fuzzy(about[1])
    stem = word.rstrip("*")
    return Prefix(stem) if stem != word and len(stem) > 1 else Word(stem)


def _unquoted(value: str) -> tuple[str | None, str | None]:
    """A value as phrase or as word."""
    is_quoted = len(value) > 1 and value[0] == value[-1] == '"'
    return (value[1:-1], None) if is_quoted else (None, value)


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
