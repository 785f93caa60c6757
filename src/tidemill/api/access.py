"""What each route of the API needs: the one table that says so. A route that is missing here is answered to nobody.

`models/account.py` says which role has which scope: viewer, operator (all of that, and more), admin (all).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from fastapi import APIRouter
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.routing import compile_path

from tidemill.api.routes import docs, documents, keys, probes, runs, search
from tidemill.http.access import ANY_CALLER, OPEN, SOCKET, Access, Route

_SOCKETS = frozenset({SOCKET})

TABLE: Mapping[str, str] = MappingProxyType(
    {
        "GET /": OPEN,
        f"GET {docs.DOCS_PATH}": OPEN,
        f"GET {docs.DOCS_PATH}/{{name}}": OPEN,
        f"GET {docs.OPENAPI_PATH}": OPEN,
        **{f"GET {path}": OPEN for path in docs.OTHER_PATHS},
        **{f"GET {path}": OPEN for path in sorted(probes.OPEN_PROBES)},
        **{f"GET {path}": "metrics:read" for path in probes.REPORTS},
        "GET /metrics": "metrics:read",
        "GET /api/v1/stats": "statistics:read",
        # documents
        "GET /api/v1/search": "documents:read",
        **{f"GET {path}": "documents:read" for path in search.OTHER_PATHS},
        "GET /api/v1/search/suggest": "documents:read",
        "GET /api/v1/search/queries": "statistics:read",
        "GET /api/v1/documents": "documents:read",
        f"GET {documents.CONTENT}": "documents:read",
        "GET /api/v1/search/feed.rss": "documents:read",
        "GET /api/v1/search/feed.atom": "documents:read",
        "GET /api/v1/documents/export": "documents:read",
        "GET /api/v1/documents/{document_id}/raw": "documents:read",
        "GET /api/v1/documents/{document_id}": "documents:read",
        "GET /api/v1/documents/{document_id}/diff": "documents:read",
        "GET /api/v1/documents/{document_id}/provenance": "documents:read",
        "GET /api/v1/documents/{document_id}/similar": "documents:read",
        "GET /api/v1/documents/{document_id}/versions": "documents:read",
        "GET /api/v1/documents/{document_id}/versions/{number}": "documents:read",
        # exports and events
        "GET /api/v1/exports": "exports:write",
        "POST /api/v1/exports": "exports:write",
        "GET /api/v1/exports/{export_id}": "exports:write",
        "GET /api/v1/exports/{export_id}/download": "exports:write",
        "DELETE /api/v1/exports/{export_id}": "exports:write",
        "GET /api/v1/events": "events:read",
        # sources and runs
        "GET /api/v1/sources": "sources:read",
        "POST /api/v1/sources": "sources:write",
        "POST /api/v1/sources/check": "sources:write",
        "PUT /api/v1/sources/{name:path}": "sources:write",
        "GET /api/v1/sources/{name:path}/versions": "sources:read",
        "GET /api/v1/sources/{name:path}": "sources:read",
        "DELETE /api/v1/sources/{name:path}": "sources:write",
        "GET /api/v1/runs": "runs:read",
        "POST /api/v1/runs": "runs:write",
        f"POST {runs.TRIGGER}": "runs:write",
        "GET /api/v1/runs/{run_id}": "runs:read",
        "POST /api/v1/runs/{run_id}/cancel": "runs:write",
        "GET /api/v1/runs/{run_id}/ledger": "runs:read",
        "GET /api/v1/runs/{run_id}/progress": "runs:read",
        f"{SOCKET} /api/v1/runs/{{run_id}}/progress/ws": "runs:read",
        # dead letters
        "GET /api/v1/dead-letters": "dead-letters:read",
        "GET /api/v1/dead-letters/groups": "dead-letters:read",
        "POST /api/v1/dead-letters/replay": "dead-letters:write",
        "POST /api/v1/dead-letters/discard": "dead-letters:write",
        "GET /api/v1/dead-letters/{letter_id}": "dead-letters:read",
        "POST /api/v1/dead-letters/{letter_id}/replay": "dead-letters:write",
        "POST /api/v1/dead-letters/{letter_id}/discard": "dead-letters:write",
        # accounts
        "POST /api/v1/auth/token": OPEN,
        "POST /api/v1/auth/refresh": OPEN,
        "POST /api/v1/auth/logout": OPEN,
        "GET /api/v1/auth/me": ANY_CALLER,
        "POST /api/v1/auth/password": ANY_CALLER,
        "GET /api/v1/users": "users:read",
        "POST /api/v1/users": "users:write",
        "GET /api/v1/users/{user_id}": "users:read",
        "PATCH /api/v1/users/{user_id}": "users:write",
        "PUT /api/v1/users/{user_id}/password": "users:write",
        "GET /api/v1/keys": "keys:write",
        "POST /api/v1/keys": "keys:write",
        "GET /api/v1/keys/{prefix}": "keys:write",
        "POST /api/v1/keys/{prefix}/rotate": "keys:write",
        "DELETE /api/v1/keys/{prefix}": "keys:write",
        "GET /api/v1/audit": "audit:read",
    }
)


def access_to(routers: Sequence[APIRouter]) -> Access:
    """The access to these routers' routes, in the order in which they are matched."""
    routes = [
        Route(route.path, route.path_regex, frozenset(route.methods or ()) if isinstance(route, APIRoute) else _SOCKETS)
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute | APIWebSocketRoute)
    ]
    document = Route(docs.OPENAPI_PATH, compile_path(docs.OPENAPI_PATH)[0], frozenset({"GET"}))
    return Access([*routes, document], TABLE)


_SECRETS = ("/api/v1/auth/", keys.PREFIX)


def is_kept(path: str) -> bool:
    """Whether answers to a POST may be kept for an `Idempotency-Key`: not those that bear a secret."""
    return not path.startswith(_SECRETS)
