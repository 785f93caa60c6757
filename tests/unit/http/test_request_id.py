"""Request ids: taken over if harmless, else made; in the answer and in the log."""

from __future__ import annotations

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send
from tests.unit.http.asgi import ask, hello, scope_of

from tidemill.http.request_id import RequestId


@pytest.mark.parametrize("given_id", ["a", "A.b_c-9", "x" * 128])
async def test_a_harmless_id_is_taken_over(given_id: str) -> None:
    answer = await ask(RequestId(hello), scope_of(headers={"X-Request-ID": given_id}))
    assert answer.headers["x-request-id"] == given_id


@pytest.mark.parametrize("given_id", ["", "x" * 129, "a b", "a\nb", "a/b", "a;b", "é", "a\n"])
async def test_any_other_is_replaced(given_id: str) -> None:
    answer = await ask(RequestId(hello), scope_of(headers={"X-Request-ID": given_id}))
    assert answer.headers["x-request-id"] != given_id
    assert len(answer.headers["x-request-id"]) == 36


@given(st.text(max_size=200))
async def test_what_comes_out_is_always_harmless(text: str) -> None:
    answer = await ask(RequestId(hello), scope_of(headers={"X-Request-ID": text}))
    assert set(answer.headers["x-request-id"]) <= set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
    )


async def test_it_is_bound_to_the_log_while_the_request_lasts() -> None:
    seen = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(structlog.contextvars.get_contextvars()["request_id"])
        await hello(scope, receive, send)

    answer = await ask(RequestId(app))
    assert seen == [answer.headers["x-request-id"]]
    assert "request_id" not in structlog.contextvars.get_contextvars()
