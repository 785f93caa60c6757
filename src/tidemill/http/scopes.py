"""Reading ASGI scopes: headers, and the state that one layer leaves for those inside it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from starlette.types import Scope

RawHeaders = list[tuple[bytes, bytes]]


def header(scope: Scope, name: bytes) -> str | None:
    """The first header of that name (in lower case), or `None`."""
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    for key, value in headers:
        if key == name:
            return value.decode("latin-1")
    return None


def state(scope: Scope) -> dict[str, Any]:
    """What the layers of one request leave for each other: `request_id`, `caller`."""
    found: dict[str, Any] = scope.setdefault("state", {})
    return found


def request_id(scope: Scope) -> str | None:
    """The identifier of the request, if that layer was passed."""
    found = state(scope).get("request_id")
    return found if isinstance(found, str) else None
