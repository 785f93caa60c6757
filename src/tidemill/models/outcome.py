"""What can become of a URL in a run: the closed list that the ledger is made of."""

from __future__ import annotations

from enum import StrEnum


class VisitState(StrEnum):
    """Where a URL stands in its run. Only `DONE` is closed; the others are open and count as such."""

    PENDING = "pending"
    LEASED = "leased"
    CAPTURED = "captured"
    DONE = "done"


class Outcome(StrEnum):
    """What became of a URL. Each goes with a machine-readable reason."""

    STORED = "stored"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    DUPLICATE = "duplicate"
    INVALID = "invalid"
    REDIRECTED = "redirected"
    SKIPPED = "skipped"
    BLOCKED = "blocked"
    GONE = "gone"
    FAILED = "failed"
    DEAD = "dead"


OPEN_STATES = (VisitState.PENDING, VisitState.LEASED, VisitState.CAPTURED)
"""The states of a visit whose outcome is not known yet, in the order in which a page passes them."""

BY_PRECEDENCE = (Outcome.CHANGED, Outcome.STORED, Outcome.UNCHANGED, Outcome.DUPLICATE, Outcome.INVALID)
"""A page with many documents gets the first of these that applies to one of them."""
