"""Processing again what is archived: what it would change, what it changes, where it goes on, what it leaves alone."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.contract.api_house import house

from tidemill.app import App
from tidemill.archive.base import Archive
from tidemill.errors import Conflict, NotFound, Permanent
from tidemill.manage import reprocess as under_test
from tidemill.manage.reprocess import Done, Request, Tools, preview, reprocess
from tidemill.manage.runs import start
from tidemill.models.capture import Capture
from tidemill.models.document import Processed
from tidemill.models.failure import Failure
from tidemill.models.run import RunOptions
from tidemill.models.source import CheckRule, FieldRule, ItemsRule, ProcessRules, SourceSpec
from tidemill.process import pipeline
from tidemill.process.compute import Computer
from tidemill.roles.jobs import run_to_end
from tidemill.search.base import SearchQuery
from tidemill.settings import ProcessSettings
from tidemill.store import events, jobs, processed, sources, workers

PAGES = 10
BATCH = 3
SETTINGS = {"process.workers": 1, "process.batch_size": BATCH}


def spec(folder: Path, name: str = "mills", **process: Any) -> SourceSpec:
    base_url = f"https://{name}.example/"
    return SourceSpec(name=name, kind="files", start=(str(folder),), base_url=base_url, process=ProcessRules(**process))


@dataclass(slots=True)
class Counting:
    """The archive, which tells what was asked of it and does not know some bodies."""

    archive: Archive
    missing: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    async def get(self, body_hash: str) -> bytes:
        self.asked.append(body_hash)
        if body_hash in self.missing:
            raise Permanent(f"the archive has no body {body_hash}", reason="archive_missing")
        return await self.archive.get(body_hash)

    async def put(self, bodies: Mapping[str, bytes]) -> None:
        await self.archive.put(bodies)

    async def exists(self, body_hash: str) -> bool:
        return await self.archive.exists(body_hash)

    async def close(self) -> None:
        await self.archive.close()


@dataclass(slots=True)
class Mill:
    """A house with one crawled source of `PAGES` pages, and short ways to look at it."""

    app: App
    archive: Counting
    pages: Path

    @property
    def tools(self) -> Tools:
        return Tools(self.app.store, self.archive, self.app.settings.process, lease_s=30.0)

    async def again(self, stop_after: int | None = None, *, restart: bool = False, **asked: Any) -> Done:
        """Reprocess; with `stop_after` interrupted once so many pages are done."""
        stop = asyncio.Event()

        def tell(done: int, _total: int) -> None:
            if stop_after is not None and done >= stop_after:
                stop.set()

        return await reprocess(self.tools, Request(**asked), stop, tell, restart=restart)

    async def foretold(self, **asked: Any) -> Done:
        return await preview(self.tools, Request(**asked), asyncio.Event())

    async def rows(self, statement: str) -> list[Any]:
        async with self.app.store.read() as connection:
            return [tuple(row) for row in (await connection.exec_driver_sql(statement)).all()]

    async def titles(self, query: str) -> list[str]:
        """The titles that a search finds."""
        await self.app.indexer.catch_up(await events.head(self.app.store))
        return sorted(hit.title for hit in (await self.app.engine.search(SearchQuery(text=query, limit=100))).hits)

    async def change(self, statement: str) -> None:
        async with self.app.store.write() as connection:
            await connection.exec_driver_sql(statement)

    async def age(self, *titles: str) -> None:
        """Make documents what an older extractor might have left."""
        which = ", ".join(f"'{title}'" for title in titles)
        condition = f"WHERE title IN ({which})" if titles else ""
        await self.change(f"UPDATE documents SET title = 'Old ' || title, fingerprint = 'old' {condition}")

    async def apply(self, **process: Any) -> None:
        """Give the source other rules."""
        await sources.apply(self.app.store, spec(self.pages, **process))


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the pages of a source and the data of its first crawl."""
    folder = tmp_path_factory.mktemp("reprocess")
    pages = folder / "pages"
    pages.mkdir()
    for number in range(PAGES):
        words = f"In the year {1800 + number} the wheel of mill {number} was turned by the tide, as the miller tells. "
        (pages / f"{number}.html").write_text(
            f"<html lang=en><head><title>Mill {number}</title></head>"
            f"<body><h1>Mill {number}</h1><p>{words * 3}</p></body></html>"
        )

    async def crawl() -> None:
        async with house(folder, **SETTINGS) as app:
            await sources.apply(app.store, spec(pages))
            begun = await start(app.store, app.settings.net, "mills", RunOptions())
            run = await run_to_end(app, begun.run.id, asyncio.Event())
            assert run.documents == PAGES

    asyncio.run(crawl())
    return folder


