"""Times as people give them to commands: `2026-11-01`, `2026-11-01T12:00`, or so long ago: `7d`, `12h`, `30m`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import typer

_SPAN = re.compile(r"(\d{1,6})\s*([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment_given(text: str | None, option: str = "--since") -> datetime | None:
    """The time that was meant, aware; one without a zone is in UTC. Ends the command if it is none."""
    if text is None:
        return None
    if span := _SPAN.fullmatch(text.strip()):
        return datetime.now(UTC) - _length(span)
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        told = f"{text!r} is no time; write it like 2026-11-01, 2026-11-01T12:00 (UTC), 7d, 12h or 30m"
        raise typer.BadParameter(told, param_hint=option) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def span_given(text: str, option: str) -> timedelta:
    """The time that was meant: `7d`, `12h`, `30m`. Ends the command if it is none."""
    span = _SPAN.fullmatch(text.strip())
    if span is None:
        told = f"{text!r} is no length of time; write it like 7d, 12h or 30m"
        raise typer.BadParameter(told, param_hint=option)
    return _length(span)


def _length(span: re.Match[str]) -> timedelta:
    return timedelta(**{_UNITS[span[2]]: int(span[1])})
