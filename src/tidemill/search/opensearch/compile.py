"""A plan as the query that the cluster takes, with the weights that the other engines give."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from tidemill.search.base import SearchQuery
from tidemill.search.plan import AnyOf, Atom, Beginning, Exactly, InField, Misspelt, OneWord, Plan, Tokens, Within
from tidemill.search.typed import PREFIX, Bounds, own_name
from tidemill.search.values import FACETS
from tidemill.search.weights import (
    ALL_WORDS_WEIGHT,
    EXACT_WEIGHT,
    FUZZY_WEIGHT,
    IN_ORDER_WEIGHT,
    NEAR_SLOP,
    NEAR_WEIGHT,
    TITLE_WEIGHT,
)

Json: TypeAlias = dict[str, Any]

WINDOW = 10_000
"""Hits behind this place are not shown: the cluster would have to sort all before them on every shard."""

MOST_LEAVES = 1000
"""Conditions in one question: a cluster refuses it for more than 1,024, unless it is told otherwise."""

_DAY_S = 86_400
_NOTHING: Json = {"match_none": {}}
_ORDERS: dict[str, list[Any]] = {
    "date": [{"published_at": {"order": "desc", "missing": "_last"}}],
    "date_asc": [{"published_at": {"order": "asc", "missing": "_last"}}],
    "title": [{"title_key": {"order": "asc", "missing": "_last"}}],
    "title_desc": [{"title_key": {"order": "desc", "missing": "_last"}}],
}


def body_of(plan: Plan, asked: SearchQuery, now: float) -> Json:
    """The whole request."""
    query = query_of(plan)
    size = max(0, min(asked.limit, WINDOW - asked.offset))
    body: Json = {"track_total_hits": True, "_source": ["stored"], "size": size, "from": asked.offset if size else 0}
    if asked.sort == "relevance" and plan.scored:
        body["query"] = _recent(query, asked.recency_days, now) if asked.recency_days else query
    else:
        body["query"] = query
        body["sort"] = _ORDERS.get(asked.sort, _ORDERS["date"])
    if aggregations := _aggregations(asked):
        body["aggs"] = aggregations
    return body


def query_of(plan: Plan) -> Json:
    """What must match, what may, and what each is worth; of a very long question less of the latter."""
    query = _query(plan, _worth, _closeness(plan))
    if _leaves(query) > MOST_LEAVES:
        query = _query(plan, _worth, [])
    return query if _leaves(query) <= MOST_LEAVES else _query(plan, condition, [])


def _query(plan: Plan, worth: Callable[[Atom], Json], gains: Sequence[Json]) -> Json:
    must = [worth(atom) for atom in plan.phrases]
    should: list[Json] = []
    if plan.wishes:
        wishes = any_of([worth(atom) for atom in plan.wishes])
        (should if plan.phrases else must).append(wishes)
        should += gains
    bool_query: Json = {
        "must": must or [{"match_all": {}}],
        "should": should,
        "filter": [condition(atom) for atom in plan.filters],
        "must_not": [condition(atom) for atom in plan.excluded],
    }
    return {"bool": {name: clauses for name, clauses in bool_query.items() if clauses}}


def _leaves(query: Json) -> int:
    """How many conditions the cluster counts."""
    ((kind, what),) = query.items()
    if kind == "nested":
        return _leaves(what["query"])
    if kind != "bool":
        return 1
    clauses = [each for each in what.values() if isinstance(each, list)]
    return sum(_leaves(each) for several in clauses for each in several)


def condition(atom: Atom) -> Json:
    """The documents that a condition holds for, whatever the score."""
    match atom:
        case AnyOf(parts):
            return any_of([condition(part) for part in parts])
        case OneWord(token, forms):
            return any_of([_term("exact", token), *(_term("body", form) for form in forms)])
        case Misspelt(word, distance):
            return any_of([condition(word), *_fuzzy(word.token, distance, 1.0)])
        case Tokens(tokens):
            return in_a_row("exact", tokens)
        case Beginning(tokens):
            return beginning("exact", tokens)
        case InField(name, what):
            return _in_field(name, what)
        case Exactly(name, value, begins):
            return _exactly(name, value, begins)
        case Within(name, bounds):
            return _within(name, bounds)


def any_of(queries: Sequence[Json]) -> Json:
    """Documents that match one of these; their scores add up."""
    if len(queries) == 1:
        return queries[0]
    return {"bool": {"should": list(queries), "minimum_should_match": 1}} if queries else _NOTHING


def in_a_row(field: str, tokens: Sequence[str], *, slop: int = 0, boost: float = 1.0) -> Json:
    """The tokens in a row; nothing if there are none."""
    if not tokens:
        return _NOTHING
    if len(tokens) == 1:
        return _term(field, tokens[0], boost)
    return {"match_phrase": {field: {"query": " ".join(tokens), "slop": slop, "boost": boost}}}


def beginning(field: str, tokens: Sequence[str]) -> Json:
    """A word, or the last word of a phrase, that begins so."""
    if not tokens:
        return _NOTHING
    if len(tokens) == 1:
        return {"prefix": {field: {"value": tokens[0]}}}
    return {"match_phrase_prefix": {field: {"query": " ".join(tokens), "max_expansions": 1000}}}


def _worth(atom: Atom) -> Json:
    match atom:
        case AnyOf(parts):
            return any_of([_worth(part) for part in parts])
        case Tokens(tokens) if tokens:
            return any_of([in_a_row("exact", tokens), in_a_row("title_exact", tokens, boost=TITLE_WEIGHT)])
        case Misspelt(word, distance):
            return any_of([_worth(word), *_fuzzy(word.token, distance, FUZZY_WEIGHT)])
        case OneWord(token, forms):
            stems = [_term("body", form) for form in forms]
            stems += [_term("title", form, TITLE_WEIGHT) for form in forms]
            return any_of([*stems, _term("exact", token, EXACT_WEIGHT)])
        case _:
            return condition(atom)


def _closeness(plan: Plan) -> list[Json]:
    """What documents gain that have all of the words, and have them together."""
    if len(plan.wishes) < 2:
        return []
    gains: list[Json] = [{"bool": {"must": [condition(atom) for atom in plan.wishes], "boost": ALL_WORDS_WEIGHT}}]
    for pair in plan.near:
        gains.append(in_a_row("exact", pair, slop=NEAR_SLOP, boost=NEAR_WEIGHT))
        gains.append(in_a_row("exact", pair, boost=IN_ORDER_WEIGHT))
    return gains


def _recent(query: Json, days: float, now: float) -> Json:
    """The query with scores that fade with age: see `dates.recency`."""
    fading = {"published_at": {"origin": int(now), "scale": int(days * _DAY_S), "decay": 0.5}}
    functions = [
        {"filter": {"match_all": {}}, "weight": 0.5},
        {"filter": {"exists": {"field": "published_at"}}, "exp": fading, "weight": 0.5},
    ]
    return {"function_score": {"query": query, "functions": functions, "score_mode": "sum", "boost_mode": "multiply"}}


def _term(field: str, value: str, boost: float = 1.0) -> Json:
    return {"term": {field: {"value": value, "boost": boost}}}


def _fuzzy(token: str, distance: int, boost: float) -> list[Json]:
    return [{"fuzzy": {"exact": {"value": token, "fuzziness": distance, "boost": boost}}}] if distance else []


def _in_field(name: str, what: OneWord | Tokens | Beginning) -> Json:
    field = "title_exact" if name == "title" else name
    if isinstance(what, Beginning):
        return beginning(field, what.tokens)
    if isinstance(what, Tokens):
        return in_a_row(field, what.tokens)
    stems = [_term("title", form) for form in what.forms] if name == "title" else []
    return any_of([_term(field, what.token), *stems])


def _exactly(name: str, value: str, begins: bool) -> Json:
    field = "own.s" if name.startswith(PREFIX) else name
    query = {"prefix": {field: {"value": value}}} if begins else _term(field, value)
    return _own(name, query) if name.startswith(PREFIX) else query


def _within(name: str, bounds: Bounds) -> Json:
    sides = {"gte" if bounds.include_low else "gt": bounds.low, "lte" if bounds.include_high else "lt": bounds.high}
    limits = {side: value for side, value in sides.items() if value is not None}
    if name.startswith(PREFIX):
        return _own(name, {"range": {"own.n": limits}})
    return {"range": {name: limits}}


def _own(name: str, query: Json) -> Json:
    """A condition on one of the source's own fields."""
    named = _term("own.k", name[len(PREFIX) :])
    return {"nested": {"path": "own", "query": {"bool": {"filter": [named, query]}}}}


def _aggregations(asked: SearchQuery) -> Json:
    wanted: Json = {}
    for number, name in enumerate(asked.facets):
        if name.startswith(PREFIX):
            values = {kind: {"terms": {"field": f"own.{kind}", "size": asked.facet_size}} for kind in ("s", "n")}
            named = {"filter": _term("own.k", own_name(name)), "aggs": values}
            wanted[f"facet{number}"] = {"nested": {"path": "own"}, "aggs": {"named": named}}
        else:
            wanted[f"facet{number}"] = {"terms": {"field": FACETS[name], "size": asked.facet_size}}
    if asked.histogram:
        bars = {"field": "published_at", "interval": _DAY_S, "min_doc_count": 1}
        wanted["dates"] = {"histogram": bars}
    return wanted
