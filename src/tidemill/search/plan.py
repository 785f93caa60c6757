"""What a question asks of any engine: a parsed query and its filters as a few kinds of conditions over tokens.

In: the tree of `query.py`, the filters, the languages that the index holds. Out: a `Plan`. Which words count, how they
are stemmed and what is stop word is decided here, so that every engine finds the same; engines only translate.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import TypeAlias

from tidemill.search.analysis import Analysis
from tidemill.search.base import SearchQuery
from tidemill.search.query import Clause, Field, Fuzzy, ParsedQuery, Phrase, Prefix, Term, Word, parse_field
from tidemill.search.text import clean, is_unspaced
from tidemill.search.typed import PREFIX, Bounds, folded, number_of
from tidemill.search.values import host_of, raw, seconds

_JOINED = re.compile(r"['’\-‐‑–/]+(?=\w)")
MOST_NEAR_PAIRS = 8
MOST_PAIRS = 128
"""Pairs of characters in all words of a question together: clusters take a thousand conditions at most."""


@dataclass(frozen=True, slots=True)
class OneWord:
    """A word: its exact token, and the `forms` (that token and its stems) that stand for it."""

    token: str
    forms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tokens:
    """Exact tokens in a row; none match nothing."""

    tokens: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Beginning:
    """Exact tokens in a row, of which the last is only begun; none match nothing."""

    tokens: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Misspelt:
    """A word that may differ by `distance` letters from how it is written."""

    word: OneWord
    distance: int


@dataclass(frozen=True, slots=True)
class InField:
    """The words in one field only: `title` or `author`."""

    name: str
    what: OneWord | Tokens | Beginning


@dataclass(frozen=True, slots=True)
class Exactly:
    """A field (`source`, `kind`, `language`, `domain`, `tag`, or one of the source's) that is, or begins with, this."""

    name: str
    value: str
    begins: bool = False


@dataclass(frozen=True, slots=True)
class Within:
    """A number (`published_at` in seconds, or `fields.` and a name) within bounds."""

    name: str
    bounds: Bounds


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of these; none match nothing."""

    parts: tuple[Atom, ...]


Atom: TypeAlias = OneWord | Tokens | Beginning | Misspelt | InField | Exactly | Within | AnyOf


@dataclass(frozen=True, slots=True)
class Plan:
    """`phrases` and `filters` must match, of the `wishes` at least one if there is no phrase, nothing of `excluded`.

    Phrases and wishes are scored, filters are not. `near` are tokens that better stand close together.
    """

    phrases: tuple[Atom, ...] = ()
    wishes: tuple[Atom, ...] = ()
    filters: tuple[Atom, ...] = ()
    excluded: tuple[Atom, ...] = ()
    near: tuple[tuple[str, str], ...] = ()

    @property
    def scored(self) -> bool:
        """Without, all hits are equal and are listed by date."""
        return bool(self.phrases or self.wishes)

    @property
    def empty(self) -> bool:
        """Nothing is asked for, so nothing is found."""
        return not (self.phrases or self.wishes or self.filters or self.excluded)


class Planner:
    """Plans for one index. `languages` are the ISO 639-1 codes that are in it."""

    def __init__(self, analysis: Analysis, languages: tuple[str, ...]) -> None:
        self._analysis = analysis
        self._languages = languages

    def plan(self, parsed: ParsedQuery, asked: SearchQuery) -> Plan:
        """What `parsed` asks within the filters of `asked`."""
        most = MOST_PAIRS // max(1, self._written_together(parsed))
        demands = [clause for clause in parsed.clauses if clause.required]
        fields = [clause for clause in demands if all(map(_only_filters, clause.alternatives))]
        wishes = self.meaningful(parsed)
        atoms = tuple(self._clause(clause, fuzzy=asked.fuzzy, most_pairs=most) for clause in wishes)
        return Plan(
            phrases=tuple(self._clause(clause, most_pairs=most) for clause in demands if clause not in fields),
            wishes=atoms,
            filters=(*self._filters(asked), *(self._clause(clause) for clause in fields)),
            excluded=tuple(self.atom(term, most_pairs=most) for term in parsed.excluded),
            near=self._near(wishes),
        )

    def meaningful(self, parsed: ParsedQuery) -> list[Clause]:
        """The clauses that make a document a hit: not the stop words, unless several of them are all there is."""
        wishes = [part for clause in parsed.clauses if not clause.required for part in _parts(clause)]
        searchable = [clause for clause in wishes if any(self._is_searchable(term) for term in clause.alternatives)]
        kept = [clause for clause in searchable if not self._is_stop_word(clause)]
        return kept or (searchable if len(searchable) > 1 else [])

    def shown(self, parsed: ParsedQuery) -> list[Clause]:
        """What to highlight: all that was asked for but stop words that did not count."""
        return [clause for clause in parsed.clauses if clause.required] + self.meaningful(parsed)

    def atom(self, term: Term, *, fuzzy: bool = False, most_pairs: int = MOST_PAIRS) -> Atom:
        """The condition that a term is."""
        if isinstance(term, Field):
            return self._field(term)
        tokens = self._analysis.tokens(term.text)
        if isinstance(term, Prefix):
            return Beginning(tokens)
        if isinstance(term, Phrase) or len(tokens) != 1:
            return Tokens(tokens) if isinstance(term, Phrase) else several(tokens, most_pairs)
        word = self.word(term.text, tokens[0])
        if fuzzy or isinstance(term, Fuzzy):
            return Misspelt(word, distance_of(word.token))
        return word

    def word(self, text: str, token: str) -> OneWord:
        """The word with its stem in each language of the index, each once."""
        stems = [self._analysis.stem(text, language) for language in self._languages]
        return OneWord(token, tuple(dict.fromkeys([token, *filter(None, stems)])))

    def _written_together(self, parsed: ParsedQuery) -> int:
        """How many words there are that are several tokens in a script without spaces."""
        terms = [term for clause in parsed.clauses for term in clause.alternatives] + list(parsed.excluded)
        return sum(isinstance(term, Word) and _are_pairs(self._analysis.tokens(term.text)) for term in terms)

    def _clause(self, clause: Clause, *, fuzzy: bool = False, most_pairs: int = MOST_PAIRS) -> Atom:
        atoms = tuple(self.atom(term, fuzzy=fuzzy, most_pairs=most_pairs) for term in clause.alternatives)
        return atoms[0] if len(atoms) == 1 else AnyOf(atoms)

    def _field(self, field: Field) -> Atom:
        value = field.value
        if isinstance(value, Bounds):
            return Within(field.name, value)
        if field.name in ("title", "author"):
            return InField(field.name, self._words_of(value, is_stemmed=field.name == "title"))
        if field.name.startswith(PREFIX):
            return _own_field(field.name, value)
        text = host_of(value.text) if field.name == "domain" else raw(value.text)
        return Exactly(field.name, text, begins=isinstance(value, Prefix))

    def _words_of(self, value: Word | Prefix | Phrase, *, is_stemmed: bool) -> OneWord | Tokens | Beginning:
        tokens = self._analysis.tokens(value.text)
        if isinstance(value, Prefix):
            return Beginning(tokens)
        if isinstance(value, Phrase) or len(tokens) != 1 or not is_stemmed:
            return Tokens(tokens)
        return self.word(value.text, tokens[0])

    def _filters(self, asked: SearchQuery) -> Iterable[Atom]:
        named = {"source": asked.source, "kind": asked.kind, "language": asked.language}
        named |= {"author": asked.author, "domain": asked.domain}
        for name, value in named.items():
            if value:
                yield self._field(Field(name, Word(clean(value))))
        for tag in asked.tags:
            yield self._field(Field("tag", Word(clean(tag))))
        for text in asked.fields:
            field = parse_field(text)
            yield self._field(field) if field else AnyOf(())
        if asked.published_after or asked.published_before:
            after, before = asked.published_after, asked.published_before
            low, high = seconds(after) if after else None, seconds(before) if before else None
            yield Within("published_at", Bounds(low, high, include_high=False))

    def _near(self, wishes: Sequence[Clause]) -> tuple[tuple[str, str], ...]:
        tokens = [token for clause in wishes for token in self._plain(clause)]
        pairs = (pair for pair in islice(pairwise(tokens), MOST_NEAR_PAIRS) if pair[0] != pair[1])
        return tuple(pairs) if len(wishes) > 1 else ()

    def _plain(self, clause: Clause) -> tuple[str, ...]:
        term = clause.alternatives[0]
        if len(clause.alternatives) > 1 or not isinstance(term, Word):
            return ()
        return self._analysis.tokens(term.text)

    def _is_searchable(self, term: Term) -> bool:
        return isinstance(term, Field) or bool(self._analysis.tokens(term.text))

    def _is_stop_word(self, clause: Clause) -> bool:
        return all(
            isinstance(term, Word) and self._analysis.is_stop_word(term.text, self._languages)
            for term in clause.alternatives
        )


def _parts(clause: Clause) -> list[Clause]:
    """A word that is put together of words with hyphens or apostrophes counts as these words; any other as itself.

    `boundary-layer` is `boundary layer` to most who write it; `pg_dump` and `example.org` are names.
    """
    term = clause.alternatives[0]
    if len(clause.alternatives) > 1 or not isinstance(term, Word) or is_unspaced(term.text):
        return [clause]
    pieces = _JOINED.split(term.text)
    if len(pieces) < 2 or not all(map(str.isalnum, pieces)):
        return [clause]
    return [Clause((Word(piece),)) for piece in pieces]


def several(tokens: tuple[str, ...], most_pairs: int = MOST_PAIRS) -> Atom:
    """A word that is several tokens: all in a row; any two in a row where the script has no spaces."""
    if not _are_pairs(tokens):
        return Tokens(tokens)
    pairs = islice(pairwise(tokens), most_pairs)
    return AnyOf((Tokens(tokens), *(Tokens(pair) for pair in pairs)))


def _are_pairs(tokens: tuple[str, ...]) -> bool:
    return len(tokens) > 2 and all(map(is_unspaced, tokens))


def distance_of(token: str) -> int:
    """How many letters of a word may be wrong."""
    return 0 if len(token) < 4 or is_unspaced(token) else 1 if len(token) < 8 else 2


def _own_field(name: str, value: Word | Prefix | Phrase) -> Atom:
    exactly = Exactly(name, folded(value.text), begins=isinstance(value, Prefix))
    number = number_of(value.text) if isinstance(value, Word) else None
    return exactly if number is None else AnyOf((exactly, Within(name, Bounds(number, number))))


def _only_filters(term: Term) -> bool:
    return isinstance(term, Field) and term.name != "title"
