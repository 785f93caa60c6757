"""Facets of very many values: exact as long as all of them are counted, and said to be short of it beyond."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.unit.search.making import document

from tidemill.search.base import Position, SearchQuery, SearchResult
from tidemill.search.tantivy import TantivyEngine, counting

SEGMENTS = 4


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[TantivyEngine]:
    """`often` is the most frequent tag of all, and the least frequent one of each segment; the same for numbers."""
    engine = TantivyEngine(tmp_path, writer_memory_mb=16)
    assert await engine.try_lock()
    await engine.begin("e")
    for segment in range(SEGMENTS):
        names = tuple(f"s{segment}-{number}" for number in range(200))
        prices = {"price": [1000 * (segment + 1) + number for number in range(200)]}
        twice = [document(f"{segment}{each}", "oak", tags=names, fields=prices) for each in "ab"]
        once = document(f"{segment}c", "oak", tags=("often",), fields={"price": 7})
        await engine.apply([*twice, once], (), Position("e", segment + 1))
    yield engine
    await engine.close()


async def counted(engine: TantivyEngine) -> SearchResult:
    return await engine.search(SearchQuery("oak", facets=("tag", "fields.price"), facet_size=1))


@pytest.mark.thorough
@pytest.mark.parametrize("few", [10, 2000])
async def test_a_value_that_is_rare_in_each_segment_is_counted(
    engine: TantivyEngine, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(counting, "_FEW", few)
    found = await counted(engine)
    assert [(each.value, each.count) for each in found.facets["tag"]] == [("often", SEGMENTS)]
    assert [(each.value, each.count) for each in found.facets["fields.price"]] == [("7", SEGMENTS)]
    assert found.facet_errors == {}


@pytest.mark.thorough
async def test_counts_that_may_be_too_small_are_said_to_be(
    engine: TantivyEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "_FEW", 10)
    monkeypatch.setattr(counting, "_MANY", 20)
    found = await counted(engine)
    assert found.facets["tag"][0].count == 2
    assert found.facet_errors.keys() == {"tag", "fields.price"}
    assert all(error >= SEGMENTS for error in found.facet_errors.values())
