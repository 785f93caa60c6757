"""Counts in the cluster's answer, as the port gives them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tidemill.search.base import Count, SearchQuery
from tidemill.search.dates import bars

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def facets_of(answer: dict[str, Any], asked: SearchQuery) -> dict[str, tuple[Count, ...]]:
    """The facets by the names asked for."""
    return {name: _facet(answer["aggregations"][f"facet{number}"]) for number, name in enumerate(asked.facets)}


def facet_errors_of(answer: dict[str, Any], asked: SearchQuery) -> dict[str, int]:
    """How many documents the counts of a facet may lack, of those that may."""
    errors = {}
    for number, name in enumerate(asked.facets):
        found = answer["aggregations"][f"facet{number}"]
        lists = found.get("named", {"s": found})
        chosen = lists["s"] if lists["s"]["buckets"] or "n" not in lists else lists["n"]
        errors[name] = int(chosen.get("doc_count_error_upper_bound") or 0)
    return {name: lacking for name, lacking in errors.items() if lacking}


def histogram_of(answer: dict[str, Any], asked: SearchQuery) -> tuple[Count, ...]:
    """The histogram, if it was asked for."""
    if not asked.histogram:
        return ()
    buckets = answer["aggregations"]["dates"]["buckets"]
    days = ((_EPOCH + timedelta(seconds=int(bucket["key"])), int(bucket["doc_count"])) for bucket in buckets)
    return bars(days, asked.histogram)


def _facet(found: dict[str, Any]) -> tuple[Count, ...]:
    """The texts of a field, or its numbers if it has no texts."""
    if "named" not in found:
        return tuple(Count(str(bucket["key"]), int(bucket["doc_count"])) for bucket in found["buckets"])
    texts = found["named"]["s"]["buckets"]
    if texts:
        return tuple(Count(str(bucket["key"]), int(bucket["doc_count"])) for bucket in texts)
    numbers = found["named"]["n"]["buckets"]
    return tuple(Count(f"{float(bucket['key']):.15g}", int(bucket["doc_count"])) for bucket in numbers)
