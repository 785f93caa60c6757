"""Every queue: a capture is claimed by one, comes back when it is given back, and alone when it failed before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.contract.store_house import House, draft, opened_house, result_of

from tidemill.models.failure import Failure
from tidemill.queue.base import Claim, Queue
from tidemill.queue.database import DatabaseQueue
from tidemill.store import workers
from tidemill.store.processed import store_batch

FAILURE = Failure("timeout", "Timeout", "too slow")


@pytest.fixture
async def house(tmp_path: Path, database: str) -> AsyncIterator[House]:
    async with opened_house(tmp_path) as house:
        yield house


@pytest.fixture(params=["database"])
async def queue(request: pytest.FixtureRequest, house: House) -> Queue:
    """A queue in which ten captures wait."""
    queue = DatabaseQueue(house.store)
    run = await house.begin(*"abcdefghij")
    results = [house.captured(visit) for visit in await house.lease(run)]
    await house.record(*results)
    await queue.announce([result.capture.id for result in results if result.capture])
    return queue


def identifiers(*claims: Claim) -> list[str]:
    return [capture.id for claim in claims for capture in claim.captures]


async def settle(house: House, claim: Claim, fails: bool = False) -> None:
    batch = [(each, FAILURE if fails else result_of(each, [draft(each.url)])) for each in claim.captures]
    await store_batch(house.store, claim.token, batch, max_attempts=9, retry_delay_s=1.0)


async def test_a_capture_is_claimed_by_one(house: House, queue: Queue) -> None:
    claims = await asyncio.gather(
        *(queue.claim(worker, 3) for worker in (house.worker.id, "b" * 32, house.worker.id, "c" * 32))
    )
    assert sorted(len(claim.captures) for claim in claims) == [1, 3, 3, 3]
    assert len(set(identifiers(*claims))) == 10
    assert len({claim.token for claim in claims}) == 4
    assert (await queue.claim(house.worker.id, 3)).captures == ()


async def test_the_oldest_come_first(house: House, queue: Queue) -> None:
    first, rest = await queue.claim(house.worker.id, 4), await queue.claim(house.worker.id, 100)
    assert len(first.captures) == 4
    assert identifiers(first, rest) == sorted(identifiers(first, rest))


async def test_what_is_given_back_comes_again_untouched(house: House, queue: Queue) -> None:
    claim = await queue.claim(house.worker.id, 4)
    await queue.release(claim)
    again = await queue.claim(house.worker.id, 4)
    assert again.captures == claim.captures
    assert again.token != claim.token
    await queue.release(claim)  # too late: it is somebody else's now
    assert not set(identifiers(await queue.claim(house.worker.id, 100))) & set(identifiers(again))


async def test_what_is_stored_is_not_claimed_again(house: House, queue: Queue) -> None:
    claim = await queue.claim(house.worker.id, 100)
    await settle(house, claim)
    await queue.acknowledge(claim)
    await queue.release(claim)
    house.store.turn_on(3600)
    assert (await queue.claim(house.worker.id, 100)).captures == ()


async def test_what_failed_waits_and_then_comes_alone(house: House, queue: Queue) -> None:
    failed = await queue.claim(house.worker.id, 2)
    await settle(house, failed, fails=True)
    rest = await queue.claim(house.worker.id, 100)
    assert len(rest.captures) == 8
    await settle(house, rest)
    assert (await queue.claim(house.worker.id, 100)).captures == ()
    house.store.turn_on(2)
    alone = [await queue.claim(house.worker.id, 100) for _ in range(3)]
    assert [len(claim.captures) for claim in alone] == [1, 1, 0]
    assert sorted(identifiers(*alone)) == sorted(identifiers(failed))
    assert all(capture.attempts == 1 for claim in alone for capture in claim.captures)


async def test_the_claims_of_the_dead_come_back_one_by_one(house: House, queue: Queue) -> None:
    """One of them may be what killed its processor: it counts as an attempt, and no neighbour dies with it again."""
    other = await workers.register(house.store, "processor")
    claim = await queue.claim(other.id, 10)
    house.store.turn_on(61)
    await workers.beat(house.store, house.worker)
    assert await workers.reclaim(house.store, 60) == 1
    alone = [await queue.claim(house.worker.id, 10) for _ in claim.captures]
    assert all(len(each.captures) == 1 and each.captures[0].attempts == 1 for each in alone)
    assert sorted(identifiers(*alone)) == sorted(identifiers(claim))
    await workers.leave(house.store, other)


async def test_the_backlog_is_what_waits_and_what_is_being_processed(house: House, queue: Queue) -> None:
    backlog = await queue.backlog()
    assert backlog.captures == 10
    claim = await queue.claim(house.worker.id, 3)
    assert await queue.backlog() == backlog
    assert backlog.oldest_fetched_at == min(capture.fetched_at for capture in claim.captures)
    await settle(house, claim)
    assert (await queue.backlog()).captures == 7
    await settle(house, await queue.claim(house.worker.id, 100))
    assert (await queue.backlog()) == type(backlog)(0, None)
