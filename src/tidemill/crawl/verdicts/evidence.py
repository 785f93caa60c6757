"""What a verdict is, and how single pieces of evidence add up to its confidence.

Used by every kind of verdict; nothing here looks at a page.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tidemill.models.outcome import Outcome

THRESHOLD = 0.7
"""Least confidence of a verdict. No single word, title or form weighs more than 0.65, so it takes two sources that
agree, or a mark that only a wall has. Of 1,497 real pages the good ones end at 0.5 (`benchmarks/verdicts.py`); of the
walls that the tests know none is below 0.7, and at 0.8 one in eleven is missed."""

_ROUNDING = 0.001

OUTCOMES = {
    "challenge": Outcome.BLOCKED,
    "captcha": Outcome.BLOCKED,
    "access_denied": Outcome.BLOCKED,
    "rate_limited": Outcome.BLOCKED,
    "region_blocked": Outcome.BLOCKED,
    "consent_wall": Outcome.BLOCKED,
    "login_wall": Outcome.BLOCKED,
    "paywall": Outcome.BLOCKED,
    "maintenance": Outcome.BLOCKED,
    "soft_404": Outcome.GONE,
    "empty_results": Outcome.GONE,
}
"""Every reason a verdict can have, and the outcome it ends in."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The page is no content: `outcome` is `BLOCKED` or `GONE`, `reason` one of `OUTCOMES`, `confidence` 0 to 1.

    `evidence` says in a few words each what it rests on, the weightiest first.
    """

    outcome: Outcome
    reason: str
    confidence: float
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BrowserNeed:
    """The page shows next to nothing without JavaScript: worth another fetch in the browser. Never an outcome."""

    reason: str
    confidence: float
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One reason to believe in one verdict. `weight` is the chance that a page with nothing but this is one.

    `is_said` tells evidence in which the page speaks for itself (its text, a vendor's mark) from names and surroundings
    (title, heading, address), which an article about the subject has as well.
    """

    kind: str
    weight: float
    what: str
    is_said: bool = False


def weigh(evidence: Iterable[Evidence]) -> float:
    """The confidence that independent pieces of evidence give together (noisy or), 0 to 1."""
    doubt = 1.0
    for piece in evidence:
        doubt *= 1.0 - piece.weight
    return 1.0 - doubt


def can_reach(least: float, evidence: Iterable[Evidence]) -> bool:
    """Whether a verdict may be as sure as `least` if all of this holds; what else is on the page only lessens it."""
    return weigh(evidence) > least - _ROUNDING


def described(evidence: Iterable[Evidence]) -> tuple[str, ...]:
    """The evidence in words, the weightiest first, nothing twice."""
    ordered = sorted(evidence, key=lambda piece: -piece.weight)
    return tuple(dict.fromkeys(piece.what for piece in ordered))
