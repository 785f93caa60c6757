"""What each route needs: nothing, any caller at all, or a scope. A route without an entry is nobody's.

In: the routes in their order, and the table of their needs. Out: the need of a request. Called by `auth.py` before the
request reaches its route, so that who may not ask learns nothing from how a request is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

OPEN = "open"
"""Whoever asks is answered."""
ANY_CALLER = "any caller"
"""Whoever has shown who they are is answered."""
NOBODY = "nobody"
"""The route stands in no table."""

SOCKET = "WS"
"""What stands for the method of a WebSocket."""

_REMEMBERED = 4096
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Route:
    """A route as its framework matches it, with the methods that it knows and the path as it is written."""

    path: str
    pattern: re.Pattern[str]
    methods: frozenset[str]


class Access:
    """Finds the need of a request. `table` is by method and path as written: `GET /api/v1/runs/{run_id}`."""

    def __init__(self, routes: Iterable[Route], table: Mapping[str, str]) -> None:
        self._routes = tuple(routes)
        self._table = table
        self._known: dict[tuple[str, str], str] = {}

    def need(self, method: str, path: str) -> str:
        """A scope, `OPEN`, `ANY_CALLER` or `NOBODY`. What no route serves needs any caller: it is not found then."""
        operation = self.operation(method, path)
        return self.needs(operation) if operation else ANY_CALLER

    def operation(self, method: str, path: str) -> str:
        """The route that serves it, as the tables name it (`GET /api/v1/runs/{run_id}`); empty if none does."""
        known = self._known.get((method, path))
        if known is None:
            known = self._find("GET" if method == "HEAD" else method, path)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            if len(method) + len(path) <= _LONGEST:
                self._known[method, path] = known
        return known

    def operations(self) -> list[str]:
        """Every route with each of its methods, as the table names them."""
        return [f"{method} {route.path}" for route in self._routes for method in sorted(route.methods - {"HEAD"})]

    def needs(self, operation: str) -> str:
        """The need of `GET /api/v1/runs/{run_id}`, with or without the kinds of its parameters."""
        return self._table.get(operation, NOBODY)

    def _find(self, method: str, path: str) -> str:
        for route in self._routes:
            if method in route.methods and route.pattern.match(path):
                return f"{method} {route.path}"
        return ""