class PoolHere:
    """The pipeline in this process: what is tested here is what is done with its results."""

    def __init__(self, _settings: ProcessSettings) -> None:
        pass

    async def __aenter__(self) -> PoolHere:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def run(self, capture: Capture, body: bytes, rules: ProcessRules) -> Processed:
        return pipeline.process(capture, body, rules)

    async def finish(self, *_: object) -> Processed:
        raise AssertionError("no language model is asked here")


@pytest.fixture
async def mill(crawled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Mill]:
    monkeypatch.setattr(under_test, "WorkerPool", PoolHere)
    async with opened(crawled, tmp_path) as mill:
        yield mill


@asynccontextmanager
async def opened(crawled: Path, folder: Path) -> AsyncIterator[Mill]:
    shutil.copytree(crawled / "data", folder / "data")
    async with house(folder, **SETTINGS) as app:
        yield Mill(app, Counting(app.archive), crawled / "pages")


LEFT_ALONE = ("SELECT * FROM runs", "SELECT * FROM visits", "SELECT * FROM captures")


async def test_with_real_workers_it_comes_to_the_same(crawled: Path, tmp_path: Path) -> None:
    async with opened(crawled, tmp_path) as mill:
        await mill.age("Mill 1")
        assert (await mill.again()).summary.effects == {"changed": 1, "unchanged": PAGES - 1}


async def test_a_preview_tells_what_would_change_by_field_and_stores_nothing(mill: Mill) -> None:
    await mill.age("Mill 1", "Mill 2", "Mill 3", "Mill 4")
    before = await mill.rows("SELECT * FROM documents ORDER BY id")
    done = await mill.foretold()
    assert done.finished
    assert done.summary.pages == done.total == PAGES
    assert done.summary.effects == {"changed": 4, "unchanged": PAGES - 4}
    assert done.summary.fields == {"title": 4}
    assert len(done.summary.examples["title"]) == 3
    assert all(each["old"] == f"Old {each['new']}" for each in done.summary.examples["title"])
    assert await mill.rows("SELECT * FROM documents ORDER BY id") == before
    assert await mill.rows("SELECT * FROM jobs") == await mill.rows("SELECT * FROM document_versions") == []


async def test_it_does_what_the_preview_told_and_keeps_the_versions_of_before(mill: Mill) -> None:
    await mill.age("Mill 1", "Mill 2")
    foretold = await mill.foretold()
    events = len(await mill.rows("SELECT * FROM events"))
    done = await mill.again()
    assert done.summary == foretold.summary
    assert sorted(await mill.rows("SELECT title FROM documents")) == [(f"Mill {n}",) for n in range(PAGES)]
    kept = await mill.rows("SELECT version, json_extract(draft, '$.title') FROM document_versions ORDER BY 2")
    assert kept == [(1, "Old Mill 1"), (1, "Old Mill 2")]
    assert len(await mill.rows("SELECT * FROM events")) == events + 2


async def test_done_a_second_time_it_writes_nothing(mill: Mill) -> None:
    await mill.age()
    await mill.again()
    before = [await mill.rows(f"SELECT * FROM {table}") for table in ("documents", "document_versions", "events")]
    assert (await mill.again()).summary.effects == {"unchanged": PAGES}
    after = [await mill.rows(f"SELECT * FROM {table}") for table in ("documents", "document_versions", "events")]
    assert after == before


async def test_runs_and_their_ledgers_are_left_alone(mill: Mill) -> None:
    await mill.age()
    before = [await mill.rows(statement) for statement in LEFT_ALONE]
    await mill.again()
    assert [await mill.rows(statement) for statement in LEFT_ALONE] == before


async def test_a_page_that_was_found_unchanged_since_is_processed_again_all_the_same(mill: Mill) -> None:
    await mill.age()
    await mill.change("UPDATE pages SET fetched_at = '2999-01-01 00:00:00.000000', last_outcome = 'unchanged'")
    assert (await mill.again()).summary.effects == {"changed": PAGES}


async def test_other_rules_make_invalid_documents_valid(mill: Mill) -> None:
    await mill.change("UPDATE documents SET state = 'invalid', problems = '[\"short\"]', fingerprint = 'x'")
    foretold = await mill.foretold()
    assert foretold.summary.effects == {"valid": PAGES}
    assert (await mill.again()).summary == foretold.summary
    assert await mill.rows("SELECT DISTINCT state FROM documents") == [("current",)]


