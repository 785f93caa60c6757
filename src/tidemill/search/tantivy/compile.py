"""A plan becomes a tantivy query: what must match, what may, and what each is worth.

Ranking: BM25 of each word's stem in the whole text, and with the shares of `weights` the stem in the title, the very
form asked for, all words in one document, words near each other, words in order.
"""

from __future__ import annotations

from dataclasses import dataclass

import tantivy
from tantivy import Occur, Query

from tidemill.search.plan import AnyOf, Atom, Misspelt, OneWord, Plan, Tokens
from tidemill.search.tantivy.match import Matching, any_of
from tidemill.search.weights import (
    ALL_WORDS_WEIGHT,
    EXACT_WEIGHT,
    FUZZY_WEIGHT,
    IN_ORDER_WEIGHT,
    NEAR_SLOP,
    NEAR_WEIGHT,
    TITLE_WEIGHT,
)

DEAR_FREQUENCY = 25_000
"""Words that are all in more documents than this are not looked at for nearness: it would cost five milliseconds."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """`query` is `None` if nothing can match; without `scored` all hits are equal and are listed by date.

    `counted` finds the same documents, for who only counts them.
    """

    query: Query | None
    scored: bool
    counted: Query | None


class Compiler:
    """Compiles plans for one state of an index: its schema, and how common words are."""

    def __init__(self, index: tantivy.Index, searcher: tantivy.Searcher) -> None:
        self._matching = Matching(index)
        self._searcher = searcher

    def compile(self, plan: Plan) -> Compiled:
        """The query for `plan`."""
        if plan.empty:
            return Compiled(None, scored=False, counted=None)
        match = self._matching.match
        parts = [(Occur.Must, self._worth(atom)) for atom in plan.phrases]
        if plan.wishes:
            occur = Occur.Should if plan.phrases else Occur.Must
            parts.append((occur, any_of([self._worth(atom) for atom in plan.wishes])))
            parts += [(Occur.Should, query) for query in self._closeness(plan)]
        if not parts:
            parts.append((Occur.Must, Query.const_score_query(Query.all_query(), 0.0)))
        parts += [(Occur.Must, Query.const_score_query(match(atom), 0.0)) for atom in plan.filters]
        parts += [(Occur.MustNot, match(atom)) for atom in plan.excluded]
        # A query around a single one costs a fifth of it.
        only = parts[0][1] if len(parts) == 1 else Query.boolean_query(parts)
        return Compiled(only, plan.scored, self._counted(plan, only))

    def _counted(self, plan: Plan, scored: Query) -> Query:
        """The same documents without what only changes their scores: nearness is half of the time of a question."""
        if len(plan.wishes) < 2 or plan.phrases:
            return scored
        match = self._matching.match
        parts = [(Occur.Must, any_of([match(atom) for atom in plan.wishes]))]
        parts += [(Occur.Must, match(atom)) for atom in plan.filters]
        parts += [(Occur.MustNot, match(atom)) for atom in plan.excluded]
        return Query.boolean_query(parts)

    def _worth(self, atom: Atom) -> Query:
        match atom:
            case AnyOf(parts):
                return any_of([self._worth(part) for part in parts])
            case Tokens(tokens):
                in_title = Query.boost_query(self._matching.sequence("title_exact", tokens), TITLE_WEIGHT)
                return any_of([self._matching.sequence("exact", tokens), in_title])
            case Misspelt(word, distance):
                about = self._matching.fuzzy("exact", word.token, distance)
                return any_of([self._word(word), Query.boost_query(about, FUZZY_WEIGHT)])
            case OneWord():
                return self._word(atom)
            case _:
                return self._matching.match(atom)

    def _word(self, word: OneWord) -> Query:
        term = self._matching.term
        parts = [term("body", form) for form in word.forms]
        parts += [Query.boost_query(term("title", form), TITLE_WEIGHT) for form in word.forms]
        parts.append(Query.boost_query(term("exact", word.token), EXACT_WEIGHT))
        return any_of(parts)

    def _closeness(self, plan: Plan) -> list[Query]:
        """What documents gain that have all of the words, and have them together."""
        if len(plan.wishes) < 2:
            return []
        all_words = Query.boolean_query([(Occur.Must, self._matching.match(atom)) for atom in plan.wishes])
        gains = [Query.boost_query(all_words, ALL_WORDS_WEIGHT)]
        for pair in plan.near:
            if min(self._searcher.doc_freq("exact", token) for token in pair) <= DEAR_FREQUENCY:
                near = self._matching.sequence("exact", pair, NEAR_SLOP)
                gains.append(Query.boost_query(near, NEAR_WEIGHT))
                gains.append(Query.boost_query(self._matching.sequence("exact", pair), IN_ORDER_WEIGHT))
        return gains
