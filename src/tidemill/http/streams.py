"""Answers that go on: server-sent events, files piece by piece, WebSockets. How many, how long silent, how slow.

In: what there is to send, as an asynchronous generator. Out: a response that ends when the client leaves, is too slow
to take it, or the process drains; in each case the generator is closed before it returns. Called by the routes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tidemill.errors import TidemillError
from tidemill.http.problems import Problem, ProblemError
from tidemill.http.scopes import state
from tidemill.settings import StreamsSettings
from tidemill.telemetry.health import Health
from tidemill.telemetry.logs import get_logger
from tidemill.telemetry.metrics import Metrics, Stream

EVENT_STREAM = "text/event-stream"
HEARTBEAT = b": still here\n\n"
_AGAIN_S = 5
_log = get_logger(__name__)

Pieces = AsyncGenerator[bytes | None]
"""What is to be sent; `None` says that there is nothing now, at least once a second."""


class Streams:
    """The streams of one process."""

    def __init__(self, settings: StreamsSettings, health: Health, metrics: Metrics) -> None:
        self.settings = settings
        self._health = health
        self._metrics = metrics
        self._open = 0

    @property
    def is_over(self) -> bool:
        """Whether streams are to end, since the process will."""
        return self._health.is_draining

    @property
    def number(self) -> int:
        """How many there are."""
        return self._open

    @asynccontextmanager
    async def place(self, kind: Stream) -> AsyncIterator[None]:
        """One of the places that there are. Raises a 503 (`too_many_streams`)."""
        if self._open >= self.settings.most:
            detail = f"More than {self.settings.most} streams are open (streams.most); try again in {_AGAIN_S} s."
            raise ProblemError(Problem(503, "too_many_streams", detail, headers=(("Retry-After", str(_AGAIN_S)),)))
        self._open += 1
        try:
            with self._metrics.streaming(kind):
                yield
        finally:
            self._open -= 1

    def events(self, pieces: Pieces) -> Response:
        """Server-sent events. Proxies are told not to hold them back."""
        return _Streamed(self, pieces, {"content-type": EVENT_STREAM, "x-accel-buffering": "no"}, endless=True)

    def file(self, pieces: AsyncGenerator[bytes], headers: Mapping[str, str], status: int = 200) -> Response:
        """A file whose end comes by itself, or a part of one; with a `content-length` if that is known."""
        return _Streamed(self, pieces, headers, endless=False, status=status)


class _Streamed(Response):
    """Sends pieces as they come, and never more than one ahead of the client."""

    def __init__(
        self,
        streams: Streams,
        pieces: AsyncGenerator[Any],
        headers: Mapping[str, str],
        *,
        endless: bool,
        status: int = 200,
    ) -> None:
        super().__init__(status_code=status)
        self._streams = streams
        self._pieces = pieces
        self._endless = endless
        self.raw_headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The whole answer."""
        kind = Stream.EVENTS if self._endless else Stream.EXPORT
        async with self._streams.place(kind), aclosing(self._pieces):
            first = await anext(self._pieces, None)  # what is wrong from the beginning is told as a problem
            state(scope)["is_stream"] = True
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if scope["method"] == "HEAD":
                await send({"type": "http.response.body", "body": b""})
                return
            await _while_there(receive, self._sending(first, send))

    async def _sending(self, first: bytes | None, send: Send) -> None:
        settings = self._streams.settings
        loop = asyncio.get_running_loop()
        began_at = sent_at = loop.time()

        async def pass_on(piece: bytes) -> None:
            nonlocal sent_at
            async with asyncio.timeout(settings.send_timeout_s):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            sent_at = loop.time()

        try:
            if first:
                await pass_on(first)
            async for piece in self._pieces:
                if piece:
                    await pass_on(piece)
                elif self._endless and loop.time() - sent_at >= settings.heartbeat_s:
                    await pass_on(HEARTBEAT)
                if self._endless and (self._streams.is_over or loop.time() - began_at > settings.longest_s):
                    break  # who comes again shows anew that they may
        except TimeoutError:
            _log.info("a client was too slow", action="http.slow_client", after_s=settings.send_timeout_s)
            raise ConnectionResetError("the client did not take what it had asked for") from None
        except TidemillError as error:
            if not self._endless:
                raise  # the connection breaks: half a file must not look like a whole one
            _log.warning("a stream ended", action="http.stream", reason=error.reason, error=str(error))
        await send({"type": "http.response.body", "body": b""})


async def _while_there(receive: Receive, work: Any) -> None:
    """Do the work until it is done or the client has left."""
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            await working
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] not in ("http.disconnect", "websocket.disconnect"):
        pass


def event_of(kind: str | None, body: bytes, cursor: str | None = None) -> bytes:
    """One server-sent event; without a kind only the place to go on from. `body` is JSON, so it is of one line."""
    lines = [b"id: " + cursor.encode()] if cursor is not None else []
    if kind is not None:
        lines += [b"event: " + kind.encode(), b"data: " + body]
    return b"\n".join(lines) + b"\n\n"
