"""Facets and the date histogram of a query: counts over the columns of everything that matches.

Each segment counts on its own and hands on its most frequent values only. A facet that had more than a few is asked for
again with all of them; beyond `_MANY` its counts may lack some documents, and the answer says how many at most.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import tantivy

from tidemill.search.base import Count, SearchQuery
from tidemill.search.dates import bars
from tidemill.search.tantivy.schema import number_path, text_path
from tidemill.search.typed import PREFIX, own_name, unordered
from tidemill.search.values import FACETS

_DAY_S = 86_400
_FEW = 2_000
_MANY = 50_000
"""So many values of a segment are all counted. Time grows with them: to 0.3 s for this many."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def counts(
    searcher: tantivy.Searcher, query: tantivy.Query, asked: SearchQuery
) -> tuple[dict[str, tuple[Count, ...]], tuple[Count, ...], dict[str, int]]:
    """The facets by the names asked for, the histogram, and what the facets may lack."""
    wanted: dict[str, Any] = {}
    for number, name in enumerate(asked.facets):
        for kind, path in _paths(name).items():
            terms = {"field": path, "size": asked.facet_size, "segment_size": max(_FEW, asked.facet_size)}
            wanted[f"{kind}{number}"] = {"terms": terms}
    if asked.histogram:
        wanted["dates"] = {"histogram": {"field": "published_at", "interval": _DAY_S, "min_doc_count": 1}}
    if not wanted:
        return {}, (), {}
    found = searcher.aggregate(query, wanted)
    if again := {key: {"terms": wanted[key]["terms"] | {"segment_size": _MANY}} for key in found if _lacks(found[key])}:
        found |= searcher.aggregate(query, again)
    facets = {name: _facet(_chosen(found, number)) for number, name in enumerate(asked.facets)}
    lacking = {name: _lacks(_chosen(found, number)[1]) for number, name in enumerate(asked.facets)}
    errors = {name: lacks for name, lacks in lacking.items() if lacks}
    if not asked.histogram:
        return facets, (), errors
    days = ((_day(bucket["key"]), int(bucket["doc_count"])) for bucket in found["dates"]["buckets"])
    return facets, bars(days, asked.histogram), errors


def _lacks(counted: dict[str, Any]) -> int:
    """How many documents a count may lack; none if every segment has handed on all of its values."""
    return int(counted.get("doc_count_error_upper_bound") or 0)


def _paths(name: str) -> dict[str, str]:
    if not name.startswith(PREFIX):
        return {"text": FACETS[name]}
    own = own_name(name)
    return {"text": text_path(own), "number": number_path(own)}


def _chosen(found: dict[str, Any], number: int) -> tuple[str, dict[str, Any]]:
    """The texts of a field, or its numbers if it has no texts."""
    texts: dict[str, Any] = found[f"text{number}"]
    if texts["buckets"]:
        return "text", texts
    return "number", found.get(f"number{number}", texts)


def _facet(chosen: tuple[str, dict[str, Any]]) -> tuple[Count, ...]:
    kind, counted = chosen
    counts = ((bucket["key"], int(bucket["doc_count"])) for bucket in counted["buckets"])
    if kind == "text":
        return tuple(Count(str(value), count) for value, count in counts)
    return tuple(Count(f"{unordered(int(value)):.15g}", count) for value, count in counts)


def _day(key: float) -> datetime:
    return _EPOCH + timedelta(seconds=int(key))
