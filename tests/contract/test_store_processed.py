"""From captures to documents: what is stored, changed, a duplicate or removed, and what the ledger says of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.contract.store_house import SITE, House, draft, opened_house, result_of

from tidemill.models.capture import Capture
from tidemill.models.document import Draft, Processed
from tidemill.models.failure import Failure
from tidemill.models.run import RunState
from tidemill.store import captures, documents, runs, tables
from tidemill.store.processed import store_batch, store_reprocessed

FAILURE = Failure("timeout", "Timeout", "too slow", "a.py:1 f", "trace")


@pytest.fixture
async def house(tmp_path: Path, database: str) -> AsyncIterator[House]:
    async with opened_house(tmp_path) as house:
        yield house


async def versions(house: House, path: str) -> list[tuple[int, str, str]]:
    """Kept versions of a document: number, state, content."""
    kept = tables.document_versions
    statement = select(kept).where(kept.c.document_id == house.document(path)).order_by(kept.c.version)
    async with house.store.read() as connection:
        return [(row.version, row.state, row.draft["content"]) for row in await connection.execute(statement)]


async def test_a_new_page_is_stored(house: House) -> None:
    written = draft(
        "one", title="One", tags=("a", "b"), fields={"start": [1, {"x": None}]}, flags=("f",), language="en"
    )
    run = await house.run({"a": [written]})
    stored = await documents.get(house.store, house.document("a"))
    assert stored.draft == written
    assert (stored.version, stored.state.value, stored.url, stored.source) == (1, "current", f"{SITE}a", "site")
    assert stored.first_seen_at == stored.updated_at > stored.fetched_at
    assert await house.outcomes(run) == {"a": "stored"}
    assert await house.changes() == [("stored", "a")]
    assert (run.state, run.documents, run.outcomes) == (RunState.COMPLETED, 1, {"stored": 1})


async def test_a_page_that_changed_keeps_its_version(house: House) -> None:
    await house.run({"a": [draft("one", tags=("x", "y"))]})
    before = await documents.get(house.store, house.document("a"))
    run = await house.run({"a": [draft("two", tags=("y", "z"))]})
    stored = await documents.get(house.store, house.document("a"))
    assert (stored.version, stored.draft.content, stored.first_seen_at) == (2, "two", before.first_seen_at)
    assert stored.capture_id != before.capture_id
    assert await versions(house, "a") == [(1, "current", "one")]
    assert await house.outcomes(run) == {"a": "changed"}
    assert await house.changes() == [("stored", "a"), ("changed", "a")]
    links = select(tables.tags.c.name).join(tables.document_tags).order_by(tables.tags.c.name)
    async with house.store.read() as connection:
        assert list((await connection.execute(links)).scalars()) == ["y", "z"]


async def test_a_page_whose_bytes_alone_changed_writes_nothing(house: House) -> None:
    await house.run({"a": [draft("one")]})
    before = await documents.get(house.store, house.document("a"))
    run = await house.begin("a")
    await house.crawl(run, {"a": "other bytes"})
    assert await house.process({"a": [draft("one")]}) == {"unchanged": 1}
    assert await documents.get(house.store, house.document("a")) == before
    assert await house.changes() == [("stored", "a")]
    assert await house.count("document_versions") == 0


async def test_the_validators_of_a_page_are_those_of_the_capture_that_was_processed(house: House) -> None:
    run = await house.begin("a")
    await house.crawl(run, {"a": "first"})
    again = await house.begin("a")
    (visit,) = await house.lease(again)
    assert (visit.etag, visit.body_hash) == (None, None)
    await house.process({"a": [draft("one")]})
    third = await house.begin("a")
    (visit,) = await house.lease(third)
    assert visit.etag == '"first"'
    assert visit.body_hash is not None


async def test_an_unchanged_page_ends_as_what_its_documents_are(house: House) -> None:
    pages: dict[str, Sequence[Draft] | int] = {
        "a": [draft("one")],
        "b": [draft("one")],
        "c": [draft("x", problem="too_short")],
    }
    first = await house.run(pages)
    second = await house.run(pages)
    third = await house.run(dict.fromkeys(pages, 304))
    for run in (first, second, third):
        said = await house.outcomes(run)
        assert said == {"a": "stored" if run is first else "unchanged", "b": "duplicate", "c": "invalid"}
    assert await house.count("captures") == 6


async def test_the_smaller_url_is_the_original_and_the_other_says_so(house: House) -> None:
    run = await house.run({"b": [draft("same")], "a": [draft("same")]})
    assert await house.states() == {"a": "current", "b": "duplicate of a"}
    assert await house.outcomes(run) == {"a": "stored", "b": "duplicate"}


async def test_a_better_original_that_comes_late_takes_over_and_the_ledger_follows(house: House) -> None:
    run = await house.begin("b", "a")
    await house.crawl(run, {"a": "1", "b": "2"})
    token, claimed = await house.claim()
    by_path = {each.url.removeprefix(SITE): each for each in claimed}
    for path in ("b", "a"):
        await store_batch(
            house.store, token, [(by_path[path], result_of(by_path[path], [draft("same")]))], max_attempts=3
        )
    assert await house.states() == {"a": "current", "b": "duplicate of a"}
    assert await house.outcomes(run) == {"a": "stored", "b": "duplicate"}
    assert await house.changes() == [("stored", "b"), ("stored", "a"), ("duplicate", "b")]
    assert (await runs.get(house.store, run.id)).state is RunState.COMPLETED


async def test_what_is_named_as_canonical_is_the_original(house: House) -> None:
    await house.run({"a": [draft("same", canonical_url=f"{SITE}b")], "b": [draft("same")]})
    assert await house.states() == {"a": "duplicate of b", "b": "current"}


@pytest.mark.parametrize("how", ["changes", "goes"])
async def test_when_the_original_leaves_the_next_of_its_duplicates_takes_over(house: House, how: str) -> None:
    await house.run({"a": [draft("same")], "b": [draft("same")], "c": [draft("same")]})
    run = await house.run({"a": [draft("other")] if how == "changes" else 410})
    left = {"a": "current" if how == "changes" else "removed", "b": "current", "c": "duplicate of b"}
    assert await house.states() == left
    assert ("stored", "b") in (await house.changes())[3:]
    assert (await house.outcomes(run))["a"] == ("changed" if how == "changes" else "gone")


async def test_what_is_invalid_replaces_nothing_good(house: House) -> None:
    await house.run({"a": [draft("one")]})
    for bad in ([draft("", problem="too_short")], []):
        run = await house.run({"a": bad})
        assert (await documents.get(house.store, house.document("a"))).draft.content == "one"
        assert await house.outcomes(run) == {"a": "invalid"}
    run = await house.run({"a": [draft("two")]})
    assert await house.outcomes(run) == {"a": "changed"}


async def test_what_was_invalid_and_is_not_any_more_is_stored(house: House) -> None:
    await house.run({"a": [draft("x", problem="too_short")]})
    assert await house.states() == {"a": "invalid"}
    assert await house.changes() == []
    run = await house.run({"a": [draft("x and more")]})
    assert (await house.states(), await house.outcomes(run)) == ({"a": "current"}, {"a": "stored"})


async def test_an_item_that_is_missing_from_its_page_is_removed(house: House) -> None:
    await house.run({"a": [draft("one", item="1"), draft("two", item="2")], "b": [draft("two")]})
    assert await house.states() == {"a#1": "current", "a#2": "current", "b": "duplicate of a#2"}
    run = await house.run({"a": [draft("one", item="1")]})
    assert await house.states() == {"a#1": "current", "a#2": "removed", "b": "current"}
    assert (await house.outcomes(run))["a"] == "changed"
    assert (await house.changes())[-2:] == [("removed", "a"), ("stored", "b")]
    run = await house.run({"a": [draft("one", item="1"), draft("two", item="2")]})
    assert await house.states() == {"a#1": "current", "a#2": "current", "b": "duplicate of a#2"}
    assert (await house.outcomes(run))["a"] == "stored"


async def again(house: House, drafts: dict[str, Sequence[Draft]]) -> dict[str, int]:
    """Process the last capture of each page again: by rules that make these drafts of it."""
    columns = [tables.captures.c[name] for name in Capture.__dataclass_fields__]
    shown = select(*columns).join(tables.pages, tables.pages.c.capture_id == tables.captures.c.id)
    async with house.store.read() as connection:
        rows = (await connection.execute(shown.order_by(tables.captures.c.id))).mappings().all()
    stored = {row["url"].removeprefix(SITE): Capture(**row) for row in rows}
    batch = [(stored[path], Processed(stored[path].id, tuple(given))) for path, given in drafts.items()]
    return await store_reprocessed(house.store, batch)


async def test_what_the_rules_refuse_as_it_is_processed_again_becomes_invalid(house: House) -> None:
    run = await house.run({"a": [draft("same")], "b": [draft("same")]})
    told = len(await house.changes())
    refused = {"a": [draft("same", problem="missing_price")]}
    for _ in range(2):  # done again, since nobody noted that it had been done, it changes nothing
        assert await again(house, refused) == {"invalid": 1}
        assert await house.states() == {"a": "invalid", "b": "current"}
        assert (await documents.get(house.store, house.document("a"))).draft.problems == ("missing_price",)
        assert await versions(house, "a") == [(1, "current", "same")]
        assert (await house.changes())[told:] == [("removed", "a"), ("stored", "b")]
    assert await house.outcomes(run) == {"a": "stored", "b": "duplicate"}
    assert await again(house, {"a": [draft("same")]}) == {"stored": 1}
    assert await house.states() == {"a": "current", "b": "duplicate of a"}


async def test_a_duplicate_that_the_rules_refuse_becomes_invalid_and_was_in_no_index(house: House) -> None:
    await house.run({"a": [draft("same")], "b": [draft("same")]})
    told = len(await house.changes())
    await again(house, {"b": [draft("same", problem="too_old")]})
    assert await house.states() == {"a": "current", "b": "invalid"}
    assert (await house.changes())[told:] == []


@pytest.mark.parametrize(
    ("same", "flags", "state"),
    [
        pytest.param(False, (), "current", id="what the site broke since"),
        pytest.param(True, (), "invalid", id="what says the same to the letter"),
        pytest.param(True, ("llm_failed:timeout",), "current", id="what a language model was not asked about"),
        pytest.param(True, ("extractor_failed:too_deep",), "current", id="what an extractor gave up on"),
    ],
)
async def test_a_good_document_gives_way_to_the_rules_alone(
    house: House, same: bool, flags: tuple[str, ...], state: str
) -> None:
    await house.run({"a": [draft("one")]})
    bad = [draft("one" if same else "two", problem="too_short", flags=flags)]
    await house.run({"a": bad})
    assert await house.states() == {"a": "current"}
    assert await again(house, {"a": bad}) == {"invalid": 1}
    assert await house.states() == {"a": state}


async def test_items_that_the_rules_make_no_more_of_a_page_end_with_it(house: House) -> None:
    await house.run({"a": [draft("one", item="1"), draft("two", item="2")]})
    await again(house, {"a": [draft("one", item="1", problem="too_short")]})
    assert await house.states() == {"a#1": "invalid", "a#2": "removed"}


@pytest.mark.parametrize("media_type", ["application/rss+xml", "application/atom+xml", "application/feed+json"])
async def test_what_has_left_a_feed_keeps_its_document(house: House, media_type: str) -> None:
    await house.run({"a": [draft("one", item="1"), draft("two", item="2")]}, media_type=media_type)
    await house.run({"a": [draft("two", item="2"), draft("three", item="3")]}, media_type=media_type)
    assert await house.states() == {"a#1": "current", "a#2": "current", "a#3": "current"}


@pytest.mark.parametrize("flag", ["truncated", "too_many_items", "extractor_failed:too_deep"])
async def test_what_may_stand_where_nobody_read_keeps_its_document(house: House, flag: str) -> None:
    await house.run({"a": [draft("one", item="1"), draft("two", item="2")]})
    await house.run({"a": [draft("two", item="2", flags=(flag,))]})
    assert await house.states() == {"a#1": "current", "a#2": "current"}


async def test_a_page_without_any_valid_item_removes_none(house: House) -> None:
    await house.run({"a": [draft("one", item="1"), draft("two", item="2")]})
    await house.run({"a": [draft("", item="1", problem="too_short")]})
    assert await house.states() == {"a#1": "current", "a#2": "current"}


@pytest.mark.parametrize("newer", ["other", "one"])
async def test_an_older_capture_changes_nothing(house: House, newer: str) -> None:
    await house.run({"a": [draft("one")]})
    late = await house.begin("a")
    await house.crawl(late, {"a": "old"})
    token, (old,) = await house.claim()
    await house.run({"a": [draft(newer, title=newer)]}) if newer == "other" else await _unchanged(house)
    assert await store_batch(house.store, token, [(old, result_of(old, [draft("stale")]))], max_attempts=3) == {
        "unchanged": 1
    }
    assert (await documents.get(house.store, house.document("a"))).draft.content == newer
    assert await house.outcomes(late) == {"a": "unchanged"}
    visits = await house.lease(await house.begin("a"))
    assert visits[0].etag != '"old"'


async def _unchanged(house: House) -> None:
    run = await house.begin("a")
    await house.crawl(run, {"a": "new bytes of the same words"})
    await house.process({"a": [draft("one")]})


async def test_an_older_capture_does_not_bring_back_a_page_that_has_gone(house: House) -> None:
    late = await house.begin("a")
    await house.crawl(late, {"a": "old"})
    token, (old,) = await house.claim()
    await house.run({"a": 410})
    await store_batch(house.store, token, [(old, result_of(old, [draft("one")]))], max_attempts=3)
    assert "current" not in (await house.states()).values()


async def test_two_captures_of_one_page_in_one_batch_are_stored_one_after_the_other(house: House) -> None:
    for body in ("one", "two"):
        await house.crawl(await house.begin("a", "b"), {"a": body, "b": body})
    token, claimed = await house.claim()
    contents = {
        each.id: "one" if number < 2 else "two"
        for number, each in enumerate(sorted(claimed, key=lambda c: c.fetched_at))
    }
    batch = [(each, result_of(each, [draft(f"{each.url} {contents[each.id]}")])) for each in reversed(claimed)]
    assert await store_batch(house.store, token, batch, max_attempts=3) == {"stored": 2, "changed": 2}
    stored = await documents.get(house.store, house.document("a"))
    assert (stored.version, stored.draft.content) == (2, f"{SITE}a two")
    assert await versions(house, "a") == [(1, "current", f"{SITE}a one")]
    assert [run.state for run in await runs.listed(house.store, 9)] == [RunState.COMPLETED] * 2


async def test_a_failed_capture_is_tried_again_alone_and_then_buried(house: House) -> None:
    run = await house.begin("a", "b", "c")
    await house.crawl(run, {"a": "1", "b": "2", "c": "3"})
    drafts: dict[str, Sequence[Draft] | Failure] = {"a": [draft("one")], "b": FAILURE, "c": FAILURE}
    assert await house.process(drafts) == {"stored": 1, "retry": 2}
    sizes = []
    for _ in range(4):
        house.store.turn_on(3600)
        token, claimed = await house.claim()
        sizes.append(len(claimed))
        await store_batch(house.store, token, [(each, FAILURE) for each in claimed], max_attempts=3)
    assert sizes == [1, 1, 1, 1]
    assert await house.outcomes(run) == {"a": "stored", "b": "dead", "c": "dead"}
    assert (await runs.get(house.store, run.id)).state is RunState.COMPLETED
    async with house.store.read() as connection:
        letters = (await connection.execute(select(tables.dead_letters))).all()
    assert {(row.url, row.reason, row.attempts, row.place, row.trace) for row in letters} == {
        (f"{SITE}{path}", "timeout", 3, "a.py:1 f", "trace") for path in "bc"
    }


async def test_a_failed_capture_waits_longer_each_time(house: House) -> None:
    await house.crawl(await house.begin("a"), {"a": "1"})
    for seconds in (1, 2, 4):
        token, claimed = await house.claim()
        await store_batch(house.store, token, [(claimed[0], FAILURE)], max_attempts=9, retry_delay_s=1)
        house.store.turn_on(seconds - 0.5)
        assert (await house.claim())[1] == []
        house.store.turn_on(1)


async def test_a_dead_letter_hurts_nothing_that_is_stored(house: House) -> None:
    await house.run({"a": [draft("one")]})
    run = await house.begin("a")
    await house.crawl(run, {"a": "poison"})
    await house.process({"a": FAILURE}, max_attempts=1)
    assert (await house.states(), await house.outcomes(run)) == ({"a": "current"}, {"a": "dead"})
    (visit,) = await house.lease(await house.begin("a"))
    assert visit.etag != '"poison"'


async def test_a_claim_that_was_taken_back_changes_nothing(house: House) -> None:
    run = await house.begin("a", "b")
    await house.crawl(run, {"a": "1", "b": "2"})
    token, claimed = await house.claim()
    await captures.release(house.store, token, [each.id for each in claimed])
    again, _ = await house.claim()
    results = [(claimed[0], result_of(claimed[0], [draft("zombie")])), (claimed[1], FAILURE)]
    assert await store_batch(house.store, token, results, max_attempts=1) == {}
    assert (await house.count("documents"), await house.count("dead_letters")) == (0, 0)
    batch = [(each, result_of(each, [draft(each.url)])) for each in claimed]
    assert await store_batch(house.store, again, batch, max_attempts=1) == {"stored": 2}
    assert await store_batch(house.store, again, batch, max_attempts=1) == {}
    assert sorted(await house.changes()) == [("stored", "a"), ("stored", "b")]


@pytest.mark.parametrize("status", [500, 403, 404])
async def test_a_page_that_fails_once_keeps_its_document(house: House, status: int) -> None:
    await house.run({"a": [draft("one")]})
    await house.run({"a": status})
    assert await house.states() == {"a": "current"}


@pytest.mark.parametrize(
    ("statuses", "state"),
    [
        ([410], "removed"),
        ([404, 404], "removed"),
        ([404, 500, 404], "removed"),
        ([301, 301], "removed"),
        ([308, 404], "removed"),
        ([302, 307], "current"),
        ([404, 304, 404], "current"),
        ([404, 500, 500], "current"),
    ],
)
async def test_removal(house: House, statuses: list[int], state: str) -> None:
    await house.run({"a": [draft("one")], "b": [draft("one")]})
    for status in statuses:
        await house.run({"a": status, "b": 304})
    assert await house.states() == {"a": state, "b": "current" if state == "removed" else "duplicate of a"}
    gone = [("removed", "a"), ("stored", "b")] if state == "removed" else []
    assert (await house.changes())[2:] == gone
    assert await versions(house, "a") == ([(1, "current", "one")] if state == "removed" else [])


async def test_a_page_that_comes_back_is_fetched_in_full_and_stored_again(house: House) -> None:
    await house.run({"a": [draft("one")]})
    await house.run({"a": 410})
    assert await house.lease(await house.begin("other")) != []
    run = await house.begin("a")
    visits = {each.url: each for each in await house.lease(run)}
    assert (visits[f"{SITE}a"].etag, visits[f"{SITE}a"].body_hash) == (None, None)
    run = await house.run({"a": [draft("one")]})
    assert await house.states() == {"a": "current"}
    assert (await house.outcomes(run))["a"] == "stored"
    assert (await house.changes())[-1] == ("stored", "a")
    assert (await house.outcomes(await house.begin()))["a"] == "pending"


async def test_time_of_a_capture_is_kept_to_the_microsecond(house: House) -> None:
    run = await house.begin("a")
    (visit,) = await house.lease(run)
    made = house.captured(visit)
    assert made.capture is not None
    await house.record(made)
    _, (claimed,) = await house.claim()
    assert claimed.fetched_at - made.capture.fetched_at == timedelta(0)
    assert claimed == made.capture
