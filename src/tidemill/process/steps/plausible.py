"""Takes out of a draft the times that cannot be: published tomorrow or in 1970, an event that ends before it starts.

Comes in: a draft; goes out: the same without them, each among its disagreements. Called by `validate`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from tidemill.models.capture import Capture
from tidemill.models.document import Draft, Json, origin

IMPLAUSIBLE_DATE = "implausible_date"
"""Flag: a date of the document lay before 1990, or more than two days after it was fetched."""

END_BEFORE_START = "end_before_start"
"""Flag: an event was to end before its start."""

DATES = ("published_at", "modified_at")

_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(days=2)  # Clocks go wrong by hours, time zones by one day.
_ME = "validate"


def drop_implausible(draft: Draft, capture: Capture) -> Draft:
    """The draft without impossible times. A date gives way to the next plausible one that was found for it, if any."""
    for name in DATES:
        at = getattr(draft, name)
        if at is not None and not _is_plausible(at, capture):
            draft = _without_date(draft, name, at, capture)
    return _without_end(draft) if "end" in draft.fields and "start" in draft.fields else draft


def _is_plausible(at: datetime, capture: Capture) -> bool:
    return _EARLIEST <= at <= capture.fetched_at + _AHEAD


def _without_date(draft: Draft, name: str, at: datetime, capture: Capture) -> Draft:
    provenance = dict(draft.provenance)
    dropped = _entry(name, at.isoformat(), provenance.pop(name, ""), "implausible")
    others = list(draft.disagreements)
    value: datetime | None = None
    for entry, other in _others(draft, name):
        if _is_plausible(other, capture):
            value, provenance[name] = other, str(entry["origin"])
            others.remove(entry)
            break
    changed = replace(
        draft,
        provenance=provenance,
        disagreements=(*others, dropped),
        flags=tuple(dict.fromkeys((*draft.flags, IMPLAUSIBLE_DATE))),
    )
    return replace(changed, published_at=value) if name == "published_at" else replace(changed, modified_at=value)


def _others(draft: Draft, name: str) -> Iterator[tuple[Mapping[str, Json], datetime]]:
    """What else was found for a date, in its order."""
    for entry in draft.disagreements:
        value = entry.get("value")
        if entry.get("field") != name or not isinstance(value, str) or "origin" not in entry:
            continue
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            continue
        yield entry, at if at.tzinfo else at.replace(tzinfo=UTC)


def _without_end(draft: Draft) -> Draft:
    start, end = draft.fields["start"], draft.fields["end"]
    if not isinstance(start, str) or not isinstance(end, str) or not _is_before(end, start):
        return draft
    provenance = dict(draft.provenance)
    dropped = _entry("end", end, provenance.pop("end", ""), "before start")
    return replace(
        draft,
        fields={name: value for name, value in draft.fields.items() if name != "end"},
        provenance=provenance,
        disagreements=(*draft.disagreements, dropped),
        flags=tuple(dict.fromkeys((*draft.flags, END_BEFORE_START))),
    )


def _is_before(first: str, second: str) -> bool:
    """Whether one time as it is written lies before another; a day without a time is all of it; unsure means no."""
    try:
        day, other_day = date.fromisoformat(first[:10]), date.fromisoformat(second[:10])
        if len(first) == 10 or len(second) == 10:
            return day < other_day
        at, other = datetime.fromisoformat(first), datetime.fromisoformat(second)
    except ValueError:
        return False
    return at < other if (at.tzinfo is None) == (other.tzinfo is None) else day < other_day - timedelta(days=1)


def _entry(name: str, value: str, came_from: str, why: str) -> dict[str, Json]:
    """What was dropped, as disagreements have it: the reason, and in parentheses where the value came from."""
    return {"field": name, "value": value, "origin": origin(_ME, "1", f"{why} ({came_from})" if came_from else why)}
