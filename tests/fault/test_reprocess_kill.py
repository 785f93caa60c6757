"""kill -9 while everything is processed again: given once more, the command goes on and comes to the same documents."""

from __future__ import annotations

import json
import random
import shutil
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from tests.harness.books import Books
from tests.harness.command import Done, Tidemill
from tests.harness.nursery import Nursery
from tests.harness.watch import all_gone, children, until

pytestmark = [pytest.mark.fault, pytest.mark.timeout(600)]
PAGES, REFUSED = 120, 40
SOURCE = {"name": "mills", "kind": "files", "base_url": "https://mills.example/"}
WANTED = "Mill ([4-9][0-9]|1[0-9][0-9])"
"""The titles that stricter rules accept: those of mill 40 and all that follow."""

COMMAND = ("reprocess", "--yes", "--json")


@pytest.fixture
def mills(tmp_path: Path, nursery: Nursery | None) -> Tidemill:
    """A crawled source whose documents are as an older extractor might have left them."""
    pages = tmp_path / "pages"
    pages.mkdir()
    for number in range(PAGES):
        words = f"In the year {1000 + number} the wheel of mill {number} was turned by the tide, the miller says. "
        (pages / f"{number:03}.html").write_text(
            f"<html lang=en><title>Mill {number}</title><h1>Mill {number}</h1><p>{words * 3}</p></html>"
        )
    (tmp_path / "mills.yaml").write_text(json.dumps({**SOURCE, "start": [str(pages)]}))
    tidemill = Tidemill(tmp_path / "data", "process.batch_size=4", nursery=nursery)
    tidemill("sources", "apply", str(tmp_path / "mills.yaml")).expect(0)
    assert tidemill.crawl("mills")["documents"] == PAGES
    with sqlite3.connect(tidemill.data_dir / "tidemill.db") as database:
        database.execute("UPDATE documents SET title = 'Old ' || title, fingerprint = 'old'")
    database.close()
    return tidemill


def pages_done(books: Books) -> int:
    """How many pages the unfinished job has done."""
    rows = books.rows("SELECT progress FROM jobs WHERE state <> 'done'")
    progress = json.loads(rows[0][0]) if rows else {}
    return int(progress.get("summary", {}).get("pages", 0))


def exported(tidemill: Tidemill) -> list[dict[str, Any]]:
    return sorted(tidemill.documents(), key=lambda each: str(each["url"]))


def test_killed_again_and_again_it_comes_to_what_an_undisturbed_one_comes_to(
    mills: Tidemill, tmp_path: Path, rng: random.Random
) -> None:
    stricter = {**SOURCE, "start": [str(tmp_path / "pages")], "process": {"checks": {"title": {"pattern": WANTED}}}}
    (tmp_path / "mills.yaml").write_text(json.dumps(stricter))
    mills("sources", "apply", str(tmp_path / "mills.yaml")).expect(0)
    undisturbed = Tidemill(tmp_path / "undisturbed", *mills.settings)
    shutil.copytree(mills.data_dir, undisturbed.data_dir)
    expected = undisturbed(*COMMAND).expect(0).json
    assert (expected["effects"]["changed"], expected["effects"]["invalid"]) == (PAGES - REFUSED, REFUSED)

    books, kills = Books(mills.data_dir), 0
    for fraction in (0.0, 0.2, 0.5, 0.8):
        with mills.start(*COMMAND) as running:
            wanted = max(int(fraction * PAGES), pages_done(books) + 1)
            until(lambda goal=wanted: pages_done(books) >= goal or not running.alive, what="progress")  # type: ignore[misc]
            time.sleep(rng.uniform(0, 0.05))
            family = children(running.pid)
            kills += running.alive
            running.kill_group()
            assert all_gone(family)
    assert kills >= 2
    done: Done = mills(*COMMAND).expect(0)

    assert (done.json["finished"], done.json["resumed"], done.json["pages"]) == (True, True, PAGES)
    assert exported(mills) == exported(undisturbed)
    assert len(exported(mills)) == PAGES - REFUSED
    assert books.one("SELECT count(*) FROM documents WHERE state = 'invalid'") == REFUSED
    assert books.one("SELECT count(*) FROM events WHERE kind = 'document.removed'") == REFUSED
    assert books.rows("SELECT DISTINCT version FROM documents") == [(2,)]
    assert books.count("document_versions") == PAGES
    assert books.rows("SELECT state FROM jobs") == [("done",)]
    assert books.count("workers") == 0
    assert mills("documents", "list", "--json", "--limit", "1").expect(0).json
    assert len(mills.search("miller", "--limit", "100")["hits"]) == PAGES - REFUSED


def test_two_at_once_on_one_store_are_refused(mills: Tidemill) -> None:
    books = Books(mills.data_dir)
    with mills.start(*COMMAND) as first:
        until(lambda: pages_done(books) > 0 or not first.alive, what="progress")
        second = mills(*COMMAND)
        told = first.wait().expect(0).json
    assert told["finished"]
    if second.code != 0:  # the first was at work still
        assert "another reprocess is at work" in second.stderr
        second.expect(1)


def test_ctrl_c_leaves_it_to_be_gone_on_with(mills: Tidemill) -> None:
    books = Books(mills.data_dir)
    with mills.start(*COMMAND) as running:
        until(lambda: pages_done(books) > 0 or not running.alive, what="progress")
        running.signal_group(signal.SIGINT)
        stopped = running.wait().expect(130)
    assert not stopped.json["finished"]
    assert "goes on where it stopped" in stopped.stderr
    done = mills(*COMMAND).expect(0).json
    assert (done["finished"], done["pages"]) == (True, PAGES)
