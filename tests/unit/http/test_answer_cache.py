"""Which answers are given again, to whom, and for how long they are true."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import orjson
import pytest
from starlette.types import Message, Receive, Scope, Send
from tests.unit.http.asgi import Answered, ask, scope_of

from tidemill.http.answer_cache import AnswerCaching
from tidemill.http.scopes import state
from tidemill.limits.memory import MemoryCache
from tidemill.models.account import Role, caller_of
from tidemill.telemetry.metrics import Metrics


class House:
    """A route that counts how often it is asked, behind a cache."""

    def __init__(self, **answer: Any) -> None:
        self.asked = 0
        self.position: str | None = "e:1"
        self.now = 1000.0
        self.again: list[list[tuple[str, str]]] = []
        self.body = {"query": 'a "age_s":0.0', "total": 3, "stale": False, "age_s": 0.0} | answer
        self.headers = [(b"content-type", b"application/json")]
        self.status = 200
        self.slow = asyncio.Event()
        self.slow.set()
        self.who = caller_of("a", Role.VIEWER)
        self.metrics = Metrics()
        layer = AnswerCaching(self.route, MemoryCache(100_000), self, 300.0, self.metrics, now=lambda: self.now)

        async def known(scope: Scope, receive: Receive, send: Send) -> None:
            state(scope)["caller"] = self.who
            await layer(scope, receive, send)

        self.app = known

    def keeps(self, path: str) -> bool:
        return path == "/search"

    async def generation(self) -> str | None:
        return self.position

    def given_again(self, path: str, parameters: list[tuple[str, str]], body: bytes, seconds: float) -> None:
        self.again.append(parameters)

    async def route(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        await self.slow.wait()
        start: Message = {"type": "http.response.start", "status": self.status, "headers": self.headers}
        await send(start)
        await send({"type": "http.response.body", "body": orjson.dumps(self.body | {"number": self.asked})})

    async def get(self, query: str = "q=a", path: str = "/search", method: str = "GET", **headers: str) -> Answered:
        return await ask(self.app, scope_of(method, path, headers, query))


async def test_the_same_question_is_answered_once() -> None:
    house = House()
    first, house.now = await house.get("q=a&limit=5"), 1007.5
    again = await house.get("limit=5&q=a")
    assert house.asked == 1
    assert "age" not in first.headers
    assert again.headers["age"] == "7"
    assert again.headers["content-length"] == str(len(again.body))
    assert again.json == first.json | {"age_s": 7.5}
    assert house.again == [[("limit", "5"), ("q", "a")]]


@pytest.mark.parametrize("other", ["q=b", "q=a&limit=6", "q=a&tag=x&tag=y", "q=a&tag=y&tag=x", "q=A", "q=a&q=b", ""])
async def test_another_question_is_asked(other: str) -> None:
    house = House()
    await house.get("q=a&tag=x")
    await house.get(other)
    assert house.asked == 2


async def test_nothing_outlives_a_change_of_the_index() -> None:
    house = House()
    await house.get()
    house.position = "e:2"
    assert (await house.get()).json["number"] == 2


async def test_nothing_is_kept_or_given_while_nobody_can_vouch_for_it() -> None:
    house = House()
    await house.get()
    house.position = None
    assert [(await house.get()).json["number"] for _ in range(2)] == [2, 3]
    house.position = "e:1"
    assert (await house.get()).json["number"] == 1


async def test_who_may_see_other_things_gets_other_answers() -> None:
    house = House()
    await house.get()
    for who in (caller_of("b", Role.ADMIN), replace(house.who, scopes=frozenset(["documents:read"]))):
        house.who = who
        await house.get()
    assert house.asked == 3
    house.who = caller_of("somebody else in the same role", Role.VIEWER)
    await house.get()
    assert house.asked == 3


@pytest.mark.parametrize(
    "made",
    [{"status": 404}, {"status": 206}, {"headers": [(b"content-type", b"text/html")]}, {"body": {"no": "age"}}],
    ids=str,
)
async def test_what_is_not_kept(made: dict[str, Any]) -> None:
    house = House()
    for name, value in made.items():
        setattr(house, name, value)
    await house.get()
    await house.get()
    assert house.asked == 2


async def test_what_is_stale_already_is_not_kept() -> None:
    house = House(age_s=4.0)
    house.headers.append((b"age", b"4"))
    await house.get()
    await house.get()
    assert house.asked == 2


@pytest.mark.parametrize(
    "about", [{"path": "/other"}, {"method": "HEAD"}, {"method": "POST"}, {"cache-control": "no-cache"}], ids=str
)
async def test_what_always_asks_the_route(about: dict[str, str]) -> None:
    house = House()
    await house.get()
    await house.get(**about)
    assert house.asked == 2


async def test_whoever_comes_meanwhile_waits_for_the_one_answer() -> None:
    house = House()
    house.slow.clear()
    waiting = [asyncio.create_task(house.get()) for _ in range(20)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    house.slow.set()
    answers = await asyncio.gather(*waiting)
    assert house.asked == 1
    assert {each.json["number"] for each in answers} == {1}


async def test_nobody_waits_for_ever_for_one_who_left() -> None:
    house = House()
    house.slow.clear()
    first = asyncio.create_task(house.get())
    await asyncio.sleep(0.01)
    second = asyncio.create_task(house.get())
    await asyncio.sleep(0.01)
    first.cancel()
    house.slow.set()
    assert (await second).json["number"] == 2
