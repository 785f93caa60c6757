"""One WebSocket that tells: how it is opened, how it ends when the client leaves, is too slow, or the process drains.

In: a socket that has passed the layers. Out: a line to send messages on; whatever the client sends is passed over. In
whatever way the block ends, the socket is closed and nothing is left behind. Called by the routes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import orjson
from starlette.websockets import WebSocket, WebSocketDisconnect

from tidemill.http.problems import Problem, ProblemError
from tidemill.http.streams import Streams
from tidemill.telemetry.logs import get_logger
from tidemill.telemetry.metrics import Stream

_NORMAL, _RESTART, _REFUSED, _LATER, _SLOW = 1000, 1012, 1008, 1013, 1008
_log = get_logger(__name__)


class Socket:
    """`streams` says how many there may be, and how slow."""

    def __init__(self, socket: WebSocket, streams: Streams) -> None:
        self._socket = socket
        self._streams = streams
        self._leaving: asyncio.Task[None] | None = None
        self._code = _NORMAL
        self._reason = ""
        self._began_at = time.monotonic()

    @property
    def is_over(self) -> bool:
        """Whether nobody listens any more, it has lasted long enough, or the process is to end."""
        is_old = time.monotonic() - self._began_at > self._streams.settings.longest_s
        return is_old or self._streams.is_over or self._leaving is None or self._leaving.done()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Socket]:
        """Open for as long as the block runs; refused with 1013 if there are too many."""
        try:
            async with self._streams.place(Stream.SOCKET):
                await self._socket.accept()
                self._leaving = asyncio.create_task(self._left(), name="a socket's client")
                try:
                    yield self
                except (WebSocketDisconnect, ConnectionError):
                    return  # the client is gone, which is no error
                finally:
                    await self._close()
        except ProblemError as error:
            await self._socket.close(_LATER, error.problem.reason)

    async def send(self, message: bytes) -> None:
        """One message of text. Raises `ConnectionError` for a client that does not take it in time."""
        settings = self._streams.settings
        try:
            async with asyncio.timeout(settings.send_timeout_s):
                await self._socket.send_text(message.decode())
        except TimeoutError:
            _log.info("a client was too slow", action="http.slow_client", after_s=settings.send_timeout_s)
            self._code, self._reason = _SLOW, "too_slow"
            raise ConnectionResetError("the client did not take what it had asked for") from None
        except RuntimeError as error:  # what the server says when the client left meanwhile
            raise ConnectionResetError(str(error)) from error

    async def refuse(self, problem: Problem) -> None:
        """Say what is wrong, and close."""
        await self.send(b'{"event":"problem","problem":' + problem.body(None) + b"}")
        self._code, self._reason = _REFUSED, problem.reason

    async def _close(self) -> None:
        has_left, is_cut = self._leaving is None or self._leaving.done(), self.is_over
        if self._leaving is not None:
            self._leaving.cancel()
            await asyncio.gather(self._leaving, return_exceptions=True)
        if is_cut and self._code == _NORMAL:
            self._code, self._reason = _RESTART, "draining" if self._streams.is_over else "too_old"
        if not has_left:
            with suppress(RuntimeError, ConnectionError, TimeoutError):
                async with asyncio.timeout(1):
                    await self._socket.close(self._code, self._reason)

    async def _left(self) -> None:
        while (await self._socket.receive())["type"] != "websocket.disconnect":
            pass


def token_in(text: str | None) -> str | None:
    """The credential in a first message, `{"token": "…"}`; `None` if it is none."""
    try:
        given = orjson.loads(text or "")
    except orjson.JSONDecodeError:
        return None
    token = given.get("token") if isinstance(given, dict) else None
    return token if isinstance(token, str) and token else None
