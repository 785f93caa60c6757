"""Processes that share a PostgreSQL hear of each other's captures at once, and of a lost connection nothing comes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.contract.store_house import House, opened_house, stores_on
from tests.harness.postgres import Server

from tidemill.queue.database import DatabaseQueue
from tidemill.store.pool import pool_states

LONG_S = 20.0


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has lost its connection tries again at once."""
    monkeypatch.setattr("tidemill.store.notices._AGAIN_S", 0.0)


@pytest.fixture
async def house(tmp_path: Path, postgres: Server) -> AsyncIterator[House]:
    with stores_on("postgresql"):
        async with opened_house(tmp_path) as house:
            yield house


@pytest.fixture
async def queue(house: House) -> AsyncIterator[DatabaseQueue]:
    queue = DatabaseQueue(house.store)
    await queue.wait(0.01)  # it listens from now on, and what was told before is over
    yield queue
    await queue.close()


async def waited_s(queue: DatabaseQueue, *captures: str, announcer: DatabaseQueue) -> float:
    """How long it waits for captures that the other announces in a moment."""
    begun = time.monotonic()
    waiting = asyncio.create_task(queue.wait(LONG_S))
    await asyncio.sleep(0.05)
    await announcer.announce(captures)
    await waiting
    return time.monotonic() - begun


async def test_who_waits_is_told(house: House, queue: DatabaseQueue) -> None:
    other = DatabaseQueue(house.store)
    assert await waited_s(queue, "some capture", announcer=other) < LONG_S / 2
    begun = time.monotonic()
    await queue.wait(0.2)
    assert time.monotonic() - begun >= 0.2  # once


async def test_what_is_told_between_two_waits_is_heard(house: House, queue: DatabaseQueue) -> None:
    await DatabaseQueue(house.store).announce(["some capture"])
    await asyncio.sleep(0.2)
    begun = time.monotonic()
    await queue.wait(LONG_S)
    assert time.monotonic() - begun < LONG_S / 2


async def test_a_connection_that_is_cut_is_replaced(house: House, queue: DatabaseQueue, postgres: Server) -> None:
    await postgres.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
    await asyncio.sleep(0.2)
    await queue.wait(0.01)
    assert await waited_s(queue, "some capture", announcer=DatabaseQueue(house.store)) < LONG_S / 2


async def test_listening_takes_one_connection_of_the_pool_and_gives_it_back(house: House) -> None:
    engines = {"writer": house.store.writer, "reader": house.store.reader}
    queue = DatabaseQueue(house.store)
    before = pool_states(engines)
    assert list(before) == ["writer"]  # one pool for both
    await queue.wait(0.01)
    assert pool_states(engines)["writer"].checked_out == before["writer"].checked_out + 1
    assert pool_states(engines)["writer"].taken > before["writer"].taken
    await queue.close()
    assert pool_states(engines)["writer"].checked_out == before["writer"].checked_out
