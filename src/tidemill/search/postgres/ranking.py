"""What a document is worth to a question, as one SQL expression: BM25 as the other engines have it.

PostgreSQL's own rank knows no rare words. But its rank of a single word grows with the sum of 1/j² over the places
1…n where the word stands, from which n can be told again; with that, the length of the document, and how many documents
have the word, BM25 is arithmetic. It is asked only for the candidates of a bounded sub-select.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import log

from tidemill.search.plan import AnyOf, Atom, Beginning, Misspelt, OneWord, Plan, Tokens, Within
from tidemill.search.postgres.conditions import VECTOR, Parameters, condition, every, in_a_row
from tidemill.search.postgres.vector import EXACT, TITLE, quoted
from tidemill.search.weights import (
    ALL_WORDS_WEIGHT,
    EXACT_WEIGHT,
    FUZZY_WEIGHT,
    IN_ORDER_WEIGHT,
    NEAR_WEIGHT,
    TITLE_WEIGHT,
)

_K1, _B = 1.2, 0.75
_NEAR_GAPS = (1, 2, 3)
_WHOLE_SUM = 1.6449341
"""The sum of 1/j² over all j."""


class Ranking:
    """Makes the expression for one state of the table: `documents` in it, of so many words on average."""

    def __init__(
        self,
        documents: int,
        words: float,
        title_words: float,
        frequency: Mapping[str, int],
        parameters: Parameters,
    ) -> None:
        self._documents = max(documents, 1)
        self._lengths = {"words": max(words, 1.0), "title_words": max(title_words, 1.0)}
        self._frequency = frequency
        self._parameters = parameters

    def score(self, plan: Plan, near: dict[str, tuple[str, ...]]) -> str:
        """The expression; of the row `d`."""
        parts = [self._worth(atom, near) for atom in (*plan.phrases, *plan.wishes)]
        score = f"({' + '.join(part for part in parts if part) or '0'})"
        if len(plan.wishes) > 1:
            has_all = every(plan.wishes, near, self._parameters)
            score = f"({score} * CASE WHEN {has_all} THEN {1 + ALL_WORDS_WEIGHT} ELSE 1 END{self._closeness(plan)})"
        return score

    def _worth(self, atom: Atom, near: dict[str, tuple[str, ...]]) -> str:
        match atom:
            case OneWord():
                return self._word(atom)
            case Misspelt(word, _):
                known = [quoted(EXACT + other) for other in near.get(word.token, ())]
                return f"{self._word(word)}{self._flat(' | '.join(known), FUZZY_WEIGHT) if known else ''}"
            case Tokens(tokens) if tokens:
                rarity = sum(self._idf(EXACT + token) for token in tokens)
                in_title = in_a_row(EXACT, tokens, weight="A")
                return f"{rarity}{self._flat(in_title, TITLE_WEIGHT * rarity)}"
            case Beginning(tokens) if tokens:
                return f"0{self._flat(in_a_row(EXACT, tokens, begun=True), 1.0)}"
            case AnyOf(parts):
                return " + ".join(worth for part in parts if (worth := self._worth(part, near)))
            case Within():
                return f"CASE WHEN {condition(atom, near, self._parameters)} THEN 1 ELSE 0 END"
            case _:
                return ""

    def _word(self, word: OneWord) -> str:
        parts = [self._bm25(form, "words", 1.0) for form in word.forms]
        parts += [self._bm25(TITLE + form, "title_words", TITLE_WEIGHT) for form in word.forms]
        parts.append(self._bm25(EXACT + word.token, "words", EXACT_WEIGHT))
        return " + ".join(part for part in parts if part) or "0"

    def _bm25(self, lexeme: str, length: str, weight: float) -> str:
        """`idf · (k1 + 1) · n / (n + K)`, written so that the rank is asked for once; nothing for an unknown word."""
        if not self._frequency.get(lexeme):
            return ""
        ranked = f"ts_rank('{{1,1,1,1}}', {VECTOR}, {self._parameters.query(quoted(lexeme))})"
        times = f"(1 / ({_WHOLE_SUM} - LEAST({ranked} * {_WHOLE_SUM}, 1.6429)) - 0.608)"
        saturation = f"({_K1} * ({1 - _B} + {_B / self._lengths[length]} * d.{length}))"
        return f"{weight * (_K1 + 1) * self._idf(lexeme)} * (1 - {saturation} / (GREATEST({times}, 0) + {saturation}))"

    def _idf(self, lexeme: str) -> float:
        held = min(self._frequency.get(lexeme, 0), self._documents)
        return log(1 + (self._documents - held + 0.5) / (held + 0.5))

    def _flat(self, query: str, worth: float) -> str:
        return f" + CASE WHEN {VECTOR} @@ {self._parameters.query(query)} THEN {worth} ELSE 0 END"

    def _closeness(self, plan: Plan) -> str:
        """What documents gain that have the words close together, or in order."""
        gains = ""
        for first, second in plan.near:
            worth = self._idf(EXACT + first) + self._idf(EXACT + second)
            one, other = quoted(EXACT + first), quoted(EXACT + second)
            near = " | ".join(
                f"({left} <{gap}> {right})" for gap in _NEAR_GAPS for left, right in ((one, other), (other, one))
            )
            gains += self._flat(near, NEAR_WEIGHT * worth) + self._flat(f"{one} <-> {other}", IN_ORDER_WEIGHT * worth)
        return gains


def lexemes_of(plan: Plan) -> list[str]:
    """The lexemes whose frequency the ranking of a plan asks for."""
    found: dict[str, None] = {}
    for atom in (*plan.phrases, *plan.wishes):
        _collect(atom, lambda lexeme: found.setdefault(lexeme))
    return list(found)


def _collect(atom: Atom, put: Callable[[str], None]) -> None:
    match atom:
        case OneWord(token, forms):
            put(EXACT + token)
            for form in forms:
                put(form)
                put(TITLE + form)
        case Misspelt(word, _):
            _collect(word, put)
        case Tokens(tokens):
            for token in tokens:
                put(EXACT + token)
        case AnyOf(parts):
            for part in parts:
                _collect(part, put)
        case _:
            return
