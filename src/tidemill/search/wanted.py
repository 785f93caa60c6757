"""What to highlight for a parsed query in a document of a given language."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from tidemill.search.analysis import LONGEST_TOKEN_BYTES, Analysis
from tidemill.search.highlight import Wanted
from tidemill.search.plan import distance_of
from tidemill.search.query import Clause, Field, Fuzzy, Phrase, Prefix, Term, Word
from tidemill.search.text import is_unspaced
from tidemill.search.typed import Bounds


def wanted_of(clauses: Iterable[Clause], analysis: Analysis, language: str | None, *, fuzzy: bool = False) -> Wanted:
    """Words with all their forms, phrases and words of several tokens as a whole, beginnings as such."""
    forms: set[str] = set()
    about: list[tuple[str, int]] = []
    prefixes: list[str] = []
    sequences: list[tuple[str, ...]] = []
    for term in _terms(clauses):
        tokens = analysis.tokens(term.text)
        if not tokens:
            continue
        if isinstance(term, Prefix) and len(tokens) == 1:
            prefixes.append(tokens[0])
        elif len(tokens) > 1 or isinstance(term, Phrase) or is_unspaced(tokens[0]):
            sequences.append(tokens)
            if isinstance(term, Word) and all(map(is_unspaced, tokens)):
                sequences += pairwise(tokens)
        else:
            forms.update((tokens[0], analysis.stem(term.text, language) or tokens[0]))
            if fuzzy or isinstance(term, Fuzzy):
                about.append((tokens[0], distance_of(tokens[0])))

    def form_of(word: str) -> frozenset[str]:
        stem = analysis.stem(word, language) if len(word) < LONGEST_TOKEN_BYTES else None
        return frozenset((stem,)) if stem else frozenset()

    return Wanted(frozenset(forms), tuple(prefixes), tuple(sequences), form_of, tuple(about))


def _terms(clauses: Iterable[Clause]) -> Iterable[Word | Prefix | Phrase | Fuzzy]:
    for clause in clauses:
        for term in clause.alternatives:
            found: Term = term
            if isinstance(found, Field):
                if found.name != "title" or isinstance(found.value, Bounds):
                    continue
                found = found.value
            yield found
