"""A parsed query becomes a tantivy query: what must match, what may, and what each is worth.

Ranking, first to last in weight: BM25 of each word's stem in the whole text, twice as much in the title, a little for
the very form asked for; half as much again for documents with all words; words near each other; words in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

import tantivy
from tantivy import Occur, Query

from tidemill.search.base import SearchQuery
from tidemill.search.query import Clause, Field, ParsedQuery, Phrase, Term, Word
from tidemill.search.tantivy.analysis import Analysis
from tidemill.search.tantivy.match import Matching, any_of
from tidemill.search.text import clean, is_unspaced

TITLE_WEIGHT = 2.0
EXACT_WEIGHT = 0.3
ALL_WORDS_WEIGHT = 0.5
NEAR_WEIGHT = 0.3
IN_ORDER_WEIGHT = 0.5
NEAR_SLOP = 3

MOST_NEAR_PAIRS = 8
MOST_PAIRS = 64
DEAR_FREQUENCY = 50_000
"""Words that are all in more documents than this are not looked at for nearness: it would cost ten milliseconds."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """`query` is `None` if nothing can match; without `scored` all hits are equal and are listed by date."""

    query: Query | None
    scored: bool


class Compiler:
    """Compiles queries for one state of an index: its schema, the languages in it, and how common words are."""

    def __init__(
        self, schema: tantivy.Schema, searcher: tantivy.Searcher, analysis: Analysis, languages: tuple[str, ...]
    ) -> None:
        self._matching = Matching(schema, analysis, languages)
        self._schema = schema
        self._searcher = searcher
        self._analysis = analysis
        self._languages = languages

    def compile(self, parsed: ParsedQuery, asked: SearchQuery) -> Compiled:
        """The query for `parsed` within the filters of `asked`."""
        filters = self._filters(asked)
        demands = [clause for clause in parsed.clauses if clause.required]
        fields = [clause for clause in demands if all(map(_only_filters, clause.alternatives))]
        wishes = self.meaningful([clause for clause in parsed.clauses if not clause.required])
        filters += [any_of([self._matching.match(term) for term in clause.alternatives]) for clause in fields]
        excluded = [self._matching.match(term) for term in parsed.excluded]
        phrases = [self._scored(clause) for clause in demands if clause not in fields]
        if not (wishes or phrases or filters or excluded):
            return Compiled(None, scored=False)
        return self._assemble(phrases, wishes, filters, excluded)

    def meaningful(self, wishes: Sequence[Clause]) -> list[Clause]:
        """The clauses that make a document a hit: not the stop words, unless several of them are all there is."""
        searchable = [clause for clause in wishes if any(self._is_searchable(term) for term in clause.alternatives)]
        kept = [clause for clause in searchable if not self._is_stop_word(clause)]
        return kept or (searchable if len(searchable) > 1 else [])

    def _assemble(
        self, phrases: list[Query], wishes: list[Clause], filters: list[Query], excluded: list[Query]
    ) -> Compiled:
        parts = [(Occur.Must, query) for query in phrases]
        if wishes:
            occur = Occur.Should if phrases else Occur.Must
            parts.append((occur, any_of([self._scored(clause) for clause in wishes])))
            parts += [(Occur.Should, query) for query in self._closeness(wishes)]
        scored = bool(parts)
        if not scored:
            parts.append((Occur.Must, Query.const_score_query(Query.all_query(), 0.0)))
        parts += [(Occur.Must, Query.const_score_query(query, 0.0)) for query in filters]
        parts += [(Occur.MustNot, query) for query in excluded]
        return Compiled(Query.boolean_query(parts), scored)

    # -- what a term matches, and what it is worth

    def _scored(self, clause: Clause) -> Query:
        return any_of([self._worth(term) for term in clause.alternatives])

    def _worth(self, term: Term) -> Query:
        if isinstance(term, Phrase):
            tokens = self._analysis.tokens(term.text)
            in_title = Query.boost_query(self._matching.sequence("title_exact", tokens), TITLE_WEIGHT)
            return any_of([self._matching.sequence("exact", tokens), in_title])
        if not isinstance(term, Word):
            return self._matching.match(term)
        tokens = self._analysis.tokens(term.text)
        if len(tokens) != 1:
            return self._several(tokens)
        forms = self._matching.forms(term.text, tokens[0])
        parts = [self._matching.term("body", form) for form in forms]
        parts += [Query.boost_query(self._matching.term("title", form), TITLE_WEIGHT) for form in forms]
        parts.append(Query.boost_query(self._matching.term("exact", tokens[0]), EXACT_WEIGHT))
        return any_of(parts)

    def _several(self, tokens: tuple[str, ...]) -> Query:
        """A word that is several tokens: all in a row; any two in a row where the script has no spaces."""
        whole = self._matching.sequence("exact", tokens)
        if len(tokens) < 3 or not all(map(is_unspaced, tokens)):
            return whole
        pairs = islice(pairwise(tokens), MOST_PAIRS)
        return any_of([whole, *(self._matching.sequence("exact", pair) for pair in pairs)])

    # -- closeness

    def _closeness(self, wishes: list[Clause]) -> list[Query]:
        """What documents gain that have all of the words, and have them together."""
        if len(wishes) < 2:
            return []
        every = [any_of([self._matching.match(term) for term in clause.alternatives]) for clause in wishes]
        all_words = Query.boolean_query([(Occur.Must, query) for query in every])
        gains = [Query.boost_query(all_words, ALL_WORDS_WEIGHT)]
        tokens = [token for clause in wishes for token in self._plain(clause)]
        for pair in islice(pairwise(tokens), MOST_NEAR_PAIRS):
            if pair[0] != pair[1] and min(self._searcher.doc_freq("exact", token) for token in pair) <= DEAR_FREQUENCY:
                near = Query.phrase_query(self._schema, "exact", list(pair), slop=NEAR_SLOP)
                in_order = Query.phrase_query(self._schema, "exact", list(pair))
                gains.append(Query.boost_query(near, NEAR_WEIGHT))
                gains.append(Query.boost_query(in_order, IN_ORDER_WEIGHT))
        return gains

    def _plain(self, clause: Clause) -> tuple[str, ...]:
        term = clause.alternatives[0]
        if len(clause.alternatives) > 1 or not isinstance(term, Word):
            return ()
        return self._analysis.tokens(term.text)

    def _filters(self, asked: SearchQuery) -> list[Query]:
        named = {"source": asked.source, "kind": asked.kind, "language": asked.language}
        named |= {"author": asked.author, "domain": asked.domain}
        filters = [self._matching.field(Field(name, Word(clean(value)))) for name, value in named.items() if value]
        filters += [self._matching.field(Field("tag", Word(clean(tag)))) for tag in asked.tags]
        if asked.published_after or asked.published_before:
            filters.append(self._matching.published(asked.published_after, asked.published_before))
        return filters

    # -- stop words

    def _is_searchable(self, term: Term) -> bool:
        return isinstance(term, Field) or bool(self._analysis.tokens(term.text))

    def _is_stop_word(self, clause: Clause) -> bool:
        return all(
            isinstance(term, Word) and self._analysis.is_stop_word(term.text, self._languages)
            for term in clause.alternatives
        )


def _only_filters(term: Term) -> bool:
    return isinstance(term, Field) and term.name != "title"
