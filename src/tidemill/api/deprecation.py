"""What is deprecated, and what a caller is told who still uses it: `Deprecation` (RFC 9745) and `Sunset` (RFC 8594).

In: a request. Out: headers. The policy is in docs/reference/api-policy.md; the table below is all that it applies to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from types import MappingProxyType

from fastapi import Request

_WHERE_IT_IS_TOLD = '</api/docs>; rel="deprecation"; type="text/html"'


@dataclass(frozen=True, slots=True)
class Deprecated:
    """Since when something should not be used any more, and from when it may be gone."""

    since: datetime
    sunset: datetime


_CURSORS = Deprecated(datetime(2026, 11, 23, tzinfo=UTC), datetime(2027, 11, 23, tzinfo=UTC))
PARAMETERS: Mapping[str, Deprecated] = MappingProxyType({"after": _CURSORS, "before": _CURSORS})
"""Parameters of lists that were there before `cursor`."""


def told(request: Request) -> dict[str, str]:
    """The headers for a request that uses something deprecated; none for any other."""
    used = [PARAMETERS[name] for name in request.query_params if name in PARAMETERS]
    if not used:
        return {}
    since, sunset = min(each.since for each in used), min(each.sunset for each in used)
    return {
        "Deprecation": f"@{int(since.timestamp())}",
        "Sunset": format_datetime(sunset, usegmt=True),
        "Link": _WHERE_IT_IS_TOLD,
    }
