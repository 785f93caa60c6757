"""Sending problems: as an ASGI answer of the layers, as a response of the routes' error handler, and into the log."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope, Send

from tidemill.errors import Permanent, TidemillError
from tidemill.http.headers import add_security_headers
from tidemill.http.problems import MEDIA_TYPE, Problem, ProblemError, problem_of
from tidemill.http.scopes import answer_headers, request_id, state
from tidemill.telemetry.logs import get_logger

_log = get_logger(__name__)


async def handle_error(request: Request, error: Exception) -> Response:
    """FastAPI's handler for every error that a route raises."""
    problem = problem_of(error)
    state(request.scope)["problem"] = problem.reason
    log_error(request.scope, error, problem)
    return Response(
        problem.body(request_id(request.scope)), problem.status, dict(problem.headers), media_type=MEDIA_TYPE
    )


async def send_problem(scope: Scope, send: Send, problem: Problem) -> None:
    """Answer a request with a problem, from outside the layer that adds the security headers."""
    body = problem.body(request_id(scope))
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        *((name.lower().encode(), value.encode()) for name, value in problem.headers),
        *answer_headers(scope),
    ]
    await send(
        {"type": "http.response.start", "status": problem.status, "headers": add_security_headers(scope, headers)}
    )
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def log_error(scope: Scope, error: Exception, problem: Problem) -> None:
    """Say in the log what the caller is not told. What callers do wrong is theirs and is only counted."""
    if problem.status < 500 or isinstance(error, ProblemError):
        return  # what we refuse on purpose is said by who refuses it: here it would be a line for each request
    about = {"method": scope["method"], "path": scope["path"], "status_code": problem.status}
    if isinstance(error, TidemillError):
        hurt = _log.error if isinstance(error, Permanent) else _log.warning
        hurt("request failed", action="http.failed", reason=error.reason, error=str(error), **about)
    else:
        _log.error("request failed", action="http.failed", exc_info=error, **about)
