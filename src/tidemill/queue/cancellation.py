"""Cancellations and brokers' clients: one that a client has swallowed goes on, one that it has made up is none.

Before Python 3.12 `asyncio.wait_for` lets one pass unheeded that comes just when what it waits for is done, and both
clients use it with every command: a task that is to end would go on for ever. And RabbitMQ's client cancels what waits
for an answer when its connection is lost: who waits would end, with its whole process, though nobody has asked it to.
Called by `redis` and `rabbitmq`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def heeded() -> Iterator[None]:
    """Raises `CancelledError` at the end of the block if the task was cancelled in it, whatever became of that there.

    One that came before does not count: who cleans up after it may still use the broker. One that comes although
    nobody has cancelled the task becomes a `ConnectionResetError`.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task is not None else 0
    try:
        yield
    except asyncio.CancelledError as error:
        if task is not None and task.cancelling() <= before:
            raise ConnectionResetError("the client gave up") from error
        raise
    finally:
        if task is not None and task.cancelling() > before:
            raise asyncio.CancelledError
