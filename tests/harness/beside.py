"""Servers of a test's own: in a thread beside it, or in its loop. What they are at work on ends with them.

`serve` is what asyncio calls for each connection; it keeps the tasks of those that are open in `tasks`.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

PATIENCE_S = 30.0
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Tasks = set[asyncio.Task[None]]


@contextmanager
def beside(
    name: str, loop: asyncio.AbstractEventLoop, listeners: Sequence[socket.socket], serve: Serve, tasks: Tasks
) -> Iterator[None]:
    """Serve these sockets in a thread with that loop, until the block ends."""
    up, down = threading.Event(), asyncio.Event()

    def main() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(_until(down, up, listeners, serve, tasks))

    thread = threading.Thread(target=main, name=name)
    thread.start()
    try:
        assert up.wait(PATIENCE_S), f"the {name} did not start"
        yield
    finally:
        loop.call_soon_threadsafe(down.set)
        thread.join(PATIENCE_S)


@asynccontextmanager
async def within(serve: Serve, tasks: Tasks, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve a free port of loopback in this loop, until the block ends; gives the port."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await _end(tasks)
        await server.wait_closed()


async def _until(
    down: asyncio.Event, up: threading.Event, listeners: Sequence[socket.socket], serve: Serve, tasks: Tasks
) -> None:
    servers = [await asyncio.start_server(serve, sock=each) for each in listeners]
    up.set()
    await down.wait()
    for server in servers:
        server.close()
    await _end(tasks)


async def _end(tasks: Tasks) -> None:
    for task in tuple(tasks):
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
