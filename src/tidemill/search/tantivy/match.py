"""What documents a term of a query holds for: words with their stems, phrases, beginnings, field values.

`compile` asks this for the pieces of a query and decides what they are worth.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import tantivy
from tantivy import Occur, Query

from tidemill.search.query import Field, Phrase, Prefix, Term, Word
from tidemill.search.tantivy.analysis import Analysis
from tidemill.search.tantivy.schema import POSITIONAL, host_of, raw, seconds


def any_of(queries: Sequence[Query]) -> Query:
    """Documents that match one of `queries`; their scores add up."""
    if len(queries) == 1:
        return queries[0]
    return Query.boolean_query([(Occur.Should, query) for query in queries])


class Matching:
    """Makes the pieces for one schema and the languages (ISO 639-1 codes) that are in the index."""

    def __init__(self, schema: tantivy.Schema, analysis: Analysis, languages: tuple[str, ...]) -> None:
        self._schema = schema
        self._analysis = analysis
        self._languages = languages

    def match(self, term: Term) -> Query:
        """The documents that `term` holds for, whatever the score."""
        if isinstance(term, Field):
            return self.field(term)
        if isinstance(term, Prefix):
            return self.beginning("exact", self._analysis.tokens(term.text))
        tokens = self._analysis.tokens(term.text)
        if isinstance(term, Phrase) or len(tokens) != 1:
            return self.sequence("exact", tokens)
        forms = self.forms(term.text, tokens[0])
        return any_of([self.term("exact", tokens[0]), *(self.term("body", form) for form in forms)])

    def forms(self, word: str, token: str) -> list[str]:
        """The token and its stem in each language of the index, each once."""
        stems = [self._analysis.stem(word, language) for language in self._languages]
        return list(dict.fromkeys([token, *filter(None, stems)]))

    def published(self, after: datetime | None, before: datetime | None) -> Query:
        """Published in the half-open interval; an end that is `None` is open."""
        return Query.range_query(
            self._schema,
            "published_at",
            tantivy.FieldType.Integer,
            seconds(after) if after else None,
            seconds(before) if before else None,
            include_upper=before is None,
        )

    def field(self, field: Field) -> Query:
        """Documents whose field has the value."""
        if field.name == "title":
            return self._in_title(field.value)
        if field.name == "author":
            tokens = self._analysis.tokens(field.value.text)
            if isinstance(field.value, Prefix):
                return self.beginning("author", tokens)
            return self.sequence("author", tokens)
        value = host_of(field.value.text) if field.name == "domain" else raw(field.value.text)
        if isinstance(field.value, Prefix):
            return Query.fuzzy_term_query(self._schema, field.name, value, distance=0, prefix=True)
        return self.term(field.name, value)

    def _in_title(self, value: Word | Prefix | Phrase) -> Query:
        tokens = self._analysis.tokens(value.text)
        if isinstance(value, Prefix):
            return self.beginning("title_exact", tokens)
        if isinstance(value, Phrase) or len(tokens) != 1:
            return self.sequence("title_exact", tokens)
        forms = self.forms(value.text, tokens[0])
        return any_of([self.term("title_exact", tokens[0]), *(self.term("title", form) for form in forms)])

    def term(self, field: str, value: str) -> Query:
        """Documents with the token `value` in `field`."""
        option = "position" if field in POSITIONAL else "freq" if field in ("body", "title") else "basic"
        return Query.term_query(self._schema, field, value, option)

    def sequence(self, field: str, tokens: Sequence[str]) -> Query:
        """The tokens in a row; nothing if there are none."""
        if not tokens:
            return Query.empty_query()
        if len(tokens) == 1:
            return self.term(field, tokens[0])
        return Query.phrase_query(self._schema, field, list(tokens))

    def beginning(self, field: str, tokens: Sequence[str]) -> Query:
        """A word, or the last word of a phrase, that begins so."""
        if not tokens:
            return Query.empty_query()
        if len(tokens) == 1:
            return Query.fuzzy_term_query(self._schema, field, tokens[0], distance=0, prefix=True)
        return Query.phrase_prefix_query(self._schema, field, list(tokens))
