"""Finding the API key in a request: in its headers, where it belongs, and never in its query string."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.types import Scope

from tidemill.http.problems import Problem, ProblemError
from tidemill.http.scopes import header

_QUERY_NAMES = frozenset({"api_key", "api-key", "apikey", "x-api-key", "x_api_key", "access_token"})


def presented_key(scope: Scope) -> str | None:
    """The key of `X-API-Key` or `Authorization: Bearer`; `None` if there is none."""
    given = header(scope, b"x-api-key")
    if given is not None:
        return given.strip()
    scheme, _, credentials = (header(scope, b"authorization") or "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else None


def refuse_key_in_query(scope: Scope) -> None:
    """Raises a 400 if the query string bears a key: it would stand in logs, histories and referrers."""
    if not has_key_in_query(scope):
        return
    detail = "An API key does not belong in the URL: send it as X-API-Key, and replace this one, for it may be in logs."
    raise ProblemError(Problem(400, "key_in_query", detail))


def has_key_in_query(scope: Scope) -> bool:
    """Whether the query string bears a key."""
    query: bytes = scope.get("query_string", b"")
    return b"=" in query and any(name.lower() in _QUERY_NAMES for name, _ in _pairs(query))


def _pairs(query: bytes) -> list[tuple[str, str]]:
    return parse_qsl(query.decode("latin-1"), keep_blank_values=True)
