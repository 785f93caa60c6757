"""Visits and events of PostgreSQL in partitions: a database is cut up while it is used, and old pieces are dropped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from tests.contract.store_house import House, draft, opened_house, stores_on
from tests.contract.test_postgres import ROLES
from tests.contract.test_retention import replayed
from tests.harness.postgres import Server

from tidemill.errors import Invalid, TidemillError
from tidemill.manage import retention as manage
from tidemill.models.run import Run
from tidemill.settings import RetentionSettings
from tidemill.store import events, ledger, months, partitions, runs, schema

SIZE = 10
KEEPS = RetentionSettings(visits_days=20, events_days=20)


@pytest.fixture
async def house(tmp_path: Path, postgres: Server) -> AsyncIterator[House]:
    with stores_on("postgresql"):
        async with opened_house(tmp_path) as house:
            yield house


@pytest.fixture
def begun_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """`begun_in(3)`: runs begin three months from now."""
    number = count()

    def set_month(ahead: int) -> None:
        first = datetime.now(UTC)
        for _ in range(ahead):
            first = months.after(months.month_of(first))
        stem = months.first_run_id(first + timedelta(hours=1))[:13]
        monkeypatch.setattr(runs, "new_id", lambda: f"{stem}-7000-8000-{next(number):012x}")

    return set_month


async def cut(house: House, size: int = SIZE) -> list[str]:
    return await manage.partition(house.store, size=size, ahead=2)


async def retain(house: House) -> manage.Retained:
    return await manage.retain(house.store, KEEPS, size=SIZE)


async def pieces(house: House, table: str) -> list[str]:
    """The partitions of a table that hold something."""
    async with house.store.read() as connection:
        found = await connection.execute(text(f"SELECT DISTINCT tableoid::regclass::text FROM {table} ORDER BY 1"))
        return list(found.scalars())


async def scalar(house: House, statement: str) -> Any:
    async with house.store.write() as connection:
        return await connection.scalar(text(statement))


async def test_what_was_there_stays_where_it_is_and_what_it_was(house: House) -> None:
    run = await house.run({"a": [draft("one")], "b": [draft("one")], "c": 404})
    before, told = await house.outcomes(run), await events.after(house.store, 0, 1000)
    file = await scalar(house, "SELECT pg_relation_filepath('visits')")
    made = await cut(house)
    assert [each.partition("_")[0] for each in made] == ["visits", "visits", "events"], (
        "the next piece of events is still in that of before"
    )
    assert await house.outcomes(run) == before
    assert await events.after(house.store, 0, 1000) == told
    assert await pieces(house, "visits") == ["visits_before"]
    assert await scalar(house, "SELECT pg_relation_filepath('visits_before')") == file, "not one row was copied"
    await schema.ensure_schema(house.store)
    assert await cut(house) == []


async def test_all_that_the_store_does_works_on_partitions(house: House, begun_in: Callable[[int], None]) -> None:
    await cut(house)
    first = await house.run({"a": [draft("one")], "b": [draft("one")], "c": 404})
    begun_in(1)
    second = await house.run({"a": [draft("two")], "b": [draft("one")], "e": [draft("five")]})
    assert first.outcomes == {"stored": 1, "duplicate": 1, "gone": 1}
    assert await house.states() == {"a": "current", "b": "current", "e": "current"}
    assert len(await pieces(house, "visits")) == 2
    assert sum(second.outcomes.values()) == second.discovered == 4
    assert len(await house.outcomes(second)) == 4


async def test_a_page_is_in_a_run_once_and_an_event_has_a_number_of_its_own(
    house: House, begun_in: Callable[[int], None]
) -> None:
    await cut(house)
    for ahead in (0, 1):
        begun_in(ahead)
        run = await house.begin("a", "b")
        await house.lease(run)
        await house.enter(run)  # sees its pages again: they are there already
    async with house.store.read() as connection:
        row = (
            await connection.execute(text("SELECT * FROM visits WHERE run_id = :run LIMIT 1"), {"run": run.id})
        ).one()
    names = ", ".join(row._fields)
    again = f"INSERT INTO visits ({names}) SELECT {names} FROM visits"
    for statement in (again, "INSERT INTO events SELECT * FROM events"):
        with pytest.raises((IntegrityError, TidemillError), match="duplicate key"):
            await scalar(house, f"{statement} RETURNING 1")
    others = ", ".join(each for each in row._fields if each != "page_id")
    nobody = "'00000000-0000-7000-8000-000000000000'"
    stray = f"INSERT INTO visits (page_id, {others}) SELECT {nobody}, {others} FROM visits LIMIT 1 RETURNING 1"
    with pytest.raises((IntegrityError, TidemillError), match="foreign key"):
        await scalar(house, stray)


async def test_a_database_is_cut_up_while_it_is_used(house: House) -> None:
    """Crawls go on, with statements that were prepared before, and every page is accounted for."""
    over = asyncio.Event()
    done: list[Run] = []

    async def crawl() -> None:
        while not over.is_set():
            number = len(done)
            done.append(await house.run({"a": [draft(f"text {number}")], f"p{number}": [draft(f"p {number}")]}))

    crawling = asyncio.create_task(crawl())

    async def two_more() -> None:
        wanted = len(done) + 2
        for _ in range(3000):
            if len(done) >= wanted or crawling.done():
                return
            await asyncio.sleep(0.01)

    await two_more()
    await cut(house, 100)
    await two_more()
    over.set()
    await crawling
    for number, run in enumerate(done):
        assert sum(run.outcomes.values()) == number + 2
    assert await replayed(house.store) == {"a", *(f"p{number}" for number in range(len(done)))}


@pytest.mark.parametrize("step", [1, 2, 3])
async def test_who_is_killed_half_way_leaves_a_database_that_works(
    house: House, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Before the look, after it, in the midst of the exchange: nothing was done, and to give it again does it."""
    await house.run({"a": [draft("one")]})
    steps = count(1)
    run = partitions._run

    async def killed(connection: Any, *statements: str) -> None:
        await run(connection, *statements)
        if any(word in " ".join(statements) for word in ("NOT VALID", "VALIDATE", "PARTITION BY")) and (
            next(steps) == step
        ):
            raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(partitions, "_run", killed)
        with pytest.raises(asyncio.CancelledError):
            await cut(house)
    assert not await partitions.are_cut(house.store)
    assert not await scalar(house, "SELECT count(*) FROM pg_constraint WHERE conname LIKE '%\\_until'")
    await house.run({"b": [draft("two")]})
    assert await cut(house)
    assert await replayed(house.store) == {"a", "b"}


