"""Which database the contract tests of the store run on: both, one after the other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.contract.store_house import DATABASES, stores_on
from tests.harness.postgres import Server, need_postgres


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
