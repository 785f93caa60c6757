"""Pages of lists, by cursor: where a page ended, as a text that only this list understands.

In: a request, and what its list holds behind the cursor. Out: `position`, which a query begins behind (keyset, never an
offset), and `page`, the answer with `next` and `Link`. Called by every route whose list can grow.
"""

from __future__ import annotations

import binascii
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Annotated, Any, TypeVar
from urllib.parse import quote, urlencode

from fastapi import Query, Request
from fastapi.responses import Response

from tidemill.api.deprecation import told
from tidemill.api.respond import answer
from tidemill.http.problems import Problem, ProblemError

T = TypeVar("T")
Part = str | int | datetime
Key = tuple[Part, ...]
"""What a list is sorted by, of one line: no two lines have the same."""

Cursor = Annotated[str | None, Query(description="Where the page before ended: follow its `next`, which has it")]
_NO_FILTERS = frozenset({"cursor", "limit", "after", "before"})
_LONGEST = 16_384
_LARGEST = 2**63 - 1


def position(request: Request, cursor: str | None, *kinds: type[Part]) -> Key | None:
    """The key behind which the page begins; `None` is the first page. Raises a 400 (`bad_cursor`).

    A cursor is good for the list that gave it, with the same filters; `limit` may be another.
    """
    if cursor is None:
        return None
    try:
        mark, *parts = json.loads(urlsafe_b64decode(cursor.encode("ascii") + b"==")) if len(cursor) < _LONGEST else [""]
        key = tuple(_read(part, kind) for part, kind in zip(parts, kinds, strict=True))
        is_ours = mark == _mark(request, parts)
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error):
        is_ours, key = False, ()
    if not is_ours:
        detail = "This cursor was not given for this list with these filters: follow `next` as it is, or leave it out."
        errors = ({"detail": "not a cursor of this list", "parameter": "cursor", "in": "query"},)
        raise ProblemError(Problem(400, "bad_cursor", detail, errors))
    return key


def page(
    request: Request, found: Sequence[T], limit: int, *, key: Callable[[T], Key], body: Callable[[T], Any]
) -> Response:
    """One page as it is answered. `found` holds one line more than `limit` if another page follows."""
    following = _next(request, key(found[limit - 1])) if len(found) > limit else None
    headers = told(request)
    if following:
        headers["Link"] = ", ".join(filter(None, (f'<{following}>; rel="next"', headers.get("Link"))))
    return answer({"items": [body(line) for line in found[:limit]], "next": following}, headers=headers)


def _next(request: Request, key: Key) -> str:
    """The path of the next page: this one's, with its cursor in place of what led here."""
    parts = [part.astimezone(UTC).isoformat() if isinstance(part, datetime) else part for part in key]
    written = json.dumps([_mark(request, parts), *parts], separators=(",", ":")).encode()
    cursor = urlsafe_b64encode(written).rstrip(b"=").decode()
    given = [(name, value) for name, value in request.query_params.multi_items() if name not in _NO_FILTERS]
    given += [("limit", value) for value in request.query_params.getlist("limit")[-1:]]
    return f"{quote(request.scope['path'])}?{urlencode([*given, ('cursor', cursor)], errors='replace')}"


def _mark(request: Request, parts: Sequence[Any]) -> str:
    """What binds a key to its list and filters, and shows a cursor that was cut off or mended."""
    filters = sorted(pair for pair in request.query_params.multi_items() if pair[0] not in _NO_FILTERS)
    bound = json.dumps([1, request.scope["path"], filters, list(parts)])
    return blake2b(bound.encode(), digest_size=6).hexdigest()


def _read(part: object, kind: type[Part]) -> Part:
    """One part as the store can take it. Raises `ValueError` or `OverflowError`."""
    if kind is int and type(part) is int and 0 <= part <= _LARGEST:
        return part
    if kind is not int and isinstance(part, str):
        part.encode()  # halves of surrogates are no text
        return datetime.fromisoformat(part).astimezone(UTC) if kind is datetime else part
    raise ValueError("not of that kind")