async def test_what_fails_the_new_rules_is_invalid_as_foretold_and_comes_back_with_them(mill: Mill) -> None:
    await mill.apply(checks={"title": CheckRule(pattern="Mill [0-4]")})
    foretold = await mill.foretold()
    assert foretold.summary.effects == {"invalid": PAGES // 2, "unchanged": PAGES // 2}
    assert foretold.summary.fields == {"state": PAGES // 2, "problems": PAGES // 2}
    assert foretold.summary.samples["invalid"][0]["problems"] == ["bad_pattern:title"]
    assert await mill.rows("SELECT DISTINCT state FROM documents") == [("current",)]
    assert (await mill.again()).summary == foretold.summary
    refused = "FROM documents WHERE state = 'invalid'"
    assert await mill.rows(f"SELECT title, version, problems {refused} ORDER BY title") == [
        (f"Mill {number}", 2, '["bad_pattern:title"]') for number in range(5, PAGES)
    ]
    kept = await mill.rows("SELECT version, state, json_extract(draft, '$.problems') FROM document_versions")
    assert kept == [(1, "current", "[]")] * (PAGES // 2)
    told = await mill.rows(f"SELECT kind FROM events WHERE document_id IN (SELECT id {refused}) ORDER BY id")
    assert sorted(told) == [("document.removed",)] * (PAGES // 2) + [("document.stored",)] * (PAGES // 2)
    assert await mill.titles("tide") == [f"Mill {number}" for number in range(PAGES // 2)]
    assert (await mill.again()).summary.effects == {"unchanged": PAGES}
    await mill.apply()
    assert (await mill.again()).summary.effects == {"valid": PAGES // 2, "unchanged": PAGES // 2}
    assert len(await mill.titles("tide")) == PAGES


async def test_other_items_that_the_rules_refuse_end_those_of_before(mill: Mill) -> None:
    await mill.apply(items=ItemsRule(css="h1", kind="event", key=("title",)), fields={"title": FieldRule(css=":scope")})
    assert (await mill.again()).summary.effects == {"new": PAGES, "removed": PAGES}
    await mill.apply(
        items=ItemsRule(css="p", kind="event", key=("text",)),
        fields={"text": FieldRule(css=":scope"), "price": FieldRule(css="b", required=True)},
    )
    foretold = await mill.foretold()
    assert foretold.summary.effects == {"invalid": PAGES, "removed": PAGES}
    assert (await mill.again()).summary == foretold.summary
    assert await mill.titles("tide") == await mill.titles("mill") == []


async def test_only_the_pages_asked_for_are_taken(mill: Mill) -> None:
    await sources.apply(mill.app.store, SourceSpec(name="other", start=("https://other.example/",)))
    assert (await mill.again(source="other")).summary.pages == 0
    await mill.change("UPDATE captures SET fetched_at = '1999-01-01 00:00:00.000000' WHERE url LIKE '%/1.html'")
    since = datetime(2000, 1, 1, tzinfo=UTC)
    assert (await mill.again(source="mills", since=since, since_given="2000")).summary.pages == PAGES - 1
    with pytest.raises(NotFound, match="nowhere"):
        await mill.again(source="nowhere")


async def test_pages_that_are_gone_and_deleted_sources_do_not_come_back(mill: Mill) -> None:
    await mill.change("UPDATE pages SET state = 'gone' WHERE url LIKE '%/1.html'")
    assert (await mill.foretold()).summary.pages == PAGES - 1
    await mill.change("UPDATE sources SET deleted_at = '2026-01-01 00:00:00.000000'")
    assert (await mill.foretold()).summary.pages == 0


async def test_bodies_that_are_lost_are_named_and_their_documents_stay(mill: Mill) -> None:
    await mill.age()
    (lost,) = await mill.rows("SELECT body_hash, url, id FROM captures WHERE url LIKE '%/4.html'")
    mill.archive.missing.add(lost[0])
    done = await mill.again()
    assert (done.finished, done.summary.bodies_lost, done.summary.failed) == (True, 1, 0)
    assert done.summary.lost == [
        {"url": lost[1], "capture_id": str(UUID(lost[2])), "reason": "archive_missing", "body_hash": lost[0]}
    ]
    assert await mill.rows("SELECT title FROM documents WHERE title LIKE 'Old%'") == [("Old Mill 4",)]


async def test_what_cannot_be_processed_is_listed_and_is_no_dead_letter(
    mill: Mill, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Fails(Computer):
        async def compute(self, capture: Capture, rules: ProcessRules) -> Processed | Failure:
            failing = capture.url.endswith("/4.html")
            return Failure("timeout", "Timeout", "slow") if failing else await super().compute(capture, rules)

    monkeypatch.setattr(under_test, "Computer", Fails)
    await mill.age()
    done = await mill.again()
    assert (done.finished, done.summary.failed) == (True, 1)
    assert done.summary.failures[0]["reason"] == "timeout"
    assert await mill.rows("SELECT title FROM documents WHERE title LIKE 'Old%'") == [("Old Mill 4",)]
    assert await mill.rows("SELECT * FROM dead_letters") == []


async def test_interrupted_it_goes_on_where_it_stopped(mill: Mill) -> None:
    await mill.age()
    first = await mill.again(stop_after=1)
    assert (first.finished, first.resumed) == (False, False)
    assert 0 < first.summary.pages < PAGES
    asked = len(mill.archive.asked)
    second = await mill.again()
    assert (second.finished, second.resumed, second.summary.pages) == (True, True, PAGES)
    assert second.summary.effects == {"changed": PAGES}
    assert len(mill.archive.asked) == asked + PAGES - first.summary.pages
    assert sorted(mill.archive.asked) == sorted(set(mill.archive.asked)), "no page twice"
    assert await mill.rows("SELECT state FROM jobs") == [("done",)]


async def test_a_job_is_taken_up_by_those_who_ask_for_the_same_alone(mill: Mill) -> None:
    first = await mill.again(stop_after=1)
    assert (await mill.again(source="mills")).resumed is False
    anew = await mill.again(restart=True)
    assert (anew.resumed, anew.summary.pages) == (False, PAGES)
    assert sorted(await mill.rows("SELECT state FROM jobs")) == [("cancelled",), ("done",), ("done",)]
    assert first.summary.pages < PAGES


async def test_rules_that_changed_meanwhile_begin_it_anew(mill: Mill) -> None:
    await mill.again(stop_after=1)
    await mill.apply(min_words=6)
    done = await mill.again()
    assert (done.resumed, done.summary.pages) == (False, PAGES)


async def test_two_at_once_are_refused_unless_the_first_is_dead(mill: Mill) -> None:
    await mill.again(stop_after=1)
    store = mill.app.store
    other = await workers.register(store, "reprocess")
    await jobs.take_up(store, "reprocess", {"source": None, "since": None}, other.id)
    for source in (None, "mills"):
        with pytest.raises(Conflict, match=f"process {os.getpid()}") as told:
            await mill.again(source=source)
        assert told.value.reason == "job_running"
    fcntl.flock(other.lock_fd, fcntl.LOCK_UN)  # as the kernel does when the process ends
    done = await mill.again()
    assert (done.finished, done.resumed, done.summary.pages) == (True, True, PAGES)
    os.close(other.lock_fd)


async def test_one_that_was_declared_dead_changes_the_job_no_more(mill: Mill) -> None:
    store = mill.app.store
    zombie = await workers.register(store, "reprocess")
    held = await jobs.take_up(store, "reprocess", {"source": None, "since": None}, zombie.id)
    await workers.leave(store, zombie)
    assert (await mill.again()).finished
    with pytest.raises(Conflict) as told:
        await jobs.save(store, held, {"cursor": "x"})
    assert told.value.reason == "job_lost"


async def test_an_error_leaves_the_job_to_be_taken_up(mill: Mill, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    real: Callable[..., Any] = processed.store_reprocessed

    async def full(*given: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise Permanent("the disk is full", reason="disk_full")
        return await real(*given)

    monkeypatch.setattr(under_test, "store_reprocessed", full)
    await mill.age()
    with pytest.raises(Permanent, match="disk is full"):
        await mill.again()
    assert (await mill.rows("SELECT state, error FROM jobs")) == [("pending", "Permanent: the disk is full")]
    done = await mill.again()
    assert (done.finished, done.resumed, done.summary.effects) == (True, True, {"changed": PAGES})


async def test_a_batch_whose_commit_was_not_noted_is_done_twice_and_changes_nothing(mill: Mill) -> None:
    await mill.age()
    await mill.again(stop_after=1)
    await mill.change("UPDATE jobs SET progress = json_set(progress, '$.cursor', '')")
    done = await mill.again()
    assert done.finished
    assert await mill.rows("SELECT DISTINCT version FROM documents") == [(2,)]
    assert len(await mill.rows("SELECT * FROM document_versions")) == PAGES
