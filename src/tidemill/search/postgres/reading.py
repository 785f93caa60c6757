"""The reading half of the engine: questions become a few statements over the table, each bounded.

The best hits are looked for among candidates only: some hundred documents for each way of matching (all words, a word
in the title, each word, rare ones first). Texts are read for the hits of the page alone.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.search.analysis import STEMMERS, Analysis
from tidemill.search.base import Hit, SearchQuery, SearchResult
from tidemill.search.highlight import highlight
from tidemill.search.plan import Misspelt, Plan, Planner
from tidemill.search.postgres.conditions import (
    VECTOR,
    Parameters,
    all_of,
    any_of,
    condition,
    every,
    one_of,
    parted,
    where,
)
from tidemill.search.postgres.counting import counts
from tidemill.search.postgres.ranking import Ranking, lexemes_of
from tidemill.search.postgres.state import State
from tidemill.search.postgres.terms import near_words
from tidemill.search.postgres.vector import TITLE, quoted
from tidemill.search.query import Clause, parse
from tidemill.search.wanted import wanted_of

CANDIDATES = 2000
"""The most documents that are ranked, unless a later page is asked for."""

_LEAST_OF_A_KIND = 200
_MOST_KINDS = 12
_COUNTED_EXACTLY = 5000
_KEPT_FREQUENCIES = 10_000
_SHOWN_AT_ONCE = 50
_ORDERS = {
    "date": "d.published_at DESC NULLS LAST, d.id",
    "date_asc": "d.published_at NULLS LAST, d.id",
    "title": 'd.title_key COLLATE "C" NULLS LAST, d.id',
    "title_desc": 'd.title_key COLLATE "C" DESC NULLS LAST, d.id',
}
_TOTALS = text(
    "SELECT count(*) AS documents, COALESCE(avg(words), 0) AS words, COALESCE(avg(title_words), 0) AS title_words,"
    " COALESCE(array_agg(DISTINCT language), '{}') AS languages FROM search_documents WHERE generation = :generation"
)
_SHOWN = text("SELECT id, stored, content FROM search_documents WHERE generation = :generation AND id = ANY(:ids)")
_HELD = "FROM search_documents d WHERE d.generation = :generation AND d.search_vector @@ CAST(:query AS tsquery)"
_BOUNDED_COUNT = text(f"SELECT count(*) FROM (SELECT 1 {_HELD} LIMIT {_COUNTED_EXACTLY}) AS held")
_ESTIMATE = text(f"EXPLAIN (FORMAT JSON) SELECT 1 {_HELD}")
_HAS_RUM = text("SELECT EXISTS (SELECT 1 FROM pg_indexes WHERE indexname = 'ix_search_documents_rum')")


@dataclass(slots=True)
class View:
    """What is known of one state of the table: its size, its languages, and how common words are."""

    state: State
    documents: int
    words: float
    title_words: float
    planner: Planner
    has_rum: bool
    frequency: OrderedDict[str, int] = field(default_factory=OrderedDict)


async def view_of(connection: AsyncConnection, state: State, analysis: Analysis) -> View:
    """The view of a state."""
    row = (await connection.execute(_TOTALS, {"generation": state.generation})).one()
    languages = tuple(sorted(code for code in row.languages if code in STEMMERS))
    has_rum = bool(await connection.scalar(_HAS_RUM))
    planner = Planner(analysis, languages)
    return View(state, row.documents, float(row.words), float(row.title_words), planner, has_rum)


async def answer(connection: AsyncConnection, view: View, analysis: Analysis, query: SearchQuery) -> SearchResult:
    """The answer to a question."""
    parsed = parse(query.text)
    plan = view.planner.plan(parsed, query)
    if plan.empty:
        return SearchResult(query.text, 0, 0.0, ())
    near = await near_words(connection, view.state.generation, _misspelt(plan))
    parameters = Parameters()
    found = _Found(plan, near, where(plan, near, parameters, view.state.generation), parameters)
    matching = found.matching()
    total = await connection.scalar(
        text(f"SELECT count(*) FROM search_documents d WHERE {matching}"), parameters.values
    )
    facets, histogram = await counts(connection, matching, parameters, query)
    page = await _page(connection, view, found, query) if query.limit and query.offset < (total or 0) else []
    clauses = view.planner.shown(parsed)
    hits = await shown(connection, view.state.generation, page, analysis, clauses, fuzzy=query.fuzzy)
    return SearchResult(query.text, int(total or 0), 0.0, hits, facets, histogram)


async def shown(
    connection: AsyncConnection,
    generation: int,
    page: Sequence[tuple[str, float]],
    analysis: Analysis,
    clauses: Sequence[Clause],
    *,
    fuzzy: bool = False,
) -> tuple[Hit, ...]:
    """The hits of a page, in its order. Never more than some whole texts are in memory."""
    hits: list[Hit] = []
    for start in range(0, len(page), _SHOWN_AT_ONCE):
        slice_ = page[start : start + _SHOWN_AT_ONCE]
        rows = await connection.execute(_SHOWN, {"generation": generation, "ids": [one for one, _ in slice_]})
        held = {row["id"]: row for row in rows.mappings()}
        hits += (_hit(held[one], score, analysis, clauses, fuzzy) for one, score in slice_ if one in held)
    return tuple(hits)


async def frequencies(connection: AsyncConnection, view: View, lexemes: Sequence[str]) -> dict[str, int]:
    """In how many documents each lexeme is; of those in very many, what the server's statistics say."""
    for lexeme in lexemes:
        if lexeme not in view.frequency:
            view.frequency[lexeme] = await _frequency(connection, view.state.generation, lexeme)
            if len(view.frequency) > _KEPT_FREQUENCIES:
                view.frequency.popitem(last=False)
    return {lexeme: view.frequency.get(lexeme, 1) for lexeme in lexemes}


