"""A migration that is killed half way leaves the old tables whole; the next one makes the new ones."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.harness.books import Books
from tests.harness.brokers import PATIENCE_S
from tests.harness.command import ROOT, clean_environment
from tests.harness.migrating import FIRST
from tests.harness.postgres import in_own_loop, need_postgres
from tests.harness.served_books import ServedBooks

from tidemill.store.schema import HEAD

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(PATIENCE_S + 300)]


@pytest.fixture(params=["sqlite", "postgresql"])
def books(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Books]:
    """A database without tables."""
    if request.param == "sqlite":
        yield Books(tmp_path)
        return
    server = need_postgres()
    url = in_own_loop(server.empty())
    yield ServedBooks(tmp_path, url)
    in_own_loop(server.drop(url))


def migrating(books: Books, statement: int | str) -> subprocess.CompletedProcess[str]:
    url = books.url if isinstance(books, ServedBooks) else f"sqlite:///{books.path}"
    command = [sys.executable, "-m", "tests.harness.migrating", url, str(books.data_dir), str(statement)]
    return subprocess.run(command, cwd=ROOT, env=clean_environment(), capture_output=True, text=True, timeout=60)


def tables(books: Books) -> list[tuple[object, ...]]:
    """Every column of every table."""
    if isinstance(books, ServedBooks):
        return books.rows(
            "SELECT table_name::text, column_name::text, data_type::text FROM information_schema.columns"
            " WHERE table_schema = 'public' ORDER BY 1, 2"
        )
    return books.rows("SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY 1, 2")


@pytest.mark.parametrize("begin", ["old", "new"])
def test_killed_half_way(books: Books, begin: str, rng: random.Random, is_long: bool) -> None:
    """From the first release, and from nothing."""
    if begin == "old":
        assert migrating(books, "old").returncode == 0
        before = tables(books)
    most = 40
    for statement in sorted(rng.sample(range(2, most), 12 if is_long else 1 + (begin == "old"))):
        killed = migrating(books, statement)
        assert killed.returncode == -signal.SIGKILL, f"there are no {statement} statements: {killed}"
        if begin == "old":
            assert tables(books) == before
            assert books.one("SELECT version_num FROM alembic_version") == FIRST
        elif books.begun:
            assert tables(books) == []
    done = migrating(books, 0)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= most
    assert books.one("SELECT version_num FROM alembic_version") == HEAD
    assert books.count("meta", "key = 'kept'") == (begin == "old")
    assert books.count("meta", "key = 'epoch'") == 1
