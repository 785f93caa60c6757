"""A WebSocket's credential in its first message, for clients that cannot send headers: browsers.

In: a socket that presented nothing. Out: what its first message says, and `receive` and `send` with which the
application sees a socket that nobody has opened yet. Called by `auth.py`.
"""

from __future__ import annotations

import asyncio

from starlette.types import Message, Receive, Send

from tidemill.http.sockets import token_in

FIRST_MESSAGE_S = 10.0
MOST_WAITING = 100


class Introductions:
    """Sockets that have not said yet who they are; so many at a time, since anybody may open one."""

    def __init__(self) -> None:
        self._waiting = 0

    async def hear(self, receive: Receive, send: Send) -> tuple[str | None, Receive, Send]:
        """Open the socket and wait for its first message. Without a credential, the first of the three is `None`."""
        if self._waiting >= MOST_WAITING:
            return None, receive, send
        connect = await receive()
        self._waiting += 1
        try:
            await send({"type": "websocket.accept"})
            async with asyncio.timeout(FIRST_MESSAGE_S):
                first = await receive()
        except TimeoutError:
            first = {"type": "websocket.disconnect"}
        finally:
            self._waiting -= 1
        return token_in(first.get("text")), _once(connect, receive), _unless_accepted(send)


def _once(connect: Message, receive: Receive) -> Receive:
    """`receive` that first gives the opening again."""
    waiting = [connect]

    async def receiving() -> Message:
        return waiting.pop() if waiting else await receive()

    return receiving


def _unless_accepted(send: Send) -> Send:
    """`send` for a socket that was accepted already."""

    async def sending(message: Message) -> None:
        if message["type"] != "websocket.accept":
            await send(message)

    return sending
