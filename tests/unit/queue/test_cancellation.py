"""Cancellations that a client swallows, and those that it makes up."""

from __future__ import annotations

import asyncio

import pytest

from tidemill.queue.cancellation import heeded


async def test_what_the_client_cancels_is_a_lost_connection() -> None:
    answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    answer.cancel()
    with pytest.raises(ConnectionResetError), heeded():
        await answer


async def test_who_is_cancelled_ends() -> None:
    async def asking() -> None:
        with heeded():
            await asyncio.sleep(60)

    task = asyncio.create_task(asking())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_time_limit_inside_is_no_lost_connection() -> None:
    with pytest.raises(TimeoutError), heeded():
        async with asyncio.timeout(0.01):
            await asyncio.sleep(60)
