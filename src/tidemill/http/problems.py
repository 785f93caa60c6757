"""Problem documents (RFC 9457): what a caller is told when something goes wrong.

An error comes in, of whatever kind; a `Problem` goes out, which `errors.py` and the routes' error handler send. Callers
read what they can act on; what broke inside stays in the log, under the request's identifier.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import orjson
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from tidemill.errors import (
    CallerError,
    Changed,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NoSpace,
    NotFound,
    TidemillError,
    TooMany,
    Transient,
)

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:tidemill:problem:"

_TITLES: Mapping[int, str] = MappingProxyType(
    {
        400: "Bad request",
        401: "Authentication required",
        403: "Forbidden",
        404: "Not found",
        405: "Method not allowed",
        409: "Conflict",
        410: "Gone",
        412: "Precondition failed",
        413: "Request too large",
        415: "Unsupported media type",
        416: "Range not satisfiable",
        421: "Misdirected request",
        422: "Invalid request",
        429: "Too many requests",
        500: "Internal error",
        503: "Temporarily unavailable",
    }
)
_STATUS: Sequence[tuple[type[CallerError], int]] = (
    (NotFound, 404),
    (Gone, 410),
    (Changed, 412),
    (Conflict, 409),
    (Forbidden, 403),
    (TooMany, 429),
    (Invalid, 422),
    (CallerError, 400),
)
_OF_ROUTING: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        400: ("bad_request", "The request cannot be read."),
        404: ("no_such_path", "Nothing is served under this path; /api/docs shows what there is."),
        405: ("method_not_allowed", "This path does not know the method; the Allow header names those it knows."),
    }
)
_RETRY_AFTER_S = 5
_AFTER_SPACE_S = 30
_MOST_ERRORS = 50
_LONGEST_TEXT = 1000


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem document, but for the request's identifier.

    `reason` is the slug that ends `type` and never changes its meaning; `errors` names each wrong value by `pointer`
    (RFC 6901, into the body) or `parameter`; `headers` go with the answer.
    """

    status: int
    reason: str
    detail: str
    errors: tuple[Mapping[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()

    def body(self, request_id: str | None) -> bytes:
        """The document as JSON."""
        document: dict[str, Any] = {
            "type": TYPE_PREFIX + self.reason,
            "title": _TITLES.get(self.status, "Error"),
            "status": self.status,
            "detail": self.detail,
            "request_id": request_id,
        }
        if self.errors:
            document["errors"] = self.errors
        return orjson.dumps(document)


class ProblemError(HTTPException):
    """Ends the request with this problem. FastAPI lets it through wherever it is raised."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.status, problem.detail, dict(problem.headers))
        self.problem = problem


def problem_of(error: Exception) -> Problem:
    """What the caller is told of this error."""
    match error:
        case ProblemError():
            return error.problem
        case RequestValidationError():
            return _of_validation(error)
        case HTTPException():
            return _of_routing(error)
        case CallerError():
            return _of_caller(error)
        case Transient():
            return _come_back(error.reason, error.retry_after_s or _RETRY_AFTER_S)
        case NoSpace():
            return _come_back(error.reason, _AFTER_SPACE_S)
        case TidemillError():
            return _internal(error.reason)
        case _:
            return _internal("internal")


def _of_validation(error: RequestValidationError) -> Problem:
    found = error.errors()
    broken = next((each for each in found if each["type"] == "json_invalid"), None)
    if broken is not None:
        cause = broken.get("ctx", {}).get("error", "no JSON")
        detail = f"The request body is not JSON: {cause} at character {broken['loc'][-1]}."
        return Problem(400, "malformed_json", detail)
    errors = tuple(_wrong_value(each) for each in found[:_MOST_ERRORS])
    named = ", ".join(each.get("parameter") or each["pointer"] for each in errors[:5])
    return Problem(422, "invalid", f"Not acceptable: {named}. See errors.", errors)


def _wrong_value(found: Mapping[str, Any]) -> dict[str, str]:
    """Without the value itself: it may be long, or a secret that was put into the wrong place."""
    where, *location = found["loc"]
    message = _short(str(found["msg"]))
    if where == "body":
        return {"pointer": pointer(location), "detail": message}
    return {"parameter": ".".join(str(part) for part in location), "in": str(where), "detail": message}


def pointer(location: Sequence[str | int]) -> str:
    """A place in the request body as a URI fragment (RFC 6901): `#/start/0`."""
    return _short("#" + "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location))


def _of_routing(error: HTTPException) -> Problem:
    reason, detail = _OF_ROUTING.get(error.status_code, ("bad_request", "The request cannot be answered."))
    return Problem(error.status_code, reason, detail, headers=tuple((error.headers or {}).items()))


def _of_caller(error: CallerError) -> Problem:
    status = next(number for kind, number in _STATUS if isinstance(error, kind))
    errors: tuple[dict[str, str], ...] = ()
    if isinstance(error, Invalid):
        errors = tuple({"detail": _short(problem)} for problem in error.problems[:_MOST_ERRORS])
    headers: tuple[tuple[str, str], ...] = ()
    if isinstance(error, TooMany):
        headers = (("Retry-After", str(max(1, math.ceil(error.retry_after_s)))),)
    return Problem(status, error.reason, _short(str(error)), errors, headers)


def _short(text: str) -> str:
    """A message may quote what the caller sent, which may be long or no valid text."""
    safe = text.encode("utf-8", "backslashreplace").decode()
    return safe if len(safe) <= _LONGEST_TEXT else safe[:_LONGEST_TEXT] + "…"


def _come_back(reason: str, after_s: float) -> Problem:
    seconds = max(1, math.ceil(after_s))
    detail = f"The server cannot do this just now; try again in {seconds} s."
    return Problem(503, reason, detail, headers=(("Retry-After", str(seconds)),))


def _internal(reason: str) -> Problem:
    return Problem(500, reason, "The server failed; its log tells why, under the request_id of this answer.")
