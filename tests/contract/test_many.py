"""Many rows by the short way are what they are by SQLAlchemy's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import bindparam, insert, select, text, update
from tests.contract.store_house import House, draft, opened_house

from tidemill.models.ids import new_id
from tidemill.store.many import execute_many, execute_plain
from tidemill.store.tables import jobs, leaders, signatures

_INSERT = insert(jobs)
_END = (
    update(jobs)
    .where(jobs.c.id == bindparam("b_id"), jobs.c.state == "pending")
    .values(state="done", finished_at=bindparam("b_at"), progress=bindparam("b_progress"))
)


@pytest.fixture
async def house(tmp_path: Path, database: str) -> AsyncIterator[House]:
    async with opened_house(tmp_path) as house:
        yield house


def rows(count: int) -> list[dict[str, Any]]:
    made = datetime(2026, 11, 23, 12, tzinfo=timezone(timedelta(hours=5)))
    odd = ({"a": ["ü", None, 1.5]}, [], "text", 2**70)
    return [
        {
            "id": new_id(),
            "team_id": None,
            "kind": "export",
            "state": "pending",
            "request": odd[n % 4],
            "progress": {},
            "created_at": made + timedelta(seconds=n),
            "error": None if n % 2 else "ö' \"; --",
        }
        for n in range(count)
    ]


async def raw(house: House) -> list[tuple[Any, ...]]:
    async with house.store.read() as connection:
        return [tuple(row) for row in await connection.execute(text("SELECT * FROM jobs ORDER BY id"))]


async def test_plain_rows_are_stored_whatever_the_order_of_their_names(house: House) -> None:
    await house.run({"a": [draft("x")]})
    async with house.store.write() as connection:
        number = (await connection.execute(select(leaders.c.number))).scalar_one()
        await execute_plain(connection, insert(signatures), ("sketch", "number", "bucket"), [(b"s", number, 7)])
        await execute_plain(connection, insert(signatures), ("bucket", "number", "sketch"), [(8, number, b"t")])
        stored = (await connection.execute(select(signatures).where(signatures.c.number == number))).all()
    assert sorted(row for row in stored if row.bucket < 9) == [(7, number, b"s"), (8, number, b"t")]


@pytest.mark.parametrize("count", [1, 9, 31, 32, 33, 100])
async def test_rows_are_stored_as_by_the_long_way(house: House, count: int) -> None:
    given = rows(count)
    async with house.store.write() as connection:
        await execute_many(connection, _INSERT, given)
    short = await raw(house)
    async with house.store.write() as connection:
        await connection.execute(text("DELETE FROM jobs"))
        await connection.execute(insert(jobs), given)
    assert short == await raw(house)


async def test_what_a_statement_says_itself_is_said_in_each_row(house: House) -> None:
    given = rows(3)
    ended = [{"b_id": row["id"], "b_at": datetime(2026, 11, 24, tzinfo=UTC), "b_progress": [1]} for row in given[:2]]
    async with house.store.write() as connection:
        await execute_many(connection, _INSERT, given)
        await execute_many(connection, _END, ended)
    async with house.store.read() as connection:
        found = (await connection.execute(select(jobs.c.state, jobs.c.progress).order_by(jobs.c.id))).all()
    assert [tuple(row) for row in found] == [("done", [1]), ("done", [1]), ("pending", {})]


async def test_an_update_of_rows_told_apart_by_a_key_is_what_it_is_row_by_row(house: House) -> None:
    given = rows(4)
    texts = ("ü", "'; --", "done")
    ended = [
        {"b_id": row["id"], "b_at": datetime(2026, 11, 24, second=n, tzinfo=UTC), "b_progress": {"at": texts[n]}}
        for n, row in enumerate(given[:3])
    ]
    found = []
    for key in (None, "b_id"):
        async with house.store.write() as connection:
            await connection.execute(text("DELETE FROM jobs"))
            await execute_many(connection, _INSERT, given)
            await execute_many(connection, _END, ended, key=key)
        found.append(await raw(house))
    assert found[0] == found[1]
    assert sum("done" in row for row in found[0]) == 3


async def test_an_update_that_meets_a_row_twice_ends_as_its_last_says(house: House) -> None:
    (row,) = rows(1)
    move = update(jobs).where(jobs.c.id == bindparam("b_id")).values(progress=bindparam("b_progress"))
    twice = [{"b_id": row["id"], "b_progress": [number]} for number in (1, 2)]
    async with house.store.write() as connection:
        await execute_many(connection, _INSERT, [row])
        await execute_many(connection, move, twice, key="b_id")
        assert (await connection.execute(select(jobs.c.progress))).scalar_one() == [2]


async def test_a_time_without_a_zone_is_refused(house: House) -> None:
    (row,) = rows(1)
    with pytest.raises(ValueError, match="naive time"):
        async with house.store.write() as connection:
            await execute_many(connection, _INSERT, [{**row, "created_at": datetime(2026, 11, 23)}])  # noqa: DTZ001
