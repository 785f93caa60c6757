"""What only the PostgreSQL engine has: its index and its bounds, RUM, and a connection that can be lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.contract.search_house import Place, ids, place_of, write
from tests.harness.postgres import Server
from tests.logs import captured_logs
from tests.unit.search.making import document

from tidemill.errors import TidemillError
from tidemill.search.base import SearchEngine, SearchQuery
from tidemill.search.postgres import PostgresEngine, writing
from tidemill.settings import DatabaseSettings
from tidemill.store.engine import Store, open_store


@dataclass
class House:
    place: Place
    store: Store
    engine: SearchEngine

    async def rows(self, *statements: str) -> list[tuple[object, ...]]:
        """What the last of these statements gives."""
        async with self.store.read() as connection:
            for statement in statements[:-1]:
                await connection.execute(text(statement))
            return [tuple(row) for row in await connection.execute(text(statements[-1]))]


@pytest.fixture
async def house(tmp_path: Path, postgres: Server) -> AsyncIterator[House]:
    with place_of("postgresql", tmp_path) as place:
        store = open_store(place.where, DatabaseSettings(), tmp_path)
        engine = PostgresEngine(store)
        assert await engine.try_lock()
        await engine.begin("e")
        yield House(place, store, engine)
        await engine.close()
        await store.close()


async def test_the_vector_has_the_title_as_a_and_the_content_as_b(house: House) -> None:
    await write(house.engine, document("a", "They were running", title="Mills", tags=("Art",)))
    ((vector,),) = await house.rows("SELECT CAST(search_vector AS text) FROM search_documents")
    assert "'mill':1A" in str(vector)
    assert "'run':" in str(vector)
    assert "'=running':5B" in str(vector)
    assert "'tag:art'" in str(vector)


async def test_a_question_and_its_filters_are_answered_by_the_index(house: House) -> None:
    await write(house.engine, *(document(f"d{number}", f"word{number} filler") for number in range(500)))
    plan = await house.rows(
        "SET LOCAL enable_seqscan = off",
        "EXPLAIN SELECT d.id FROM search_documents d WHERE d.search_vector @@"
        " CAST('''word7'' & ''source:site''' AS tsquery)",
    )
    assert any("ix_search_documents_gin" in str(line) for (line,) in plan), plan


async def test_a_lost_connection_loses_the_right_to_write_and_it_comes_back(house: House) -> None:
    await write(house.engine, document("a", "walnut"))
    killing = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
    await house.rows(killing)
    with pytest.raises(TidemillError):
        await write(house.engine, document("b", "walnut"), event_id=2)
    assert not house.engine.writable
    assert await house.engine.try_lock()
    assert (await house.engine.begin("e")).event_id == 1
    await write(house.engine, document("b", "walnut"), event_id=2)
    assert sorted(await ids(house.engine, "walnut")) == ["a", "b"]


async def test_a_very_long_document_is_taken_in(house: House) -> None:
    content = " ".join(f"longish{number:06d}" for number in range(120_000))
    await write(house.engine, document("long", "walnut " + content))
    assert await ids(house.engine, "walnut longish000010") == ["long"]


async def test_more_tags_than_the_server_takes_leave_room_for_the_words(house: House) -> None:
    tags = tuple(f"tag {number} {'x' * 300}" for number in range(4000))
    await write(house.engine, document("a", "walnut shell", tags=tags))
    assert await ids(house.engine, "shell") == ["a"]


async def test_the_texts_of_a_long_page_are_read_a_few_at_a_time(house: House) -> None:
    await write(house.engine, *(document(f"d{number:03d}", "walnut " * (number + 1)) for number in range(130)))
    found = (await house.engine.search(SearchQuery("walnut", limit=130))).hits
    assert sorted(hit.id for hit in found) == [f"d{number:03d}" for number in range(130)]
    scores = [hit.score for hit in found]
    assert scores == sorted(scores, reverse=True)


async def rows_by_generation(house: House) -> list[int]:
    return [
        int(str(row[1])) for row in await house.rows("SELECT generation, count(*) FROM search_documents GROUP BY 1")
    ]


async def test_an_old_generation_goes_a_few_rows_at_a_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "DROPPED_AT_ONCE", 3)
    for generation in range(3):
        await house.engine.rebuild("e")
        await write(house.engine, *(document(f"d{number}", f"walnut {generation}") for number in range(7)))
        await house.engine.publish()
        assert await rows_by_generation(house) == [7]


async def test_rows_that_cannot_be_dropped_hold_up_nothing_and_go_later(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor are they taken for rows of the next generation."""
    await write(house.engine, document("a", "walnut"), document("b", "walnut"), event_id=3)
    with monkeypatch.context() as broken:
        broken.setattr(writing, "_DROPS", (text("SELECT pg_sleep(0), 1 / 0, :generation, :most"),))
        with captured_logs() as logs:
            await house.engine.rebuild("e")
            await write(house.engine, document("c", "walnut"), event_id=3)
            assert (await house.engine.begin("e")).event_id == 3
            await house.engine.rebuild("e")
            await write(house.engine, document("d", "walnut"), event_id=3)
            await house.engine.publish()
        assert {entry["action"] for entry in logs} == {"index.left"}
        assert await ids(house.engine, "walnut") == ["d"]
        await write(house.engine, document("e", "walnut"), event_id=4)
        assert sorted(await rows_by_generation(house)) == [1, 2, 2]
    await house.engine.close()
    assert await house.engine.try_lock()
    assert (await house.engine.begin("e")).event_id == 4
    assert await rows_by_generation(house) == [2]


@pytest.mark.parametrize("question", ["walnut", "walnut shell", '"walnut shell"', "source:site"])
async def test_with_rum_it_finds_the_same(tmp_path: Path, postgres: Server, question: str) -> None:
    url = await postgres.empty()
    try:
        try:
            await postgres.run("CREATE EXTENSION rum", url)
        except Exception as missing:  # noqa: BLE001 - whatever the server says, it has no such extension
            pytest.skip(f"the server has no RUM: {missing}")
        from tidemill.store import schema

        store = open_store(url, DatabaseSettings(), tmp_path)
        await schema.ensure_schema(store)
        engine = PostgresEngine(store)
        assert await engine.try_lock()
        await engine.begin("e")
        await write(engine, document("a", "a walnut shell"), document("b", "walnut"), document("c", "other"))
        async with store.read() as connection:
            found = await connection.scalar(text("SELECT count(*) FROM pg_indexes WHERE indexname LIKE '%_rum'"))
        assert found == 1
        assert (await ids(engine, question))[0] in ("a", "b")
        await engine.close()
        await store.close()
    finally:
        await postgres.drop(url)
