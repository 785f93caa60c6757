"""Documents from a file: validated, stored, searchable when the command returns; and an index built anew."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path

import pytest
from tests.contract.api_house import house

from tidemill.app import App
from tidemill.errors import Conflict, NoSpace
from tidemill.manage import importing
from tidemill.manage.importing import Tally, begin, read_lines
from tidemill.models.ids import new_id
from tidemill.models.run import Run, RunState
from tidemill.models.source import SourceSpec
from tidemill.roles.jobs import import_lines
from tidemill.search.base import SearchQuery
from tidemill.store import documents, runs, sources


def lines(*objects: object) -> io.BytesIO:
    return io.BytesIO("\n".join(each if isinstance(each, str) else json.dumps(each) for each in objects).encode())


async def take_in(app: App, *objects: object, source: str = "imported") -> tuple[Run, Tally]:
    tally = Tally()
    return await import_lines(app, source, lines(*objects), tally, asyncio.Event()), tally


MILL = {
    "url": "https://a.example/mill",
    "title": "Tide mills",
    "content": "They grind with the ebb and wait for the flood.",
    "author": "Ann Lee",
    "published_at": "2024-05-03T10:00:00Z",
    "language": "en",
    "tags": ["mill", "tide"],
    "price": 12.5,
    "fields": {"city": "Porto"},
}


async def test_what_is_imported_is_found_with_all_its_values(tmp_path: Path) -> None:
    async with house(tmp_path, process__workers=1) as app:
        run, tally = await take_in(app, MILL, {"url": "doc:7", "title": "Only a title about herons"})
        assert (tally.lines, tally.refused, dict(run.outcomes), run.state) == (2, 0, {"stored": 2}, "completed")
        (hit,) = (await app.searching.search(SearchQuery("ebb fields.price:>12 fields.city:porto tag:tide"))).hits
        assert (hit.url, hit.title, hit.author, hit.source) == (MILL["url"], "Tide mills", "Ann Lee", "imported")
        assert hit.published_at is not None
        assert hit.published_at.isoformat() == "2024-05-03T10:00:00+00:00"
        assert [each.url for each in (await app.searching.search(SearchQuery("heron"))).hits] == ["doc:7"]
        document = await documents.get(app.store, hit.id)
        assert document.draft.provenance["title"].startswith("imported@")

        run, _ = await take_in(app, MILL)
        assert dict(run.outcomes) == {"unchanged": 1}
        run, _ = await take_in(app, MILL | {"content": "They stand still now, says the almanac of the county."})
        assert dict(run.outcomes) == {"changed": 1}
        assert (await app.searching.search(SearchQuery("ebb"))).total == 0
        assert (await app.searching.search(SearchQuery("almanac"))).total == 1


async def test_lines_that_are_no_documents_are_told_and_harm_no_other(tmp_path: Path) -> None:
    async with house(tmp_path, process__workers=1) as app:
        _, tally = await take_in(
            app,
            "not json",
            [1],
            {"title": "no url"},
            {"url": "https://a.example/x"},
            "",
            {"url": "a b", "title": "x"},
            MILL,
        )
        assert (tally.lines, tally.refused) == (7, 5)
        assert [problem.split(":")[0] for problem in tally.problems] == [f"line {n}" for n in (1, 2, 3, 4, 6)]
        assert (await app.searching.search(SearchQuery("ebb"))).total == 1


@pytest.mark.parametrize("at_once", [500, 1])
async def test_the_first_line_about_a_url_counts_and_others_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """In a batch as well as in a later one: by then the document may be stored already."""
    monkeypatch.setattr(importing, "BATCH_LINES", at_once)
    other = MILL | {"content": "They stand still now, says the almanac."}
    async with house(tmp_path, process__workers=1) as app:
        run, tally = await take_in(app, MILL, {"url": "doc:7", "title": "Heron"}, MILL, other, other)
        assert (tally.lines, tally.refused, dict(run.outcomes)) == (5, 2, {"stored": 2})
        assert [problem.split(":")[0] for problem in tally.problems] == ["line 4", "line 5"]
        assert MILL["url"] in tally.problems[0]
        assert (await app.searching.search(SearchQuery("ebb"))).total == 1
        assert (await app.searching.search(SearchQuery("almanac"))).total == 0
        run, tally = await take_in(app, MILL, other)
        assert (tally.refused, dict(run.outcomes)) == (1, {"unchanged": 1})
        run, tally = await take_in(app, other)
        assert (tally.refused, dict(run.outcomes)) == (0, {"changed": 1})
        assert (await app.searching.search(SearchQuery("almanac"))).total == 1


async def test_a_line_that_is_nested_too_deep_is_told_and_harms_no_other(tmp_path: Path) -> None:
    deep = '{"url": "doc:deep", "title": "t", "x": ' + "[" * 300 + "]" * 300 + "}"
    deeper = '{"url": "doc:deeper", "title": "t", "x": ' + "[" * 3000 + "]" * 3000 + "}"
    async with house(tmp_path, process__workers=1) as app:
        run, tally = await take_in(app, deep, MILL, deeper)
        assert (tally.lines, tally.refused, dict(run.outcomes)) == (3, 2, {"stored": 1})
        assert [problem.split(":")[0] for problem in tally.problems] == ["line 1", "line 3"]


async def test_a_source_that_is_crawled_takes_no_imports(tmp_path: Path) -> None:
    async with house(tmp_path) as app:
        await sources.apply(app.store, SourceSpec(name="site", start=("https://a.example/",)))
        with pytest.raises(Conflict, match="--source"):
            await begin(app.store, "site", new_id(), 100)


async def test_a_rebuild_finds_everything_again(tmp_path: Path) -> None:
    async with house(tmp_path, process__workers=1) as app:
        await take_in(app, MILL)
        before = list((tmp_path / "data" / "index").glob("generation-*"))
        await app.indexer.rebuild()
        after = list((tmp_path / "data" / "index").glob("generation-*"))
        assert len(after) == 1
        assert after != before
        assert (await app.searching.search(SearchQuery("ebb"))).total == 1


async def test_whoever_writes_the_index_rebuilds_it_for_others(tmp_path: Path) -> None:
    async with house(tmp_path, process__workers=1, search__commit_interval_s=0.05) as app:
        await take_in(app, MILL)
        assert app.engine.writable
        before = list((tmp_path / "data" / "index").glob("generation-*"))
        stop = asyncio.Event()
        running = asyncio.create_task(app.indexer.run(stop))
        async with house(tmp_path) as other:
            await other.indexer.rebuild(30)
            assert not other.engine.writable
            assert (await other.searching.search(SearchQuery("ebb"))).total == 1
        stop.set()
        await running
        assert list((tmp_path / "data" / "index").glob("generation-*")) != before


async def test_an_import_that_breaks_off_is_left_to_be_taken_up_and_the_next_one_takes_in_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents_ = [{"url": f"https://a.example/{n}", "title": f"Title {n}", "content": "Some words"} for n in range(3)]
    async with house(tmp_path) as app:

        async def full(*_: object) -> None:
            raise NoSpace("the disk of the archive is full")

        with monkeypatch.context() as broken:
            broken.setattr(app.archive, "put", full)
            with pytest.raises(NoSpace):
                await take_in(app, *documents_)
        (left,) = await runs.listed(app.store, 10)
        assert (left.state, left.error) == (RunState.INTERRUPTED, "NoSpace: the disk of the archive is full")
        run, _ = await take_in(app, *documents_)
        assert run.outcomes == {"stored": 3}
        assert await runs.state(app.store, left.id) is RunState.COMPLETED, "nobody else would ever end it"


async def test_an_import_ends_when_its_run_is_cancelled(tmp_path: Path) -> None:
    documents_ = [{"url": f"https://a.example/{n}", "title": f"Title {n}", "content": "Some words"} for n in range(2)]
    async with house(tmp_path) as app:
        run = await begin(app.store, "imported", new_id(), 100)
        source = await sources.by_id(app.store, run.source_id)
        await runs.cancel(app.store, run.id)
        (batch,) = read_lines(lines(*documents_), Tally())
        with pytest.raises(Conflict, match="has ended") as caught:
            await importing.take_in(app.store, app.archive, source, run, batch, Tally())
        assert caught.value.reason == "run_ended"
