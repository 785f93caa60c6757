"""The request size cap, for declared and for chunked bodies."""

from __future__ import annotations

import pytest
from tests.unit.http.asgi import ask, hello, scope_of

from tidemill.http.body_limit import BodyLimit
from tidemill.http.errors import Errors

APP = Errors(BodyLimit(hello, 10))


async def test_up_to_the_limit() -> None:
    assert (await ask(APP, scope_of("POST", headers={"content-length": "10"}), [b"12345", b"67890"])).status == 200


@pytest.mark.parametrize("declared", ["11", "99999999999999999999999999"])
async def test_a_declared_length_is_refused_unread(declared: str) -> None:
    answer = await ask(APP, scope_of("POST", headers={"content-length": declared}))
    assert (answer.status, answer.json["type"]) == (413, "urn:tidemill:problem:body_too_large")


@pytest.mark.parametrize("headers", [{}, {"content-length": "5"}, {"content-length": "x"}, {"content-length": "-1"}])
async def test_what_comes_is_counted_whatever_was_declared(headers: dict[str, str]) -> None:
    assert (await ask(APP, scope_of("POST", headers=headers), [b"12345", b"67890", b"1"])).status == 413
