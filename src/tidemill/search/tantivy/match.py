"""What documents a condition of a plan holds for, as a tantivy query.

`compile` asks this for the pieces of a plan and decides what they are worth.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor

import tantivy
from tantivy import Occur, Query

from tidemill.search.plan import AnyOf, Atom, Beginning, Exactly, InField, Misspelt, OneWord, Tokens, Within
from tidemill.search.tantivy.schema import POSITIONAL, number_path, text_path
from tidemill.search.typed import PREFIX, Bounds, ordered


def any_of(queries: Sequence[Query]) -> Query:
    """Documents that match one of `queries`; their scores add up."""
    if len(queries) == 1:
        return queries[0]
    return Query.boolean_query([(Occur.Should, query) for query in queries]) if queries else Query.empty_query()


class Matching:
    """Makes the pieces for one index."""

    def __init__(self, index: tantivy.Index) -> None:
        self._index = index
        self._schema = index.schema

    def match(self, atom: Atom) -> Query:
        """The documents that `atom` holds for, whatever the score."""
        match atom:
            case AnyOf(parts):
                return any_of([self.match(part) for part in parts])
            case Exactly(name, value, begins):
                return self._exactly(text_path(name[len(PREFIX) :]) if name.startswith(PREFIX) else name, value, begins)
            case Within(name, bounds):
                return self._within(name, bounds)
            case InField(name, what):
                return self._words(what, *(("title_exact", "title") if name == "title" else ("author", "")))
            case Misspelt(word, distance):
                return any_of([self._words(word, "exact", "body"), self.fuzzy("exact", word.token, distance)])
            case _:
                return self._words(atom, "exact", "body")

    def term(self, field: str, value: str) -> Query:
        """Documents with the token `value` in `field`."""
        option = "position" if field in POSITIONAL else "freq" if field in ("body", "title") else "basic"
        return Query.term_query(self._schema, field, value, option)

    def sequence(self, field: str, tokens: Sequence[str], slop: int = 0) -> Query:
        """The tokens in a row; nothing if there are none."""
        if not tokens:
            return Query.empty_query()
        if len(tokens) == 1:
            return self.term(field, tokens[0])
        return Query.phrase_query(self._schema, field, list(tokens), slop=slop)

    def beginning(self, field: str, tokens: Sequence[str]) -> Query:
        """A word, or the last word of a phrase, that begins so."""
        if not tokens:
            return Query.empty_query()
        if len(tokens) == 1:
            return Query.fuzzy_term_query(self._schema, field, tokens[0], distance=0, prefix=True)
        return Query.phrase_prefix_query(self._schema, field, list(tokens))

    def fuzzy(self, field: str, token: str, distance: int) -> Query:
        """Words that differ by at most so many letters."""
        return (
            Query.fuzzy_term_query(self._schema, field, token, distance=distance) if distance else Query.empty_query()
        )

    def _words(self, atom: OneWord | Tokens | Beginning, exact: str, stems: str) -> Query:
        if isinstance(atom, Beginning):
            return self.beginning(exact, atom.tokens)
        if isinstance(atom, Tokens):
            return self.sequence(exact, atom.tokens)
        return any_of([self.term(exact, atom.token), *(self.term(stems, form) for form in atom.forms if stems)])

    def _exactly(self, field: str, value: str, begins: bool) -> Query:
        if begins:
            return Query.fuzzy_term_query(self._schema, field, value, distance=0, prefix=True)
        return Query.term_query(self._schema, field, value, "basic")

    def _within(self, name: str, bounds: Bounds) -> Query:
        if name.startswith(PREFIX):
            return self._number_within(number_path(name[len(PREFIX) :]), bounds)
        low, high = bounds.low, bounds.high
        return Query.range_query(
            self._schema,
            name,
            tantivy.FieldType.Integer,
            None if low is None else ceil(low),
            None if high is None else floor(high) if bounds.include_high else ceil(high),
            include_lower=bounds.include_low,
            include_upper=bounds.include_high or high is None,
        )

    def _number_within(self, path: str, bounds: Bounds) -> Query:
        """A range over a part of a JSON field, for which there is only the syntax of tantivy's own parser."""
        low = "*" if bounds.low is None else str(ordered(bounds.low))
        high = "*" if bounds.high is None else str(ordered(bounds.high))
        opens, closes = "[" if bounds.include_low else "{", "]" if bounds.include_high else "}"
        return self._index.parse_query(f"{path}:{opens}{low} TO {high}{closes}")
