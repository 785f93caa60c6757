"""Answers in zstd or gzip for those who take them: text above a size, whole answers to GET only.

Never streams (their pieces would wait for each other), never metrics, and never the answers to requests that change
something, which are where keys and tokens are given out (BREACH). An `ETag` gets the coding's name, as the bytes are
others, and loses it again when it comes back.
"""

from __future__ import annotations

import asyncio
import gzip
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from backports import zstd
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tidemill.http.cors import merged
from tidemill.http.scopes import RawHeaders, header

_TYPES = re.compile(
    rb"(?:text/(?!event-stream)[a-z0-9.+-]+|image/svg\+xml|"
    rb"application/(?:[a-z0-9.-]+\+)?(?:json|xml|javascript|x-ndjson|jsonl|yaml))\s*(?:;|\Z)",
    re.IGNORECASE,
)
_NEVER = frozenset({"/metrics"})
_ZSTD_LEVEL = 3
_IN_A_THREAD = 65_536
_MOST_GATHERED = 4 * 1024 * 1024
_MOST_PIECES = 20
_OURS = re.compile(rb'-(?:gzip|zstd)"')
_VARY = (b"vary", b"Accept-Encoding")


class Compression:
    """`min_bytes` is the shortest body that is compressed, `level` gzip's."""

    def __init__(self, app: ASGIApp, min_bytes: int, level: int) -> None:
        self._app = app
        self._min_bytes = min_bytes
        self._compress: Mapping[str, Callable[[bytes], bytes]] = MappingProxyType(
            {
                "zstd": lambda body: zstd.compress(body, _ZSTD_LEVEL),
                "gzip": lambda body: gzip.compress(body, level, mtime=0),
            }
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; anything else is passed on as it is."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        known = _forget_codings(scope)
        if scope["method"] not in ("GET", "HEAD") or scope["path"] in _NEVER:
            await self._app(scope, receive, send)
            return
        coding = chosen_coding(header(scope, b"accept-encoding") or "")
        body_of = self._compress.get(coding) if scope["method"] == "GET" else None
        await self._app(scope, receive, _Answer(send, coding, body_of, self._min_bytes, known).sending)


class _Answer:
    """Holds back the head of an answer until it is known whether the body is there whole."""

    def __init__(
        self, send: Send, coding: str, compress: Callable[[bytes], bytes] | None, min_bytes: int, known: bytes
    ) -> None:
        self._send = send
        self._coding = coding
        self._compress = compress
        self._min_bytes = min_bytes
        self._known = known
        self._start: Message | None = None
        self._gathered: list[bytes] = []

    async def sending(self, message: Message) -> None:
        """One message of the application."""
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            if message["status"] == 304:
                message["headers"] = headers = [_as_known(pair, self._known) for pair in headers]
            if _is_compressible(headers):
                message["headers"] = merged(headers, [_VARY])
                if self._compress is not None and message["status"] not in (204, 206, 304):
                    self._start = message
                    return
            await self._send(message)
        elif self._start is None:
            await self._send(message)
        else:
            await self._body(message, self._start)

    async def _body(self, message: Message, start: Message) -> None:
        if message["type"] == "http.response.pathsend" and _declared(start["headers"]) <= _MOST_GATHERED:
            body = await asyncio.to_thread(Path(message["path"]).read_bytes)
            message = {"type": "http.response.body", "body": body}
        if message["type"] == "http.response.body":
            self._gathered.append(message.get("body", b""))
            if not message.get("more_body", False):
                body = b"".join(self._gathered)
                start, body = await self._compressed(start, body)
                await self._flush(start, {**message, "body": body})
                return
            if _declared(start["headers"]) <= _MOST_GATHERED:
                return
            message = {**message, "body": b"".join(self._gathered)}
        await self._flush(start, message)  # a stream goes on as it comes

    async def _flush(self, start: Message, message: Message) -> None:
        self._start = None
        await self._send(start)
        await self._send(message)

    async def _compressed(self, start: Message, body: bytes) -> tuple[Message, bytes]:
        if len(body) < self._min_bytes or self._compress is None:
            return start, body
        small = self._compress(body) if len(body) < _IN_A_THREAD else await asyncio.to_thread(self._compress, body)
        if len(small) >= len(body):
            return start, body
        headers = [_renamed(pair, self._coding) for pair in start["headers"] if pair[0] != b"content-length"]
        headers += [
            (b"content-encoding", self._coding.encode()),
            (b"content-length", str(len(small)).encode()),
        ]
        return {**start, "headers": headers}, small


@lru_cache(maxsize=256)
def chosen_coding(accepted: str) -> str:
    """`zstd` or `gzip`, whichever the caller likes better (zstd of equals), or empty (RFC 9110, section 12.5.3)."""
    weights: dict[str, float] = {}
    for each in accepted.lower().split(",")[:_MOST_PIECES]:
        name, *parameters = (part.strip() for part in each.split(";"))
        weights[name] = _weight(parameters)
    anything = weights.get("*", 0.0)
    best = max(("zstd", "gzip"), key=lambda name: weights.get(name, anything))
    return best if weights.get(best, anything) > 0 else ""


def _weight(parameters: list[str]) -> float:
    text = next((each[2:] for each in parameters if each.startswith("q=")), "1")
    try:
        return float(text)
    except ValueError:
        return 0.0


def _is_compressible(headers: RawHeaders) -> bool:
    given = dict(headers)
    if b"no-transform" in given.get(b"cache-control", b""):
        return False  # a file whose length and hash were told
    return b"content-encoding" not in given and _TYPES.match(given.get(b"content-type", b"")) is not None


def _declared(headers: RawHeaders) -> int:
    """The length that was announced; of a stream none is, and it counts as endless."""
    text = dict(headers).get(b"content-length", b"")
    return int(text) if text.isdigit() else _MOST_GATHERED + 1


def _renamed(pair: tuple[bytes, bytes], coding: str) -> tuple[bytes, bytes]:
    name, value = pair
    if name == b"etag" and not value.startswith(b"W/") and value.endswith(b'"'):
        return name, value[:-1] + b"-" + coding.encode() + b'"'
    return pair


def _forget_codings(scope: Scope) -> bytes:
    """A validator comes back as the application gave it out; gives what `If-None-Match` said before."""
    conditions = (b"if-match", b"if-none-match", b"if-range")
    known = b""
    if any(name in conditions for name, _ in scope["headers"]):
        known = b",".join(value for name, value in scope["headers"] if name == b"if-none-match")
        scope["headers"] = [
            (name, _OURS.sub(b'"', value) if name in conditions else value) for name, value in scope["headers"]
        ]
    return known


def _as_known(pair: tuple[bytes, bytes], known: bytes) -> tuple[bytes, bytes]:
    """The validator of what has not changed, by the name under which the caller knows it."""
    name, value = pair
    if name != b"etag" or value in known:
        return pair
    coded = (value[:-1] + b"-" + coding + b'"' for coding in (b"zstd", b"gzip"))
    return name, next((each for each in coded if each in known), value)
