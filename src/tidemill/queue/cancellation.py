"""A cancellation that a broker's client has swallowed goes on.

Before Python 3.12 `asyncio.wait_for` lets one pass unheeded that comes just when what it waits for is done, and both
clients use it with every command: a task that is to end would go on for ever. Called by `redis` and `rabbitmq`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def heeded() -> Iterator[None]:
    """Raises `CancelledError` at the end of the block if the task was cancelled in it, whatever became of that there.

    One that came before does not count: who cleans up after it may still use the broker.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task is not None else 0
    try:
        yield
    finally:
        if task is not None and task.cancelling() > before:
            raise asyncio.CancelledError
