"""The queue of the version before: what waited is carried over, and what its processes still do is taken over."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, select, update
from tests.contract.store_house import House, draft, opened_house

from tidemill.models.ids import new_id
from tidemill.store import schema, workers
from tidemill.store.tables import captures, waiting


@pytest.fixture
async def house(tmp_path: Path, database: str) -> AsyncIterator[House]:
    """Four captures wait."""
    async with opened_house(tmp_path) as house:
        run = await house.begin(*"abcd")
        await house.record(*[house.captured(visit, body=visit.url) for visit in await house.lease(run)])
        yield house


def downgrade(connection: Connection) -> None:
    """To the version before the queue had a table of its own."""
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.downgrade(config, _before())


def _before() -> str:
    text = next((Path(schema.__file__).parent / "migrations" / "versions").glob("0010_*.py")).read_text()
    return text.partition('down_revision = "')[2].partition('"')[0]


async def change(house: House, path: str, **values: object) -> None:
    """As a process of the version before writes it."""
    async with house.store.write() as connection:
        await connection.execute(update(captures).where(captures.c.page_id == house.page(path)).values(values))


async def queue(house: House) -> dict[str, tuple[int, str]]:
    """How often each page that waits has failed, and its priority."""
    columns = (captures.c.url, waiting.c.attempts, waiting.c.priority)
    statement = select(*columns).join(waiting, waiting.c.capture_id == captures.c.id)
    async with house.store.read() as connection:
        rows = (await connection.execute(statement)).all()
    return {url[-1]: (attempts, priority) for url, attempts, priority in rows}


async def test_what_waited_waits_with_all_that_was_known_of_it(house: House) -> None:
    async with house.store.write() as connection:
        await connection.run_sync(downgrade)
    later = house.store.now() + timedelta(hours=1)
    await change(house, "a", attempts=2, priority="high", not_before=later)
    await change(house, "b", state="processed")
    await change(house, "c", state="claimed", token=new_id(), worker_id=house.worker.id)
    await schema.ensure_schema(house.store)
    assert await queue(house) == {"a": (2, "high"), "d": (0, "medium")}
    assert [each.url[-1] for each in (await house.claim())[1]] == ["d"]
    house.store.turn_on(3601)
    assert [(each.url[-1], each.attempts) for each in (await house.claim())[1]] == [("a", 2)]


async def test_the_way_back_keeps_what_waits(house: House) -> None:
    await house.claim(1)
    async with house.store.write() as connection:
        await connection.run_sync(downgrade)
        state = select(captures.c.url, captures.c.state).order_by(captures.c.url)
        states = {url[-1]: state for url, state in await connection.execute(state)}
    assert states == dict.fromkeys("abcd", "pending")
    await schema.ensure_schema(house.store)
    assert (await queue(house)).keys() == set("abcd")


async def test_what_processes_of_the_version_before_leave_behind_is_taken_over(house: House) -> None:
    await house.process({path: [draft(path)] for path in "abcd"})
    await change(house, "a", state="pending")  # by a crawler
    await change(house, "b", state="claimed", token=new_id(), worker_id=house.worker.id)  # by one that lives
    await change(house, "c", state="claimed", token=new_id(), worker_id=new_id())  # by one that has died
    assert await queue(house) == {}
    await workers.reclaim(house.store, 3600, house.worker)
    assert await queue(house) == {"a": (0, "medium"), "c": (1, "medium")}
    await workers.reclaim(house.store, 3600, house.worker)
    assert await queue(house) == {"a": (0, "medium"), "c": (1, "medium")}, "once"
