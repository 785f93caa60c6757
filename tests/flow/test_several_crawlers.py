"""Three crawlers at once on one source: every page once; and when one of them is killed, nothing is lost."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml
from tests.harness.books import Books
from tests.harness.command import Running, Tidemill
from tests.harness.sites import asked, site_in_thread
from tests.harness.watch import progress, until
from tests.site.numbered import numbered_paths
from tests.site.server import Site

PAGES = 500
CRAWLERS = 3


@pytest.fixture
def notes() -> Iterator[Site]:
    with site_in_thread(pages=PAGES) as site:
        yield site


@pytest.fixture
def crawlers(notes: Site, tmp_path: Path) -> Iterator[tuple[Books, list[Running]]]:
    """Crawlers that begin in the same moment."""
    tidemill = Tidemill(tmp_path / "data", "process.workers=1")
    file = tmp_path / "notes.yaml"
    home = f"{notes.base_url}/n/"
    file.write_text(yaml.safe_dump({"name": "notes", "start": [home], "within": [home], "sitemaps": False}))
    tidemill("sources", "apply", str(file)).expect(0)
    with ExitStack() as stack:
        command = ("crawl", "notes", "--allow-private", "--json")
        yield Books(tidemill.data_dir), [stack.enter_context(tidemill.start(*command)) for _ in range(CRAWLERS)]


def assert_complete(books: Books) -> None:
    books.check()
    assert books.count("visits", "outcome = 'stored'") == len([*numbered_paths(PAGES)])
    paths = [f"%{path}" for path in numbered_paths(PAGES)]
    assert books.count("runs") == 1
    assert books.count("captures") == len(paths)
    lacking = [path for path in paths if not books.count("pages", f"url LIKE '{path}' AND last_outcome IS NOT NULL")]
    assert lacking == []


def test_every_page_is_fetched_once(notes: Site, crawlers: tuple[Books, list[Running]]) -> None:
    books, running = crawlers
    summaries = [each.wait().expect(0).json for each in running]
    assert {each["status"] for each in summaries} == {"completed"}
    assert len({each["run_id"] for each in summaries}) == 1
    assert asked(notes.hits)["/robots.txt"] <= CRAWLERS
    assert notes_asked(notes) == dict.fromkeys(numbered_paths(PAGES), 1)
    assert_complete(books)


def test_a_crawler_that_is_killed_costs_no_more_than_what_it_had_leased(
    notes: Site, crawlers: tuple[Books, list[Running]]
) -> None:
    books, running = crawlers
    until(lambda: progress(books) > PAGES / 5, what="a fifth of the pages")
    victim = next(each for each in running if leased_by(books, each))
    victim.signal(signal.SIGSTOP)
    leased = leased_by(books, victim)
    victim.kill_group()
    for each in running:
        if each is not victim:
            assert each.wait().expect(0).json["status"] == "completed"
    counted = notes_asked(notes)
    assert set(counted) == set(numbered_paths(PAGES)), "nothing is lost"
    twice = {path for path, times in counted.items() if times > 1}
    assert twice <= leased
    assert max(counted.values()) <= 2
    assert_complete(books)


def notes_asked(site: Site) -> dict[str, int]:
    """How often each note was asked for."""
    return {path: times for path, times in asked(site.hits).items() if path.startswith("/n/")}


def leased_by(books: Books, crawler: Running) -> set[str]:
    """The paths that a crawler has leased."""
    statement = (
        "SELECT p.url FROM visits v JOIN pages p ON p.id = v.page_id JOIN workers w ON w.id = v.worker_id"
        " WHERE v.state = 'leased' AND w.pid = ?"
    )
    try:
        return {"/" + url.split("/", 3)[3] for (url,) in books.rows(statement, crawler.pid)}
    except sqlite3.OperationalError:
        return set()
