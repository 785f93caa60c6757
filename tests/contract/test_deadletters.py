"""Dead letters: grouped by cause, replayed without a total being wrong at any time, given up, and never lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.contract.store_house import House, draft, opened_house

from tidemill.errors import Conflict, Invalid, NotFound
from tidemill.manage import deadletters as manage
from tidemill.models.account import Role, caller_of
from tidemill.models.failure import Failure
from tidemill.models.run import Run, RunState
from tidemill.queue.database import DatabaseQueue
from tidemill.store import deadletters, deletion, runs, tables
from tidemill.store.deadletters import DeadLetter, Wanted

ME = caller_of("me", Role.ADMIN)
SLOW = Failure("timeout", "Timeout", "too slow", "", "")
BROKEN = Failure("error", "KeyError", "'price'", "process/extract/item.py:7 read", "Traceback …")


@pytest.fixture
async def house(tmp_path: Path, database: str) -> AsyncIterator[House]:
    async with opened_house(tmp_path) as house:
        yield house


async def died(house: House, **failures: Failure) -> Run:
    """A run in which these pages failed for good, beside a good one."""
    run = await house.begin("good", *failures)
    await house.crawl(run, dict.fromkeys(("good", *failures), "body"))
    for _ in range(2):
        await house.process({"good": [draft("good")], **failures}, max_attempts=2)
        house.store.turn_on(60)
    return await runs.get(house.store, run.id)


async def letters(house: House, *states: str) -> list[DeadLetter]:
    return await deadletters.listed(house.store, Wanted(states=states or deadletters.STATES))


async def replay(house: House, *found: DeadLetter) -> deadletters.Moved:
    return await manage.replay(house.store, DatabaseQueue(house.store), [each.id for each in found], ME)


async def test_a_capture_that_cannot_be_processed_leaves_all_that_is_known(house: House) -> None:
    run = await died(house, a=BROKEN)
    (letter,) = await letters(house)
    assert (run.state, run.outcomes) == (RunState.COMPLETED, {"stored": 1, "dead": 1})
    assert (letter.state, letter.attempts, letter.source, letter.run_id) == ("open", 2, "site", run.id)
    told = Failure(letter.reason, letter.error_type, letter.message, letter.place, letter.trace)
    assert told == BROKEN
    assert await deadletters.get(house.store, letter.id) == letter


async def test_letters_are_grouped_by_exception_and_place(house: House) -> None:
    elsewhere = replace(BROKEN, place="process/extract/item.py:9 read")
    await died(house, a=BROKEN, b=replace(BROKEN, message="'title'"), c=elsewhere, d=SLOW)
    found = await deadletters.groups(house.store, Wanted())
    assert [group.count for group in found] == [2, 1, 1]
    assert {group.place for group in found} == {BROKEN.place, elsewhere.place, ""}
    first = found[0]
    assert first.first_at <= first.last_at
    newest = await deadletters.get(house.store, first.letter_id)
    assert (newest.group, newest.url, newest.message) == (first.key, first.url, first.message)
    of_group = await deadletters.listed(house.store, Wanted(group=first.key[:4]))
    assert {each.url[-1] for each in of_group} == {"a", "b"}
    with pytest.raises(NotFound, match="no group"):
        await deadletters.listed(house.store, Wanted(group="zzzz"))


async def test_letters_are_filtered_by_source_reason_time_and_state(house: House) -> None:
    await died(house, a=BROKEN)
    house.store.turn_on(3600)
    since = house.store.now()
    await died(house, b=SLOW)

    async def urls(**filters: object) -> set[str]:
        wanted = await manage.wanted(house.store, **filters)  # type: ignore[arg-type]
        return {each.url[-1] for each in await deadletters.listed(house.store, wanted)}

    assert await urls(source="site") == {"a", "b"}
    assert await urls(reason="timeout") == {"b"}
    assert await urls(since=since) == {"b"}
    assert await urls(since=since + timedelta(days=1)) == set()
    assert await urls(states=("resolved",)) == set()
    with pytest.raises(NotFound, match="nowhere"):
        await urls(source="nowhere")
    with pytest.raises(Invalid, match="no such state"):
        await urls(states=("gone",))


async def test_a_replayed_letter_is_resolved_by_the_commit_that_stores_its_document(house: House) -> None:
    run = await died(house, a=BROKEN)
    (letter,) = await letters(house)
    moved = await replay(house, letter)
    assert (moved.letter_ids, moved.capture_ids, moved.left) == ((letter.id,), (letter.capture_id,), {})
    waiting = await runs.get(house.store, run.id)
    assert (waiting.state, waiting.outcomes) == (RunState.COMPLETED, {"stored": 1, "dead": 1})
    assert [each.state for each in await letters(house)] == ["replayed"]
    assert await house.process({"a": [draft("a")]}) == {"stored": 1}
    done = await runs.get(house.store, run.id)
    assert (done.state, done.outcomes, done.finished_at) == (RunState.COMPLETED, {"stored": 2}, run.finished_at)
    (letter,) = await letters(house)
    assert letter.state == "resolved"
    assert letter.settled_at is not None
    assert (await house.states())["a"] == "current"


async def test_a_letter_whose_replay_fails_too_is_open_again_and_counts_on(house: House) -> None:
    run = await died(house, a=BROKEN)
    await replay(house, *await letters(house))
    for _ in range(3):
        await house.process({"a": SLOW})
        house.store.turn_on(60)
    (letter,) = await letters(house)
    assert (letter.state, letter.reason, letter.attempts, letter.settled_at) == ("open", "timeout", 5, None)
    assert (await runs.get(house.store, run.id)).outcomes == {"stored": 1, "dead": 1}
    assert (await replay(house, letter)).letter_ids == (letter.id,)
    await house.process({"a": [draft("a")]})
    assert [each.state for each in await letters(house)] == ["resolved"]


async def test_replaying_twice_is_replaying_once(house: House) -> None:
    await died(house, a=BROKEN)
    found = await letters(house)
    await replay(house, *found)
    token, claimed = await house.claim()
    again = await replay(house, *found)
    assert (again.letter_ids, again.left) == ((), {"replayed": 1})
    async with house.store.read() as connection:
        held = await connection.scalar(
            select(tables.waiting.c.token).where(tables.waiting.c.capture_id == claimed[0].id)
        )
    assert held == token, "who works on it is not disturbed"


async def test_a_replay_that_was_interrupted_leaves_the_rest_open(house: House) -> None:
    await died(house, a=BROKEN, b=BROKEN, c=BROKEN)
    first, *rest = await letters(house)
    await replay(house, first)
    assert [each.id for each in await letters(house, "open")] == [each.id for each in rest]
    moved = await replay(house, *await letters(house))
    assert set(moved.letter_ids) == {each.id for each in rest}
    await house.process({name: [draft(name)] for name in "abc"})
    assert {each.state for each in await letters(house)} == {"resolved"}


async def test_an_old_letter_replaces_nothing_newer(house: House) -> None:
    old = await died(house, a=BROKEN)
    new = await house.run({"a": [draft("newer")]})
    await replay(house, *await letters(house))
    await house.process({"a": [draft("older")]})
    assert await house.reasons(old) == {"good": "stored", "a": "unchanged (older_capture)"}
    assert await house.outcomes(new) == {"a": "stored", "good": "unchanged"}
    assert [each.state for each in await letters(house)] == ["resolved"]


async def test_a_discarded_letter_is_kept_with_who_and_when_and_can_still_be_replayed(house: House) -> None:
    await died(house, a=BROKEN)
    (letter,) = await letters(house)
    moved = await manage.discard(house.store, [letter.id], caller_of("key:abc", Role.OPERATOR))
    assert moved.letter_ids == (letter.id,)
    assert (await manage.discard(house.store, [letter.id], ME)).left == {"discarded": 1}
    kept = await deadletters.get(house.store, letter.id)
    assert (kept.state, kept.settled_by) == ("discarded", "key:abc")
    assert kept.settled_at is not None
    assert await deadletters.groups(house.store, Wanted()) == []
    assert (await replay(house, letter)).letter_ids == (letter.id,)
    await house.process({"a": [draft("a")]})
    assert [each.state for each in await letters(house)] == ["resolved"]


async def test_who_moved_what_stands_in_a_chain_of_hashes(house: House) -> None:
    await died(house, a=BROKEN, b=SLOW)
    found = await letters(house)
    await replay(house, *found)
    await manage.discard(house.store, [each.id for each in found], ME)  # both wait: nothing to discard
    async with house.store.read() as connection:
        lines = (await connection.execute(select(tables.audit_log).order_by(tables.audit_log.c.id))).all()
    assert [(each.action, each.target, each.actor) for each in lines] == [
        ("deadletter.replay", each.id, "me") for each in found
    ]
    assert [each.previous_hash for each in lines] == ["0" * 64, lines[0].hash]


async def test_letters_of_a_deleted_source_are_not_replayed(house: House) -> None:
    await died(house, a=BROKEN)
    found = await letters(house)
    await deletion.mark_deleted(house.store, "site")
    assert (await replay(house, *found)).left == {"source_deleted": 1}
    assert await house.process({}) == {}


async def test_letters_are_named_by_identifier_or_its_first_digits(house: House) -> None:
    await died(house, a=BROKEN, b=BROKEN)
    first, second = await letters(house)
    assert await manage.find(house.store, first.id) == first
    assert await manage.find(house.store, second.id[:-1]) in (first, second)
    with pytest.raises(Conflict, match="several"):
        await manage.find(house.store, first.id[:6])
    with pytest.raises(NotFound):
        await manage.find(house.store, "ffffffff")
    with pytest.raises(Invalid):
        await manage.find(house.store, "a letter")
