"""What the service says of itself, and what it says when something goes wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SERVICE: Mapping[str, Mapping[str, Any]] = {
    "HealthAnswer": {"status": "pass", "health": "HEALTHY", "detail": "all is well", "uptime_s": 5321.4},
    "Statistics": {
        "documents": {"current": 120, "duplicate": 4},
        "visits": {"stored": 120, "pending": 7},
        "sources": 1,
        "captures_waiting": 3,
        "index_lag": 0,
    },
    "ProblemDocument": {
        "type": "urn:tidemill:problem:no_such_run",
        "title": "Not found",
        "status": 404,
        "detail": "no run '01a2'; `tidemill runs list` shows those there are",
        "request_id": "01a205a0-0d1e-7f2a-8b3c-4d5e6f708192",
        "errors": [],
    },
}
