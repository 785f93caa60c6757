"""A hand-made ASGI request: what a server would pass to the layers, and what they answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass(frozen=True)
class Answered:
    """An answer; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


def scope_of(
    method: str = "GET",
    path: str = "/",
    headers: Mapping[str, str] | None = None,
    query: str = "",
    scheme: str = "http",
) -> dict[str, Any]:
    """The scope of a request."""
    given = {"host": "127.0.0.1:8000"} | dict(headers or {})
    return {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "scheme": scheme,
        "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
    }


async def ask(app: ASGIApp, scope: Scope | None = None, body: Sequence[bytes] = (b"",)) -> Answered:
    """Send one request, its body in these chunks, and gather the answer."""
    waiting = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in body]
    waiting[-1]["more_body"] = False
    sent: list[Message] = []

    async def receive() -> Message:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope or scope_of(), receive, send)
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Answered(sent[0]["status"], headers, b"".join(message["body"] for message in sent[1:]))


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads the body and answers with it."""
    got = b""
    while True:
        message = await receive()
        got += message.get("body", b"")
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": got})


def raising(error: BaseException, *, after: Sequence[Message] = ()) -> ASGIApp:
    """An application that sends these messages, then raises."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in after:
            await send(message)
        raise error

    return app