@dataclass(slots=True)
class _Found:
    """What a question finds: `demanded` is what every document of it fulfils, but for the wishes."""

    plan: Plan
    near: dict[str, tuple[str, ...]]
    demanded: str
    parameters: Parameters

    def matching(self) -> str:
        """The whole condition."""
        if not self.plan.wishes or self.plan.phrases:
            return self.demanded
        return f"{self.demanded} AND {one_of(self.plan.wishes, self.near, self.parameters)}"


async def _page(connection: AsyncConnection, view: View, found: _Found, query: SearchQuery) -> list[tuple[str, float]]:
    parameters = found.parameters
    bounds = f"LIMIT {parameters.put(query.limit)} OFFSET {parameters.put(query.offset)}"
    if query.sort != "relevance" or not found.plan.scored:
        order = _ORDERS.get(query.sort, _ORDERS["date"])
        statement = f"SELECT d.id FROM search_documents d WHERE {found.matching()} ORDER BY {order} {bounds}"
        rows = await connection.execute(text(statement), parameters.values)
        return [(row.id, 0.0) for row in rows]
    known = await frequencies(connection, view, lexemes_of(found.plan))
    ranking = Ranking(view.documents, view.words, view.title_words, known, parameters)
    score = ranking.score(found.plan, found.near)
    if query.recency_days is not None:
        score = f"{score} * {_recency(parameters, query.recency_days)}"
    statement = (
        f"WITH candidates AS MATERIALIZED (SELECT DISTINCT id FROM ({_kinds(view, found, query, known)}) AS kinds)"
        f" SELECT d.id, CAST({score} AS float8) AS score FROM search_documents d JOIN candidates USING (id)"
        f" WHERE d.generation = {parameters.put(view.state.generation)} ORDER BY score DESC, d.id {bounds}"
    )
    rows = await connection.execute(text(statement), parameters.values)
    return [(row.id, row.score) for row in rows]


def _kinds(view: View, found: _Found, query: SearchQuery, known: dict[str, int]) -> str:
    """The sub-selects of the candidates: documents with all words, with a word in the title, with each word."""
    plan, parameters = found.plan, found.parameters
    queries, others = parted(plan.wishes, found.near)
    kinds = []
    if len(plan.wishes) > 1:
        is_text = not others  # then each wish is one tsquery
        kinds.append(
            _nearest(view, parameters, all_of(queries)) if is_text else every(plan.wishes, found.near, parameters)
        )
    titles = [quoted(lexeme) for lexeme in known if lexeme.startswith(TITLE) and known[lexeme]]
    rare = sorted(queries, key=lambda wish: max((known[one] for one in known if quoted(one) in wish), default=0))
    kinds += [condition(atom, found.near, parameters) for atom in others]
    kinds += [_nearest(view, parameters, each) for each in ([any_of(titles)] if titles else []) + rare]
    if plan.phrases or not kinds:
        kinds.append("TRUE")
    kinds = kinds[:_MOST_KINDS]
    most = parameters.put(max(_LEAST_OF_A_KIND, CANDIDATES // len(kinds), query.offset + query.limit))
    selected = f"SELECT d.id FROM search_documents d WHERE {found.demanded} AND"
    return " UNION ALL ".join(f"({selected} {kind} LIMIT {most})" for kind in kinds)


def _nearest(view: View, parameters: Parameters, query: str) -> str:
    """What matches a tsquery, the best first if the index knows which these are."""
    asked = parameters.query(query)
    return f"{VECTOR} @@ {asked}" + (f" ORDER BY {VECTOR} <=> {asked}" if view.has_rum else "")


def _recency(parameters: Parameters, days: float) -> str:
    now, span = parameters.put(time.time()), parameters.put(days * 86_400)
    age = f"GREATEST(CAST({now} AS float8) - d.published_at, 0)"
    return f"(0.5 + 0.5 * COALESCE(power(2, GREATEST(-{age} / CAST({span} AS float8), -1000)), 0))"


def _misspelt(plan: Plan) -> list[tuple[str, int]]:
    """The words of a plan that may be misspelt, and by how much."""
    found: list[tuple[str, int]] = []
    waiting = [*plan.phrases, *plan.wishes, *plan.filters, *plan.excluded]
    while waiting:
        atom = waiting.pop()
        if isinstance(atom, Misspelt):
            found.append((atom.word.token, atom.distance))
        waiting += getattr(atom, "parts", ())
    return found


async def _frequency(connection: AsyncConnection, generation: int, lexeme: str) -> int:
    values = {"generation": generation, "query": quoted(lexeme)}
    counted = int(await connection.scalar(_BOUNDED_COUNT, values) or 0)
    if counted < _COUNTED_EXACTLY:
        return counted
    (plan,) = await connection.scalar(_ESTIMATE, values)
    return max(counted, int(plan["Plan"]["Plan Rows"]))


def _hit(row: RowMapping, score: float, analysis: Analysis, clauses: Sequence[Clause], fuzzy: bool) -> Hit:
    stored: dict[str, Any] = row["stored"] if isinstance(row["stored"], dict) else orjson.loads(row["stored"])
    published = stored.pop("published_at")
    wanted = wanted_of(clauses, analysis, stored["language"], fuzzy=fuzzy)
    return Hit(
        score=round(score, 4),
        highlights=highlight(row["content"], wanted),
        published_at=datetime.fromisoformat(published) if published else None,
        **stored,
    )
