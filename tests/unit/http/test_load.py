"""Too many requests at once, and answers that take too long, are refused at once and in words."""

from __future__ import annotations

import asyncio

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send
from tests.unit.http.asgi import Answered, ask, hello, scope_of

from tidemill.http.load import Load
from tidemill.http.problems import ProblemError
from tidemill.http.scopes import state


def behind(app: ASGIApp, *, most: int = 1, timeout_s: float = 60.0) -> Load:
    return Load(app, most, timeout_s, is_free={"/livez"}.__contains__)


class Slow:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.go = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.go.wait()
        await hello(scope, receive, send)


async def refused(asking: asyncio.Task[Answered] | object) -> ProblemError:
    with pytest.raises(ProblemError) as caught:
        await asking  # type: ignore[misc]
    assert caught.value.problem.status == 503
    assert int(dict(caught.value.problem.headers)["Retry-After"]) > 0
    return caught.value


async def test_who_comes_too_many_is_told_to_come_back_and_probes_are_not() -> None:
    slow = Slow()
    load = behind(slow)
    first = asyncio.create_task(ask(load))
    await asyncio.sleep(0)
    assert (await refused(ask(load))).problem.reason == "overloaded"
    probe = asyncio.create_task(ask(load, scope_of(path="/livez")))
    await asyncio.sleep(0)
    slow.go.set()
    assert (await first).status == (await probe).status == 200
    assert (await ask(load)).status == 200, "there is room again"


async def test_an_answer_that_does_not_begin_in_time() -> None:
    load = behind(Slow(), timeout_s=0.01)
    assert (await refused(ask(load))).problem.reason == "too_late"
    assert (await refused(ask(load))).problem.reason == "too_late", "the late one has left its place"


@pytest.mark.thorough
async def test_an_answer_that_has_begun_may_take_its_time() -> None:
    async def long(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(0.05)
        await send({"type": "http.response.body", "body": b"done"})

    assert (await ask(behind(long, timeout_s=0.01))).body == b"done"


async def test_a_time_limit_of_the_application_stays_its_own() -> None:
    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        raise TimeoutError("mine")

    with pytest.raises(TimeoutError, match="mine"):
        await ask(behind(failing))


async def test_a_stream_that_has_begun_leaves_its_place_once() -> None:
    slow = Slow()

    async def streaming(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/stream":
            state(scope)["is_stream"] = True
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await slow.go.wait()
            await send({"type": "http.response.body", "body": b""})
        else:
            await slow(scope, receive, send)

    load = behind(streaming)
    listening = [asyncio.create_task(ask(load, scope_of(path="/stream"))) for _ in range(3)]
    await asyncio.sleep(0.01)
    first = asyncio.create_task(ask(load))
    await asyncio.sleep(0)
    assert (await refused(ask(load))).problem.reason == "overloaded", "there is one place, given back once by each"
    slow.go.set()
    assert {each.status for each in await asyncio.gather(first, *listening)} == {200}
    assert load._at_work == 0
