"""The conditions of a plan as PostgreSQL tests them: a `tsquery` wherever it can be one, else an SQL expression.

In: a `Plan`. Out: texts and the parameters in them. What is a tsquery is answered by one index, filters included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tidemill.search.plan import AnyOf, Atom, Beginning, Exactly, InField, Misspelt, OneWord, Plan, Tokens, Within
from tidemill.search.postgres.vector import AUTHOR, EXACT, NEVER, TITLE, quoted, value_lexeme
from tidemill.search.typed import PREFIX, Bounds

VECTOR = "d.search_vector"


@dataclass(slots=True)
class Parameters:
    """Values that stand in a statement by name."""

    values: dict[str, Any] = field(default_factory=dict)

    def put(self, value: Any) -> str:
        """A value; gives what to write in its place."""
        name = f"p{len(self.values)}"
        self.values[name] = value
        return f":{name}"

    def query(self, text: str) -> str:
        """A tsquery."""
        return f"CAST({self.put(text)} AS tsquery)"


def any_of(queries: Sequence[str]) -> str:
    """A tsquery for documents that match one of these."""
    return f"({' | '.join(queries)})" if queries else NEVER


def all_of(queries: Sequence[str]) -> str:
    """A tsquery for documents that match all of these."""
    return f"({' & '.join(queries)})"


def tsquery(atom: Atom, near: dict[str, tuple[str, ...]]) -> str | None:
    """The tsquery of a condition; `None` if it compares numbers. `near` holds the known words near misspelt ones."""
    match atom:
        case OneWord(token, forms):
            return any_of([quoted(EXACT + token), *map(quoted, forms)])
        case Misspelt(word, _):
            known = [quoted(EXACT + other) for other in near.get(word.token, ())]
            return any_of([quoted(EXACT + word.token), *map(quoted, word.forms), *known])
        case Tokens(tokens):
            return in_a_row(EXACT, tokens)
        case Beginning(tokens):
            return in_a_row(EXACT, tokens, begun=True)
        case InField(name, what):
            return _in_field(name, what)
        case Exactly(name, value, begins):
            return quoted(value_lexeme(name, value)) + (":*" if begins else "")
        case AnyOf(parts):
            queries = [tsquery(part, near) for part in parts]
            return any_of([each for each in queries if each]) if all(queries) else None
        case Within():
            return None


def in_a_row(prefix: str, tokens: Sequence[str], *, begun: bool = False, weight: str = "") -> str:
    """The tokens in a row, of which the last one may be only begun; nothing if there are none."""
    if not tokens:
        return NEVER
    marks = [weight] * len(tokens)
    marks[-1] += "*" if begun else ""
    words = [quoted(prefix + token) + (f":{mark}" if mark else "") for token, mark in zip(tokens, marks, strict=True)]
    return f"({' <-> '.join(words)})"


def condition(atom: Atom, near: dict[str, tuple[str, ...]], parameters: Parameters) -> str:
    """Any condition as an SQL expression."""
    query = tsquery(atom, near)
    if query is not None:
        return f"{VECTOR} @@ {parameters.query(query)}"
    if isinstance(atom, AnyOf):
        return one_of(atom.parts, near, parameters)
    assert isinstance(atom, Within)  # noqa: S101 - everything else is a tsquery
    return _within(atom.name, atom.bounds, parameters)


def one_of(atoms: Sequence[Atom], near: dict[str, tuple[str, ...]], parameters: Parameters) -> str:
    """Documents that fulfil one of these, as an SQL expression: a single tsquery, and what is none beside it."""
    queries, others = parted(atoms, near)
    parts = [f"{VECTOR} @@ {parameters.query(any_of(queries))}"] if queries or not others else []
    parts += [condition(atom, near, parameters) for atom in others]
    return f"({' OR '.join(parts)})"


def every(atoms: Sequence[Atom], near: dict[str, tuple[str, ...]], parameters: Parameters) -> str:
    """Documents that fulfil all of these, which are at least one, as an SQL expression."""
    queries = [(atom, tsquery(atom, near)) for atom in atoms]
    together = [query for _, query in queries if query is not None]
    parts = [f"{VECTOR} @@ {parameters.query(all_of(together))}"] if together else []
    parts += [condition(atom, near, parameters) for atom, query in queries if query is None]
    return f"({' AND '.join(parts)})"


def parted(atoms: Sequence[Atom], near: dict[str, tuple[str, ...]]) -> tuple[list[str], list[Atom]]:
    """Of conditions of which one will do: those that are tsqueries, as such, and those that compare numbers."""
    queries: list[str] = []
    others: list[Atom] = []
    for atom in atoms:
        query = tsquery(atom, near)
        if query is not None:
            queries.append(query)
        elif isinstance(atom, AnyOf):
            more, numbers = parted(atom.parts, near)
            queries += more
            others += numbers
        else:
            others.append(atom)
    return queries, others


def where(plan: Plan, near: dict[str, tuple[str, ...]], parameters: Parameters, generation: int) -> str:
    """What every document found fulfils, but for the wishes."""
    parts = [f"d.generation = {parameters.put(generation)}"]
    demanded = (*plan.phrases, *plan.filters)
    parts += [every(demanded, near, parameters)] if demanded else []
    parts += [f"({condition(atom, near, parameters)}) IS NOT TRUE" for atom in plan.excluded]
    return " AND ".join(parts)


def _in_field(name: str, what: OneWord | Tokens | Beginning) -> str:
    prefix, weight = (AUTHOR, "") if name == "author" else (EXACT, "A")
    if isinstance(what, OneWord):
        exact = quoted(prefix + what.token) + (f":{weight}" if weight else "")
        return any_of([exact, *(quoted(TITLE + form) for form in what.forms if weight)])
    return in_a_row(prefix, what.tokens, begun=isinstance(what, Beginning), weight=weight)


def _within(name: str, bounds: Bounds, parameters: Parameters) -> str:
    low, high = ">=" if bounds.include_low else ">", "<=" if bounds.include_high else "<"
    if not name.startswith(PREFIX):
        sides = [f"d.{name} {low} {parameters.put(bounds.low)}"] if bounds.low is not None else []
        sides += [f"d.{name} {high} {parameters.put(bounds.high)}"] if bounds.high is not None else []
        return f"({' AND '.join(sides)})"
    sides = [f"CAST(n AS float8) {low} {parameters.put(bounds.low)}"] if bounds.low is not None else []
    sides += [f"CAST(n AS float8) {high} {parameters.put(bounds.high)}"] if bounds.high is not None else []
    path = f"d.own -> 'n' -> {parameters.put(name[len(PREFIX) :])}"
    elements = f"jsonb_array_elements(COALESCE({path}, CAST('[]' AS jsonb)))"
    return f"EXISTS (SELECT 1 FROM {elements} AS each(n) WHERE {' AND '.join(sides)})"
