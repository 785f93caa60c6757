"""What a caller is told of each kind of error."""

from __future__ import annotations

import orjson
import pytest
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from tidemill.errors import (
    CallerError,
    Conflict,
    Forbidden,
    Invalid,
    NoSpace,
    NotFound,
    Permanent,
    Skipped,
    TidemillError,
    Transient,
)
from tidemill.http.problems import Problem, ProblemError, pointer, problem_of

SECRET = "password=hunter2 in /srv/data/tidemill.db"  # pragma: allowlist secret


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (NotFound("no run 'x'", reason="no_such_run"), 404, "no_such_run"),
        (Conflict("it ended"), 409, "conflict"),
        (Forbidden("private"), 403, "forbidden"),
        (Invalid("wrong"), 422, "invalid"),
        (CallerError("odd"), 400, "bad_request"),
        (Transient(SECRET, reason="database_locked"), 503, "database_locked"),
        (Permanent(SECRET, reason="archive_corrupt"), 500, "archive_corrupt"),
        (NoSpace(SECRET), 503, "disk_full"),
        (Skipped(SECRET), 500, "skipped"),
        (TidemillError(SECRET), 500, "error"),
        (ValueError(SECRET), 500, "internal"),
        (HTTPException(404, SECRET), 404, "no_such_path"),
        (HTTPException(405, SECRET, {"Allow": "GET"}), 405, "method_not_allowed"),
        (HTTPException(400, SECRET), 400, "bad_request"),
        (HTTPException(418, SECRET), 418, "bad_request"),
        (ProblemError(Problem(413, "body_too_large", "too large")), 413, "body_too_large"),
    ],
)
def test_each_class_of_error(error: Exception, status: int, reason: str) -> None:
    document = orjson.loads(problem_of(error).body("r1"))
    assert (document["status"], document["type"]) == (status, f"urn:tidemill:problem:{reason}")
    assert document["request_id"] == "r1"
    assert {"title", "detail"} <= document.keys()
    assert "hunter2" not in str(document)
    assert "/srv" not in str(document)


def test_what_callers_did_wrong_is_told_in_full() -> None:
    document = orjson.loads(problem_of(Invalid("a\nb", reason="source", problems=("a", "b"))).body(None))
    assert document["detail"] == "a\nb"
    assert document["errors"] == [{"detail": "a"}, {"detail": "b"}]


@pytest.mark.parametrize(("asked", "told"), [(None, "5"), (0.2, "1"), (61.5, "62")])
def test_transient_says_when_to_come_back(asked: float | None, told: str) -> None:
    assert dict(problem_of(Transient("x", retry_after_s=asked)).headers)["Retry-After"] == told


def test_a_full_disk_is_a_matter_of_time() -> None:
    assert dict(problem_of(NoSpace("x")).headers)["Retry-After"] == "30"


def test_405_keeps_its_allow_header() -> None:
    assert dict(problem_of(HTTPException(405, headers={"Allow": "GET"})).headers) == {"Allow": "GET"}


def test_validation_names_places_and_never_values() -> None:
    error = RequestValidationError(
        [
            {"type": "x", "loc": ("query", "limit"), "msg": "not a number", "input": SECRET},
            {"type": "x", "loc": ("body", "start", 0, "a/b~c"), "msg": "not text", "input": SECRET},
        ]
    )
    document = orjson.loads(problem_of(error).body(None))
    assert document["status"] == 422
    assert document["errors"] == [
        {"parameter": "limit", "in": "query", "detail": "not a number"},
        {"pointer": "#/start/0/a~1b~0c", "detail": "not text"},
    ]
    assert "hunter2" not in str(document)


def test_broken_json_is_a_bad_request() -> None:
    error = RequestValidationError(
        [{"type": "json_invalid", "loc": ("body", 7), "msg": "x", "input": {}, "ctx": {"error": "Expecting value"}}]
    )
    problem = problem_of(error)
    assert (problem.status, problem.reason) == (400, "malformed_json")
    assert "Expecting value at character 7" in problem.detail


def test_no_message_is_endless_or_unwritable() -> None:
    problem = problem_of(Invalid("x" * 5000 + "\ud800", problems=("\ud800",) * 500))
    assert len(problem.body(None)) < 10_000
    assert len(problem.errors) == 50


def test_pointer_to_the_whole_body() -> None:
    assert pointer(()) == "#"
