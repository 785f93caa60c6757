"""Old visits become run totals, old events go, and nothing that is needed goes with them; on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.contract.store_house import SITE, House, draft, opened_house

from tidemill.models.failure import Failure
from tidemill.models.run import Run, RunState
from tidemill.search.base import SearchQuery
from tidemill.search.indexer import Indexer
from tidemill.search.open import open_engine
from tidemill.settings import RetentionSettings, SearchSettings
from tidemill.store import documents, events, retention, runs
from tidemill.store.changes import Changes
from tidemill.store.engine import Store
from tidemill.store.retention import Forgotten
from tidemill.telemetry.metrics import Metrics

DAY_S = 86_400


@pytest.fixture
async def house(tmp_path: Path, database: str) -> AsyncIterator[House]:
    async with opened_house(tmp_path) as house:
        yield house


def later(house: House, days: float) -> None:
    house.store.turn_on(days * DAY_S)


async def compacted(house: House, days: float = 10, at_once: int = 3) -> Forgotten:
    return await retention.compact_runs(house.store, house.store.now() - timedelta(days=days), at_once)


async def an_old_run(house: House) -> Run:
    run = await house.run({"a": [draft("one")], "b": [draft("one")], "c": 404, "d": [draft("two")]})
    later(house, 30)
    return run


async def test_the_visits_of_an_old_run_become_its_totals(house: House) -> None:
    run = await an_old_run(house)
    new = await house.run({"a": [draft("one more")], "e": [draft("three")]})
    assert await compacted(house) == Forgotten(runs=1, visits=4)
    after = await runs.get(house.store, run.id)
    assert after.compacted_at is not None
    assert replace(after, compacted_at=None, documents=run.documents) == run
    assert list(after.outcomes) == list(run.outcomes), "in the same order"
    assert (await runs.get(house.store, new.id)).outcomes == new.outcomes
    assert await house.outcomes(run) == {}
    assert await compacted(house) == Forgotten()


async def test_the_next_run_goes_on_as_if_nothing_had_gone(house: House) -> None:
    await an_old_run(house)
    before = await house.states()
    await compacted(house)
    next_run = await house.run({"a": [draft("one")], "b": [draft("one")], "d": 404})
    assert next_run.discovered == 4, "every known page"
    assert await house.states() == before


async def test_who_is_killed_between_counts_nothing_twice(house: House) -> None:
    run = await an_old_run(house)
    await retention._keep_totals(house.store, run.id)
    assert await retention._delete_visits(house.store, run.id, 1) == 1
    assert (await runs.get(house.store, run.id)).outcomes == run.outcomes, "half way"
    await compacted(house)
    assert (await runs.get(house.store, run.id)).outcomes == run.outcomes


async def test_runs_to_which_something_can_still_happen_stay_whole(house: House) -> None:
    unfinished = await house.begin("a")
    later(house, 100)
    assert await compacted(house) == Forgotten()
    await house.crawl(unfinished, {"a": "body"})  # its capture waits
    later(house, 100)
    assert await compacted(house) == Forgotten()
    failure = Failure(reason="broken", error_type="E", message="m", place="p", trace="t")
    await house.process({"a": failure}, max_attempts=1)  # a dead letter, which may be replayed
    assert (await runs.get(house.store, unfinished.id)).state is RunState.COMPLETED
    later(house, 100)
    assert await compacted(house) == Forgotten()


async def replayed(store: Store) -> set[str]:
    """The documents that an index would hold that is built from the events that are left."""
    changes = await events.document_changes(store, 0, 10_000)
    assert [each for each, _ in changes] == sorted({each for each, _ in changes})
    found = await documents.by_ids(store, list({each for _, each in changes}))
    return {each.url.removeprefix(SITE) for each in found if each.state == "current"}


async def a_history(house: House) -> None:
    """Documents that stay, change, go, are promoted and never change again."""
    await house.run({"a": [draft("one")], "b": [draft("one")], "c": [draft("two")], "d": [draft("three")]})
    later(house, 30)
    await house.run({"a": [draft("other")], "c": 410, "d": [draft("three")]})
    later(house, 30)
    await house.run({"e": [draft("five")], "a": [draft("other")]})


@pytest.mark.parametrize(("days", "at_once"), [(75, 1000), (45, 2), (15, 1000), (0, 2)])
async def test_an_index_built_of_what_is_left_is_the_same(house: House, days: int, at_once: int) -> None:
    await a_history(house)
    whole, number = await replayed(house.store), await house.count("events")
    assert whole == {path for path, state in (await house.states()).items() if state == "current"}
    gone = await retention.forget_events(house.store, house.store.now() - timedelta(days=days), at_once)
    assert await replayed(house.store) == whole
    assert await house.count("events") == number - gone
    assert bool(gone) == (days < 60)
    if days == 0:
        assert await house.count("events") == len(whole), "one for each current document"
    assert await retention.forget_events(house.store, house.store.now() - timedelta(days=days), at_once) == 0


async def test_identifiers_go_on_growing(house: House) -> None:
    await a_history(house)
    last = (await events.after(house.store, 0, 10_000))[-1].id
    await retention.forget_events(house.store, house.store.now() + timedelta(days=1))
    left = {each.id for each in await events.after(house.store, 0, 10_000)}
    await house.run({"z": [draft("new")]})
    assert min({each.id for each in await events.after(house.store, 0, 10_000)} - left) > last


async def test_an_index_that_slept_through_a_removal_shows_it_no_more(house: House, tmp_path: Path) -> None:
    """Its cursor stands before the removal, and the event of that is gone: it is made anew."""
    engine = open_engine(SearchSettings(url=f"tantivy://{tmp_path}/index"), tmp_path, house.store)
    indexer = Indexer(Changes(house.store), engine, SearchSettings(batch_size=2), Metrics())
    await house.run({each: [draft(f"mill {each}")] for each in "abcdef"})
    await indexer.catch_up(await events.head(house.store))
    assert (await engine.search(SearchQuery("mill"))).total == 6
    later(house, 30)
    await house.run({"a": 410, "b": [draft("mill b")]})
    await retention.forget_events(house.store, house.store.now() + timedelta(days=1))
    await house.run({"g": [draft("mill g")]})
    woken = Indexer(Changes(house.store), engine, SearchSettings(batch_size=2), Metrics())
    await woken.catch_up(await events.head(house.store))
    found = await engine.search(SearchQuery("mill"))
    assert {hit.url.removeprefix(SITE) for hit in found.hits} == set("bcdefg")
    await engine.close()


async def test_the_floor_tells_only_of_documents_and_the_head_is_never_below_it(house: House, tmp_path: Path) -> None:
    """Runs have the last word in the events, and a source that does not change says nothing after them."""
    await house.run({"a": [draft("one")], "b": [draft("two")]})
    await house.run({"b": 410})
    told = await events.document_changes(house.store, 0, 100)
    every = await events.after(house.store, 0, 100)
    assert every[-1].id > told[-1][0], "an event of the run comes last"
    await retention.forget_events(house.store, house.store.now() + timedelta(days=1))
    assert await events.floor(house.store) == told[-1][0] == await events.head(house.store)
    await retention.forget_events(house.store, house.store.now() + timedelta(days=1))
    assert await events.floor(house.store) == told[-1][0]


async def test_an_index_that_is_up_to_date_outlives_retention_in_every_process(house: House, tmp_path: Path) -> None:
    settings = SearchSettings(url=f"tantivy://{tmp_path}/index", batch_size=2)
    await house.run({each: [draft(f"mill {each}")] for each in "abcde"})
    await house.run({"a": 410, "b": [draft("mill b")]})
    generations = set()
    for _ in range(3):
        engine = open_engine(settings, tmp_path, house.store)
        indexer = Indexer(Changes(house.store), engine, settings, Metrics())
        await indexer.catch_up(await events.head(house.store))
        assert (await engine.search(SearchQuery("mill"))).total == 4
        generations.add(next((tmp_path / "index").glob("generation-*")).name)
        await engine.close()
        await retention.forget_events(house.store, house.store.now() + timedelta(days=1))
    assert len(generations) == 1


async def test_requests_to_build_indexes_anew_are_counted(house: House) -> None:
    changes = Changes(house.store)
    assert await changes.rebuild_asked() == 0
    asked = await asyncio.gather(*(changes.ask_rebuild() for _ in range(5)))
    assert (sorted(asked), await changes.rebuild_asked()) == ([1, 2, 3, 4, 5], 5)


async def test_by_default_nothing_goes(house: House) -> None:
    from tidemill.manage.retention import Retained, preview, retain

    await an_old_run(house)
    assert await retain(house.store, RetentionSettings()) == Retained()
    keeps = RetentionSettings(visits_days=10, events_days=10)
    assert await preview(house.store, keeps) == Forgotten(runs=1, visits=4, events=await house.count("events"))
    assert (await retain(house.store, keeps)).forgotten.visits == 4
