"""Facets and the date histogram of a query: counts over the columns of everything that matches."""

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
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def counts(
    searcher: tantivy.Searcher, query: tantivy.Query, asked: SearchQuery
) -> tuple[dict[str, tuple[Count, ...]], tuple[Count, ...]]:
    """The facets by the names asked for, and the histogram."""
    wanted: dict[str, Any] = {}
    for number, name in enumerate(asked.facets):
        for kind, path in _paths(name).items():
            wanted[f"{kind}{number}"] = {"terms": {"field": path, "size": asked.facet_size}}
    if asked.histogram:
        wanted["dates"] = {"histogram": {"field": "published_at", "interval": _DAY_S, "min_doc_count": 1}}
    if not wanted:
        return {}, ()
    found = searcher.aggregate(query, wanted)
    facets = {name: _facet(found, number) for number, name in enumerate(asked.facets)}
    if not asked.histogram:
        return facets, ()
    days = ((_day(bucket["key"]), int(bucket["doc_count"])) for bucket in found["dates"]["buckets"])
    return facets, bars(days, asked.histogram)


def _paths(name: str) -> dict[str, str]:
    if not name.startswith(PREFIX):
        return {"text": FACETS[name]}
    own = own_name(name)
    return {"text": text_path(own), "number": number_path(own)}


def _facet(found: dict[str, Any], number: int) -> tuple[Count, ...]:
    """The texts of a field, or its numbers if it has no texts."""
    texts = found[f"text{number}"]["buckets"]
    if texts:
        return tuple(Count(str(bucket["key"]), int(bucket["doc_count"])) for bucket in texts)
    numbers = found.get(f"number{number}", {"buckets": ()})["buckets"]
    return tuple(Count(f"{unordered(int(bucket['key'])):.15g}", int(bucket["doc_count"])) for bucket in numbers)


def _day(key: float) -> datetime:
    return _EPOCH + timedelta(seconds=int(key))
