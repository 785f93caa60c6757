"""Answers that are given again: whole bodies, from before their route is asked.

In: requests of routes that are worth it. Out: an answer kept for the same question, asked of the same state of the
index by somebody who may see the same, with its `Age`; else the route's own, kept for the next. Whoever asks while the
same answer is being made waits for it. A state that nobody can vouch for, or an answer that is stale already, is never
kept.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from hashlib import sha256
from typing import Protocol
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tidemill.http.scopes import RawHeaders, caller, header, state
from tidemill.limits.base import AnswerCache
from tidemill.models.account import Caller
from tidemill.telemetry.metrics import Metrics

_VERSION = "1"
_JITTER = 0.1
_LARGEST = 1024 * 1024
_LONGEST_QUERY = 4096
_MARK = b'"age_s":'
_FRESH = _MARK + b"0.0"
_STAMP_BYTES = 8


class Source(Protocol):
    """Who knows the routes whose answers are kept. Their paths have no parameters."""

    def keeps(self, path: str) -> bool:
        """Whether answers of this path are kept."""

    async def generation(self) -> str | None:
        """The state that an answer given now would be given from; `None` if nobody can say: nothing is kept then."""

    def given_again(self, path: str, parameters: list[tuple[str, str]], body: bytes, seconds: float) -> None:
        """An answer was given again, for what the route itself counts."""


class AnswerCaching:
    """The layer around the routes. `ttl_s` is how long an answer is kept at most."""

    def __init__(
        self,
        app: ASGIApp,
        cache: AnswerCache,
        source: Source,
        ttl_s: float,
        metrics: Metrics,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._app = app
        self._cache = cache
        self._source = source
        self._ttl_s = ttl_s
        self._metrics = metrics
        self._now = now
        self._being_made: dict[str, asyncio.Event] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; anything else is passed on as it is."""
        if not self._ttl_s or scope["type"] != "http" or scope["method"] != "GET" or not self._is_kept(scope):
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        generation = await self._source.generation()
        if generation is None:
            self._metrics.count_cached("bypass")
            await self._app(scope, receive, send)
            return
        parameters = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        key = _key(scope["path"], parameters, generation, caller(scope))
        kept = await self._found(key)
        if kept is None:
            await self._make(key, scope, receive, send)
            return
        self._metrics.count_cached("hit")
        state(scope)["route"] = scope["path"]
        stamp, body = kept[:_STAMP_BYTES], kept[_STAMP_BYTES:]
        age_s = max(0.0, self._now() - int.from_bytes(stamp) / 1000)
        await _send(send, _aged(body, age_s), age_s)
        self._source.given_again(scope["path"], parameters, body, time.perf_counter() - began)

    def _is_kept(self, scope: Scope) -> bool:
        if not self._source.keeps(scope["path"]) or len(scope["query_string"]) > _LONGEST_QUERY:
            return False
        return "no-cache" not in (header(scope, b"cache-control") or "").lower()

    async def _found(self, key: str) -> bytes | None:
        """What is kept; if it is just being made, what that comes to."""
        found = await self._cache.get(key)
        if found is None and (making := self._being_made.get(key)) is not None:
            await making.wait()
            found = await self._cache.get(key)
        return found

    async def _make(self, key: str, scope: Scope, receive: Receive, send: Send) -> None:
        self._metrics.count_cached("miss")
        is_first = key not in self._being_made
        made = self._being_made.setdefault(key, asyncio.Event())
        answer = _Listened(send)
        try:
            await self._app(scope, receive, answer.sending)
            body = answer.body()
            if body is not None:
                stamp = int(self._now() * 1000).to_bytes(_STAMP_BYTES)
                ttl_s = self._ttl_s * (1 - _JITTER * random.random())  # noqa: S311 - so that not all expire at once
                await self._cache.put(key, stamp + body, ttl_s)
        finally:
            if is_first:
                self._being_made.pop(key, None)
                made.set()


class _Listened:
    """Passes an answer on, and remembers it if it is one to keep: whole, with success, and not stale."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._is_good = False
        self._body = b""

    async def sending(self, message: Message) -> None:
        """One message of the route."""
        if message["type"] == "http.response.start":
            given = dict(message.get("headers", ()))
            is_json = given.get(b"content-type", b"").startswith(b"application/json")
            self._is_good = message["status"] == 200 and is_json and b"age" not in given
        elif message["type"] != "http.response.body" or message.get("more_body") or self._body:
            self._is_good = False
        else:
            self._body = message.get("body", b"")
        await self._send(message)

    def body(self) -> bytes | None:
        """What is to be kept. An answer that is as old as it says is not what the index says now."""
        is_fresh = self._is_good and _FRESH in self._body and len(self._body) <= _LARGEST
        return self._body if is_fresh else None


def _key(path: str, parameters: list[tuple[str, str]], generation: str, who: Caller) -> str:
    """The order of parameters does not matter, but that of one name's values does."""
    visible = f"{who.role}:{','.join(sorted(who.scopes))}"
    parts = [_VERSION, path, generation, visible]
    parts += [f"{len(name)}:{name}={value}" for name, value in sorted(parameters, key=lambda pair: pair[0])]
    return sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _aged(body: bytes, age_s: float) -> bytes:
    """The body says how old it is as the header does. A text within it cannot hold the mark: its quotes are escaped."""
    head, _, tail = body.rpartition(_FRESH)
    return b"%b%b%.3f%b" % (head, _MARK, age_s, tail)


async def _send(send: Send, body: bytes, age_s: float) -> None:
    headers: RawHeaders = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"age", str(int(age_s)).encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
