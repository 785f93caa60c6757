"""The disk and the data folder: full, of another version, no database at all, locked, read only, damaged."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import NoReturn

import pytest
from tests.harness.command import Tidemill
from tests.harness.reports import Report, report
from tests.site.server import Site

pytestmark = [pytest.mark.fault]


@pytest.mark.slow
@pytest.mark.parametrize(
    "size", [pytest.param("400k", marks=pytest.mark.long), "1200k", pytest.param("2500k", marks=pytest.mark.long)]
)
def test_a_full_disk_is_told_and_with_space_the_same_command_completes(
    site: Site, undisturbed: Report, tidemill: Tidemill, small_disk: Callable[[str], Path], size: str
) -> None:
    folder = small_disk(size)
    full = Tidemill(folder / "data")
    done = full("crawl", f"{site.base_url}/", "--allow-private", "--json").expect(1)
    assert done.stdout == b"" or done.json["status"] == "failed"
    assert "Traceback" not in done.stderr, done
    assert "error: " in done.stderr
    assert str(folder) in done.stderr
    assert "free some space" in done.stderr
    small_disk("64m")
    again = full("crawl", f"{site.base_url}/", "--allow-private", "--json").expect(0)
    assert again.json["status"] == "completed"
    found = report(full, site.base_url)
    assert found.outcomes() == undisturbed.outcomes()
    assert found.documents == undisturbed.documents
    assert full.search('"counter for every bat"')["total"] == 1


def another_version(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()


def foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE moz_places (id INTEGER PRIMARY KEY, url TEXT)")
        connection.commit()


def no_database(path: Path) -> None:
    path.write_bytes(b"Dear diary, today I was not a database.\n" * 200)


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:10_000])


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (another_version, "'9999'"),
        (foreign, "not a database of tidemill"),
        (no_database, "no database"),
        (truncated, "damaged"),
    ],
)
def test_a_database_that_is_not_ours_is_refused_and_left_alone(
    tidemill: Tidemill, empty: Path, spoil: Callable[[Path], None], says: str
) -> None:
    shutil.copytree(empty, tidemill.data_dir)
    path = tidemill.data_dir / "tidemill.db"
    spoil(path)
    before = sha256(path.read_bytes()).digest()
    for command in ("crawl http://a.example/", "db upgrade"):
        done = tidemill(*command.split()).expect(1)
        assert says in done.stderr, done
        assert str(path) in done.stderr
        assert "Traceback" not in done.stderr
        assert done.stdout == b""
    assert sha256(path.read_bytes()).digest() == before


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with tables and nothing in them, its database in one file."""
    tidemill = Tidemill(tmp_path_factory.mktemp("empty") / "data")
    tidemill("db", "upgrade").expect(0)
    with closing(sqlite3.connect(tidemill.data_dir / "tidemill.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return tidemill.data_dir


def test_a_folder_where_the_database_should_be(tidemill: Tidemill) -> None:
    (tidemill.data_dir / "tidemill.db").mkdir(parents=True)
    done = tidemill("runs", "list").expect(1)
    assert "tidemill.db" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_where_the_folder_should_be(tidemill: Tidemill) -> None:
    tidemill.data_dir.write_text("a file")
    done = tidemill("runs", "list")
    assert done.code in (1, 2)
    assert str(tidemill.data_dir) in done.stderr
    assert "Traceback" not in done.stderr
    assert tidemill.data_dir.read_text() == "a file"


def test_a_folder_that_may_not_be_written(
    tidemill: Tidemill, empty: Path, missing: Callable[[str, str], NoReturn]
) -> None:
    """Root may write everywhere but on a file system that is mounted read only."""
    shutil.copytree(empty, tidemill.data_dir)
    folder = str(tidemill.data_dir)
    if subprocess.run(["mount", "--bind", folder, folder], capture_output=True).returncode:
        missing("the right to mount", "run as root")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
        for command in ("runs list", "crawl http://a.example/"):
            done = tidemill(*command.split()).expect(1)
            assert folder in done.stderr, done
            assert "Traceback" not in done.stderr
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_database_that_another_process_keeps_locked(site: Site, tidemill: Tidemill, empty: Path) -> None:
    shutil.copytree(empty, tidemill.data_dir)
    impatient = tidemill.with_settings("database.busy_timeout_s=1")
    command = ("crawl", f"{site.base_url}/about.html", "--allow-private", "--max-pages", "1", "--crawl-only", "--json")
    with closing(sqlite3.connect(tidemill.data_dir / "tidemill.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        done = impatient(*command).expect(1)
        assert "locked" in done.stderr
        assert "tidemill.db" in done.stderr
        assert "Traceback" not in done.stderr
        assert impatient("runs", "list", "--json").expect(0).json == [], "reading needs no lock"
        with tidemill.start(*command) as waiting:
            time.sleep(2.5)
            assert waiting.alive, waiting.wait()
            other.execute("ROLLBACK")
            waiting.wait(30).expect(0)
