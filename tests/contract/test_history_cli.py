"""`documents`, `reprocess` and `deadletters` as a person uses them: one small source, its history, and its failures."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.harness.command import Tidemill

PAGE = (
    "<html lang=en><title>{title}</title><meta name=author content='{author}'><h1>{title}</h1>"
    "<p>The tide turns the wheel twice a day, and the miller with it, as people here have told for long.</p></html>"
)


@pytest.fixture(scope="module")
def mill(tmp_path_factory: pytest.TempPathFactory) -> Tidemill:
    """A source of two pages that was crawled twice; one page changed meanwhile."""
    folder = tmp_path_factory.mktemp("history")
    pages = folder / "pages"
    pages.mkdir()
    (pages / "a.html").write_text(PAGE.format(title="Mill", author="Ada"))
    (pages / "b.html").write_text(PAGE.format(title="Other", author="Ada").replace("twice", "once"))
    source = {"name": "mills", "kind": "files", "start": [str(pages)], "base_url": "https://mills.example/"}
    (folder / "mills.yaml").write_text(json.dumps(source))
    tidemill = Tidemill(folder / "data")
    tidemill("sources", "apply", str(folder / "mills.yaml")).expect(0)
    tidemill.crawl("mills")
    (pages / "a.html").write_text(PAGE.format(title="Mill", author="Eve"))
    tidemill.crawl("mills", "--full")
    return tidemill


def test_a_documents_past_can_be_looked_at(mill: Tidemill) -> None:
    url = "https://mills.example/a.html"
    shown = mill("documents", "show", url, "--why", "--json").expect(0).json
    assert (shown["version"], shown["author"]) == (2, "Eve")
    assert shown["why"]["capture"]["archived"] is True
    author = next(each for each in shown["why"]["values"] if each["field"] == "author")
    assert author["value"] == "Eve"
    assert author["extractor"]
    said = mill("documents", "show", shown["id"][:8], "--why").expect(0).stdout.decode()
    assert shown["capture_id"] in said
    versions = mill("documents", "history", url, "--json").expect(0).json
    assert [each["version"] for each in versions] == [2, 1]
    assert "author" in versions[0]["changed"]
    diff = mill("documents", "diff", url, "--json").expect(0).json
    assert {"field": "author", "old": "Ada", "new": "Eve"} in diff["changes"]
    assert "- Ada" in mill("documents", "diff", url, "1", "2").expect(0).stdout.decode()
    other = mill("documents", "diff", "https://mills.example/b.html").expect(1)
    assert "only 1 version" in other.stderr
    assert "no document" in mill("documents", "show", "https://mills.example/c.html").expect(1).stderr


def test_lists_are_by_url(mill: Tidemill) -> None:
    found = mill("documents", "list", "--source", "mills", "--json").expect(0).json
    assert [each["url"][-6:] for each in found] == ["a.html", "b.html"]
    assert "Mill" in mill("documents", "list").expect(0).stdout.decode()


def test_a_dry_run_then_the_real_one(mill: Tidemill) -> None:
    with closing(sqlite3.connect(mill.data_dir / "tidemill.db")) as database, database:
        database.execute("UPDATE documents SET author = 'Nobody', fingerprint = 'old' WHERE url LIKE '%b.html'")
    told = mill("reprocess", "--dry-run", "--json").expect(0).json
    assert told["dry_run"] is True
    assert (told["effects"]["changed"], told["effects"]["unchanged"]) == (1, 1)
    assert told["examples"]["author"][0]["old"] == "Nobody"
    said = mill("reprocess", "--dry-run", "--source", "mills").expect(0)
    assert "- Nobody" in said.stdout.decode()
    assert "nothing was stored" in said.stderr
    assert mill("reprocess", "--yes", "--json").expect(0).json["effects"]["changed"] == 1
    assert mill("reprocess", "--since", "yesterday").expect(2).stderr
    assert "nowhere" in mill("reprocess", "--source", "nowhere", "--yes").expect(1).stderr


def test_a_dead_letter_from_its_list_to_its_end(mill: Tidemill, tmp_path: Path) -> None:
    _let_die(mill, "a.html")
    (group,) = mill("deadletters", "list", "--json").expect(0).json
    assert (group["count"], group["reason"]) == (1, "error")
    (letter,) = mill("deadletters", "list", "--all", "--json").expect(0).json
    body = tmp_path / "page.html"
    said = mill("deadletters", "show", letter["id"], "--body", str(body)).expect(0).stdout.decode()
    assert f"tidemill deadletters replay {letter['id']} --dry-run" in said
    assert b"Eve" in body.read_bytes()
    (tried,) = mill("deadletters", "replay", "--group", group["key"], "--dry-run", "--json").expect(0).json
    assert (tried["ok"], tried["documents"][0]["title"]) == (True, "Mill")
    mill("deadletters", "replay").expect(2)
    done = mill("deadletters", "replay", "--all", "--now", "--json").expect(0).json
    assert (done["replayed"], done["pending"]) == ([letter["id"]], 0)
    assert mill("deadletters", "show", letter["id"], "--json").expect(0).json["state"] == "resolved"
    assert mill("deadletters", "list", "--json").expect(0).json == []
    assert mill("deadletters", "discard", letter["id"], "--json").expect(0).json["left"] == {"resolved": 1}


def _let_die(mill: Tidemill, page: str) -> None:
    """The newest capture of a page has not been processed, but died."""
    with closing(sqlite3.connect(mill.data_dir / "tidemill.db")) as database, database:
        newest = f"(SELECT id FROM captures WHERE url LIKE '%{page}' ORDER BY fetched_at DESC LIMIT 1)"
        database.execute(f"UPDATE visits SET outcome = 'dead', reason = 'error' WHERE capture_id = {newest}")
        database.execute(
            "INSERT INTO dead_letters (id, capture_id, run_id, source_id, url, reason, error_type, message, place,"
            " trace, attempts, state, created_at) SELECT id, id, run_id, source_id, url, 'error', 'KeyError', 'x',"
            f" 'a.py:1 f', 'trace', 3, 'open', fetched_at FROM captures WHERE id = {newest}"
        )
