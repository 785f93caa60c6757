"""A backlog written to a tantivy index: what is put off, what is forgotten, what several threads may not change."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.unit.search.making import document

from tidemill.models.document import Document
from tidemill.search.base import Position, SearchQuery
from tidemill.search.tantivy import TantivyEngine, writer


@pytest.fixture
async def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TantivyEngine]:
    monkeypatch.setattr(writer, "_cores", lambda: 4)
    engine = TantivyEngine(tmp_path, writer_memory_mb=96)
    assert await engine.try_lock()
    await engine.begin("e")
    yield engine
    await engine.close()


def some(first: int, last: int, word: str = "walnut") -> list[Document]:
    return [document(f"d{number}", word, title=f"t{number}") for number in range(first, last)]


async def total(engine: TantivyEngine, text: str = "walnut") -> int:
    return (await engine.search(SearchQuery(text))).total


async def test_what_is_put_off_becomes_searchable_with_the_last_batch(engine: TantivyEngine) -> None:
    await engine.apply(some(0, 50), (), Position("e", 50), more=True)
    assert (await total(engine), await engine.position()) == (0, Position("e", 0))
    await engine.apply((), (), Position("e", 60))
    assert (await total(engine), await engine.position()) == (50, Position("e", 60))
    assert await engine.begin("e") == Position("e", 60)


@pytest.mark.thorough
async def test_what_is_put_off_is_forgotten_by_the_next_beginning(engine: TantivyEngine) -> None:
    await engine.apply(some(0, 1), (), Position("e", 1))
    await engine.apply(some(1, 50), ("d0",), Position("e", 50), more=True)
    assert await engine.begin("e") == Position("e", 1)
    await engine.apply(some(60, 61), (), Position("e", 61))
    assert await total(engine) == 2


async def test_what_is_put_off_at_the_end_is_not_missed(tmp_path: Path) -> None:
    for expected in (0, 0):
        engine = TantivyEngine(tmp_path, writer_memory_mb=16)
        assert await engine.try_lock()
        assert await engine.begin("e") == Position("e", expected)
        await engine.apply(some(0, 50), (), Position("e", 50), more=True)
        await engine.close()


@pytest.mark.thorough
async def test_a_document_is_the_last_one_written_whatever_threads_write_it(engine: TantivyEngine) -> None:
    for round_, last in enumerate((3, 200, 3, 200)):
        documents = some(0, last, f"round{round_}")
        await engine.apply(documents, (), Position("e", 2 * round_ + 1), more=last > 3)
        await engine.apply(some(1, last, f"again{round_}"), ("d0",), Position("e", 2 * round_ + 2))
        assert await total(engine, f"round{round_}") == 0
        assert await total(engine, f"again{round_}") == last - 1
