"""What contract tests run on, one after the other: both databases, every search engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.contract.search_house import KINDS, Place, place_of
from tests.contract.store_house import DATABASES, stores_on
from tests.harness.postgres import Server, need_postgres

from tidemill.search.base import SearchEngine


@pytest.fixture(scope="session")
def postgres() -> Server:
    """A real PostgreSQL; the test is skipped where there can be none, and fails under CI."""
    return need_postgres()


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    """The kind of database that stores made in the test have."""
    if request.param == "postgresql":
        need_postgres()
    with stores_on(request.param) as chosen:
        yield chosen


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Where search engines of one kind keep an index that only this test knows."""
    with place_of(request.param, tmp_path) as made:
        yield made


@pytest.fixture
async def engine(place: Place) -> AsyncIterator[SearchEngine]:
    """An engine that may write, begun for the epoch `e`."""
    opened = place.open()
    assert await opened.try_lock()
    await opened.begin("e")
    yield opened
    await opened.close()
