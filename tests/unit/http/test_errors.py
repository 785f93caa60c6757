"""The layer after which no error is left."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.http.asgi import ask, raising, scope_of

from tidemill.errors import NotFound, Permanent, Transient
from tidemill.http.errors import Errors
from tidemill.http.problems import Problem, ProblemError

BEGUN = {"type": "http.response.start", "status": 200, "headers": []}
COMPLETE = {"type": "http.response.body", "body": b"x"}


def logged(caplog: pytest.LogCaptureFixture) -> list[Any]:
    return [record.msg for record in caplog.records]


async def test_an_unknown_error_leaks_nothing_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    answer = await ask(Errors(raising(ValueError("the secret of /srv"))), scope_of(path="/a"))
    assert answer.status == 500
    assert b"secret" not in answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert int(answer.headers["content-length"]) == len(answer.body)
    assert "ValueError: the secret of /srv" in logged(caplog)[0]["exception"]
    assert logged(caplog)[0]["path"] == "/a"


@pytest.mark.parametrize(
    ("error", "level"),
    [(Transient("the file is locked"), "warning"), (Permanent("the disk is full"), "error"), (NotFound("no"), None)],
)
async def test_what_the_log_is_told(error: Exception, level: str | None, caplog: pytest.LogCaptureFixture) -> None:
    await ask(Errors(raising(error)))
    assert [line["level"] for line in logged(caplog)] == ([level] if level else [])
    assert all(line["error"] == str(error) for line in logged(caplog))


async def test_a_problem_brings_its_headers() -> None:
    problem = Problem(401, "key_required", "no key", headers=(("WWW-Authenticate", "Bearer"),))
    answer = await ask(Errors(raising(ProblemError(problem))))
    assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")


async def test_head_gets_no_body() -> None:
    answer = await ask(Errors(raising(NotFound("no"))), scope_of("HEAD"))
    assert (answer.status, answer.body) == (404, b"")


async def test_an_answer_that_is_complete_stands() -> None:
    answer = await ask(Errors(raising(ValueError(), after=[BEGUN, COMPLETE])))
    assert (answer.status, answer.body) == (200, b"x")


async def test_an_answer_broken_in_the_middle_breaks_the_connection() -> None:
    with pytest.raises(ValueError, match="half"):
        await ask(Errors(raising(ValueError("half"), after=[BEGUN])))