async def test_nobody_who_forgets_the_next_months_stops_a_crawl(house: House, begun_in: Callable[[int], None]) -> None:
    """What falls into no month is kept aside, and moves when its month is made."""
    await cut(house)
    begun_in(9)
    run = await house.run({"a": [draft("one")], "b": [draft("two")]})
    assert await pieces(house, "visits") == ["visits_default"]
    outcomes = await house.outcomes(run)
    now = datetime.now(UTC) + timedelta(days=8.5 * 30.5)
    await partitions.make_ahead(house.store, now, ahead=2, size=SIZE)
    (piece,) = await pieces(house, "visits")
    assert piece.startswith("visits_y")
    assert await house.outcomes(run) == outcomes


async def test_a_month_goes_when_all_of_its_runs_may_and_leaves_their_totals(
    house: House, begun_in: Callable[[int], None]
) -> None:
    await cut(house)
    begun_in(1)
    old = [await house.run({"a": [draft("one")], f"b{n}": [draft("x")], "c": 404}) for n in range(3)]
    begun_in(2)
    unfinished = await house.begin("a")
    house.store.turn_on(30 * 86_400)
    later = await house.run({"a": [draft("two")]})
    (month, other) = await pieces(house, "visits")
    done = await retain(house)
    assert month in done.dropped
    assert other not in done.dropped
    assert await pieces(house, "visits") == [other]
    for run in old:
        found = await runs.get(house.store, run.id)
        assert dict(found.outcomes) == dict(run.outcomes)
        assert found.compacted_at is not None
    assert (await runs.get(house.store, unfinished.id)).compacted_at is None
    assert (await runs.get(house.store, later.id)).outcomes == later.outcomes
    assert [each async for each in ledger.entries(house.store, old[0].id)] == []
    again = await retain(house)
    assert (again.dropped, again.forgotten.runs) == ([], 0)


async def test_old_pieces_of_events_go_and_what_documents_need_stays(house: House) -> None:
    await cut(house)
    for number in range(8):
        await house.run({"a": [draft(f"text {number}")], f"p{number}": [draft(f"p {number}")]})
    whole = await replayed(house.store)
    house.store.turn_on(30 * 86_400)
    for number in range(8, 12):
        await house.run({"a": [draft(f"text {number}")], f"p{number}": [draft(f"p {number}")]})
        await retain(house)
    whole |= {f"p{number}" for number in range(8, 12)}
    assert await replayed(house.store) == whole
    found = await events.after(house.store, 0, 10_000)
    assert [each.id for each in found] == sorted({each.id for each in found})
    kept = {"p0", "p1", "p2"}
    assert kept <= whole
    assert "events_from_10" not in await pieces(house, "events")
    assert "events_before" in await pieces(house, "events")
    assert await events.floor(house.store) >= 19


async def test_a_process_without_rights_to_tables_goes_on(house: House, postgres: Server) -> None:
    """Those who may read and write rows may do so with the pieces that come later, too."""
    url = house.store.url
    await postgres.run(ROLES.read_text(), url, script=True)
    await cut(house)
    await house.run({"a": [draft("one")]})
    granted = "SELECT has_table_privilege('tidemill_app', 'visits', 'INSERT, UPDATE, DELETE') AND"
    assert await scalar(house, f"{granted} has_table_privilege('tidemill_readonly', 'events', 'SELECT')")
    async with house.store.write() as connection:
        await connection.execute(text("SET LOCAL ROLE tidemill_app"))
        await events.append(connection, [events.line("x", house.store.now())])


async def test_a_lease_looks_into_the_month_of_its_run_alone(house: House, begun_in: Callable[[int], None]) -> None:
    await cut(house)
    begun_in(1)
    run = await house.begin("a")
    looked = f"EXPLAIN SELECT * FROM visits WHERE run_id = '{run.id}' AND state = 'pending' ORDER BY depth LIMIT 9"
    async with house.store.read() as connection:
        plan = "\n".join(str(row[0]) for row in await connection.execute(text(looked)))
    assert "visits_y" in plan
    assert "visits_before" not in plan


async def test_sqlite_has_none_and_says_so(tmp_path: Path) -> None:
    async with opened_house(tmp_path) as house:
        if house.store.url.startswith("sqlite"):
            with pytest.raises(Invalid) as told:
                await cut(house)
            assert told.value.reason == "not_partitioned"
