"""A stand-in for an OpenAI-compatible endpoint, that answers as the test says and remembers what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer

Answer = Callable[[dict[str, Any]], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class StandIn:
    """`answers` are given in turn, the last one again and again."""

    url: str = ""
    answers: list[Answer] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(orjson.loads(await request.read()))
        self.keys.append(request.headers.get("Authorization", ""))
        given = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await given(self.asked[-1])


@asynccontextmanager
async def stand_in(*answers: Answer) -> AsyncIterator[StandIn]:
    model = StandIn(answers=list(answers))
    app = web.Application()
    app.router.add_post("/v1/chat/completions", model.answer)
    async with TestServer(app) as server:
        model.url = str(server.make_url("/v1"))
        yield model


def completion(text: str, *, tokens: int | None = 100, finish: str = "stop", **message: object) -> web.Response:
    usage = {} if tokens is None else {"usage": {"total_tokens": tokens}}
    choice = {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": finish}
    return web.json_response({"object": "chat.completion", "choices": [choice], **usage})


def saying(*, tokens: int | None = 100, **values: object) -> Answer:
    """The model gives these values."""
    return telling(orjson.dumps(values).decode(), tokens=tokens)


def telling(text: str, *, tokens: int | None = 100, finish: str = "stop", **message: object) -> Answer:
    async def answer(_: dict[str, Any]) -> web.Response:
        return completion(text, tokens=tokens, finish=finish, **message)

    return answer


def status(code: int, text: str = "no", **headers: str) -> Answer:
    async def answer(_: dict[str, Any]) -> web.Response:
        return web.Response(status=code, text=text, headers=headers)

    return answer


async def hang(_: dict[str, Any]) -> web.Response:
    await asyncio.sleep(30)
    return web.Response()
