"""A unit of work: all writes inside are one transaction, a part that fails is undone alone, who outlives it is free."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import insert
from tests.contract.store_house import opened_store

from tidemill.errors import NotFound
from tidemill.store import notes
from tidemill.store.engine import Store
from tidemill.store.tables import meta
from tidemill.store.unit import Undone, unit


@pytest.fixture
async def store(tmp_path: Path, database: str) -> AsyncIterator[Store]:
    async with opened_store(tmp_path / "t.db") as opened:
        yield opened


async def put(store: Store, name: str, value: str) -> None:
    async with store.write() as connection:
        await connection.execute(insert(meta).values(key=name, value=value))


async def seen(store: Store, *names: str) -> list[str | None]:
    """What whoever asks sees of these notes."""
    return [await notes.get(store, name) for name in names]


async def test_what_is_written_is_read_inside_and_by_others_at_the_end(store: Store) -> None:
    looking = asyncio.Event()
    looked = asyncio.Event()
    found: list[list[str | None]] = []

    async def stranger() -> None:
        await looking.wait()
        found.append(await seen(store, "a", "b"))
        looked.set()

    other = asyncio.create_task(stranger())
    async with unit(store) as work:
        assert not work.has_written
        assert await notes.get(store, "a") is None
        await put(store, "a", "1")
        await put(store, "b", "2")
        assert await seen(store, "a", "b") == ["1", "2"]
        looking.set()
        await looked.wait()
    await other
    assert found == [[None, None]]
    assert await seen(store, "a", "b") == ["1", "2"]


async def test_an_error_undoes_all_of_it(store: Store) -> None:
    async def failing() -> None:
        async with unit(store):
            await put(store, "a", "1")
            await put(store, "b", "2")
            raise NotFound("no more")

    with pytest.raises(NotFound, match="no more"):
        await failing()
    async with unit(store):
        await put(store, "c", "3")
        raise Undone
    assert await seen(store, "a", "b", "c") == [None, None, None]
    await put(store, "d", "4")
    assert await seen(store, "d") == ["4"]


async def test_being_cancelled_undoes_all_of_it(store: Store) -> None:
    begun = asyncio.Event()

    async def slow() -> None:
        async with unit(store):
            await put(store, "a", "1")
            begun.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(slow())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await put(store, "b", "2")
    assert await seen(store, "a", "b") == [None, "2"]


async def test_a_part_that_fails_is_undone_alone(store: Store) -> None:
    async def failing() -> None:
        async with store.write() as connection:
            await connection.execute(insert(meta).values(key="b", value="2"))
            raise ValueError("in the middle")

    async with unit(store):
        await put(store, "a", "1")
        with pytest.raises(ValueError, match="in the middle"):
            await failing()
        await put(store, "c", "3")
    assert await seen(store, "a", "b", "c") == ["1", None, "3"]


@pytest.mark.parametrize("is_undone", [False, True])
async def test_a_task_that_is_begun_inside_writes_for_itself(store: Store, is_undone: bool) -> None:
    async with unit(store):
        await put(store, "a", "1")
        task = asyncio.create_task(put(store, "late", "1"))
        await asyncio.sleep(0.05)
        if is_undone:
            raise Undone
    await task
    assert await seen(store, "a", "late") == [None if is_undone else "1", "1"]


async def test_units_of_several_tasks_do_not_meet(store: Store) -> None:
    async def one(number: int) -> None:
        async with unit(store):
            await put(store, f"n{number}", "x")
            if number % 2:
                raise Undone

    await asyncio.gather(*(one(number) for number in range(10)))
    found = await seen(store, *(f"n{number}" for number in range(10)))
    assert found == ["x", None] * 5
