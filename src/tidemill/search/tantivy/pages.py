"""The page of hits that was asked for: how many match, and which of them, in the order asked for."""

from __future__ import annotations

import time
from typing import TypeAlias

import tantivy
from tantivy import Order

from tidemill.search.base import RECENCY_CANDIDATES, SearchQuery
from tidemill.search.dates import recency
from tidemill.search.tantivy.compile import Compiled

Found: TypeAlias = list[tuple[float, tantivy.DocAddress]]

_ORDERS = {
    "date": ("published_at", Order.Desc),
    "date_asc": ("published_at", Order.Asc),
    "title": ("title_key", Order.Asc),
    "title_desc": ("title_key", Order.Desc),
}


def page(searcher: tantivy.Searcher, compiled: Compiled, query: SearchQuery) -> tuple[int, Found]:
    """The number of matches and the page; matches without a score are listed newest first."""
    if compiled.query is None or not searcher.num_docs:
        return 0, []
    beyond = query.offset >= searcher.num_docs or not query.limit
    limit, offset = (1, 0) if beyond else (min(query.limit, searcher.num_docs), query.offset)
    if query.sort == "relevance" and compiled.scored:
        return _best(searcher, compiled.query, query, limit, offset, beyond=beyond)
    field, order = _ORDERS.get(query.sort, _ORDERS["date"])
    found = searcher.search(compiled.query, limit=limit, offset=offset, order_by_field=field, order=order)
    return _count(found), [] if beyond else [(0.0, address) for _, address in found.hits]


def _best(
    searcher: tantivy.Searcher, query: tantivy.Query, asked: SearchQuery, limit: int, offset: int, *, beyond: bool
) -> tuple[int, Found]:
    if asked.recency_days is None or beyond:
        found = searcher.search(query, limit=limit, offset=offset)
        return _count(found), [] if beyond else found.hits
    found = searcher.search(query, limit=max(RECENCY_CANDIDATES, offset + limit))
    dates = searcher.fast_field_values("published_at", [address for _, address in found.hits])
    now = time.time()
    ranked = [
        (score * recency(date, now, asked.recency_days), -place)
        for place, ((score, _), date) in enumerate(zip(found.hits, dates, strict=True))
    ]
    ranked.sort(reverse=True)
    chosen = ranked[offset : offset + limit]
    return _count(found), [(score, found.hits[-place][1]) for score, place in chosen]


def _count(found: tantivy.SearchResult) -> int:
    return int(found.count)  # type: ignore[attr-defined] # not in its stub
