"""Chooses among the values that a page gives for one field, and keeps what the others say.

Comes in: candidates, each with its origin; goes out: the chosen one and the disagreements. Called by `metadata`,
`dates` and `article`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from tidemill.models.document import Json, origin_name
from tidemill.process.extract.titles import fold

ORDER: Mapping[str, tuple[str, ...]] = {
    "title": ("h1", "jsonld", "opengraph", "html"),
    "author": ("jsonld", "opengraph", "meta", "microdata", "html", "byline"),
    "published_at": ("jsonld", "opengraph", "meta", "microdata", "url", "shown", "webpage", "updated"),
    "modified_at": ("jsonld", "opengraph", "meta", "microdata", "shown"),
    "canonical_url": ("html", "opengraph", "jsonld"),
    "language": ("jsonld", "html", "meta", "opengraph"),
}
"""Whose value of a field stands: the origins in their order. `rules.prefer` puts others before them."""

MAX_DISAGREEMENTS = 10
_MAX_CHARS = 500

_Value = TypeVar("_Value", str, datetime)


@dataclass(frozen=True, slots=True)
class Candidate(Generic[_Value]):
    """A value and where it came from, as `models.document.origin` writes it."""

    value: _Value
    origin: str


def ranked(
    name: str, candidates: Sequence[Candidate[_Value]], prefer: Mapping[str, Sequence[str]]
) -> list[Candidate[_Value]]:
    """The candidates for a field, the one that stands first. Of one origin, and of unknown ones, as they were given."""
    order = (*prefer.get(name, ()), *ORDER.get(name, ()))
    return sorted(candidates, key=lambda one: _place(order, origin_name(one.origin)))


def preferred(
    name: str, candidates: Sequence[Candidate[_Value]], prefer: Mapping[str, Sequence[str]]
) -> list[Candidate[_Value]]:
    """As `ranked` for candidates that are in their order already: only what the source prefers is put first."""
    order = prefer.get(name, ())
    return sorted(candidates, key=lambda one: _place(order, origin_name(one.origin)))


def disagreements(name: str, candidates: Sequence[Candidate[_Value]]) -> list[dict[str, Json]]:
    """What others than the first say, each value once; case, white space and the time of a day do not count."""
    seen = {_folded(one.value) for one in candidates[:1]}
    found: list[dict[str, Json]] = []
    for one in candidates[1:]:
        if _folded(one.value) not in seen:
            seen.add(_folded(one.value))
            found.append({"field": name, "value": _written(one.value), "origin": one.origin})
    return found


def _folded(value: str | datetime) -> str:
    return value.date().isoformat() if isinstance(value, datetime) else fold(value)


def _written(value: str | datetime) -> str:
    return value.isoformat() if isinstance(value, datetime) else value[:_MAX_CHARS]


def _place(order: Sequence[str], name: str) -> int:
    return order.index(name) if name in order else len(order)
