"""Which nodes are alike: the edges of the graph that `duplicates` judges.

In: two nodes and what their sources say of duplicates. Out: their similarity, or `None`. Pure.
"""

from __future__ import annotations

from tidemill.store import buckets, event_matches
from tidemill.store.near import Comparison, Node

_NEVER_EXACT = 0.999


def likeness(one: Node, other: Node, of_one: Comparison, of_other: Comparison) -> float | None:
    """How alike two nodes are, if they are alike enough for both of their sources; templates are not told apart yet.

    Two documents of one page never are: its items are told apart by their keys.
    """
    if of_one.pool != of_other.pool or one.member.page_id == other.member.page_id:
        return None
    if of_one.threshold is None or of_other.threshold is None:
        return None
    if one.event and other.event:
        return event_matches.similarity(one.event, other.event)
    if not one.signature or len(one.signature) != len(other.signature):
        return None
    threshold = max(of_one.threshold, of_other.threshold)
    # Asked here, too, so that it is the same for two of one batch, which meet without the store.
    if not one.sieve(threshold)(other.sketch()):
        return None
    similarity = buckets.similarity(one.signature, other.signature)
    return min(similarity, _NEVER_EXACT) if similarity >= threshold else None
