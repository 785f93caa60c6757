"""What a request of each route costs: the one table that the limits go by. What is not in it is cheap."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tidemill.api.routes import probes, runs, search
from tidemill.http.rate_limits import RouteClass

CLASSES: Mapping[str, RouteClass] = MappingProxyType(
    {
        **{f"GET {path}": RouteClass.FREE for path in sorted(probes.OPEN_PROBES)},
        "GET /health": RouteClass.FREE,
        "GET /metrics": RouteClass.FREE,
        **{f"GET {path}": RouteClass.SEARCH for path in ("/api/v1/search", *search.OTHER_PATHS)},
        "GET /api/v1/search/suggest": RouteClass.SEARCH,
        "GET /api/v1/search/feed.rss": RouteClass.SEARCH,
        "GET /api/v1/search/feed.atom": RouteClass.SEARCH,
        "GET /api/v1/documents/{document_id}/similar": RouteClass.SEARCH,
        "GET /api/v1/documents/export": RouteClass.COSTLY,
        "POST /api/v1/exports": RouteClass.COSTLY,
        "POST /api/v1/sources": RouteClass.COSTLY,
        "PUT /api/v1/sources/{name:path}": RouteClass.COSTLY,
        "DELETE /api/v1/sources/{name:path}": RouteClass.COSTLY,
        **{f"POST {path}": RouteClass.COSTLY for path in (runs.PREFIX, runs.TRIGGER)},
        "POST /api/v1/dead-letters/replay": RouteClass.COSTLY,
        "POST /api/v1/dead-letters/discard": RouteClass.COSTLY,
        "POST /api/v1/users": RouteClass.COSTLY,
        "POST /api/v1/auth/token": RouteClass.LOGIN,
        "POST /api/v1/auth/refresh": RouteClass.LOGIN,
        "POST /api/v1/auth/password": RouteClass.LOGIN,
    }
)
