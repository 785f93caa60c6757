"""Every queue: a capture is claimed by one, comes back when it is given back, and alone when it failed before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.contract.queue_house import QUEUES, opened_queue
from tests.contract.store_house import House, draft, opened_house, result_of
from tests.harness.brokers import PATIENCE_S

from tidemill.models.failure import Failure
from tidemill.queue.base import Claim, Queue
from tidemill.store import workers
from tidemill.store.processed import store_batch

pytestmark = pytest.mark.timeout(PATIENCE_S)
FAILURE = Failure("timeout", "Timeout", "too slow")


@pytest.fixture
async def house(tmp_path: Path, database: str) -> AsyncIterator[House]:
    async with opened_house(tmp_path) as house:
        yield house


@pytest.fixture(params=QUEUES)
async def empty(request: pytest.FixtureRequest, house: House) -> AsyncIterator[Queue]:
    """A queue with nothing in it."""
    async with opened_queue(request, house.store) as queue:
        yield queue


@pytest.fixture
async def queue(house: House, empty: Queue) -> Queue:
    """A queue in which ten captures wait."""
    await empty.announce(await waiting(house, "abcdefghij"))
    return empty


async def waiting(house: House, paths: str) -> list[str]:
    """Captures of these pages whose rows are committed."""
    run = await house.begin(*paths)
    results = [house.captured(visit) for visit in await house.lease(run)]
    await house.record(*results)
    return [result.capture.id for result in results if result.capture]


def identifiers(*claims: Claim) -> list[str]:
    return [capture.id for claim in claims for capture in claim.captures]


async def claimed(queue: Queue, worker_id: str, limit: int) -> Claim:
    """As many as are asked for."""
    for _ in range(100):
        claim = await queue.claim(worker_id, limit)
        if len(claim.captures) == limit:
            return claim
        await queue.release(claim)
        await queue.wait(0.05)
    raise AssertionError(f"{limit} captures do not come together")


async def drained(house: House, queue: Queue, limit: int = 100) -> list[Claim]:
    """All that can be claimed, after the sweeper was there. A broker needs a moment until it has handed over all."""
    claims: list[Claim] = []
    for _ in range(3):
        await queue.sweep()
        while (claim := await queue.claim(house.worker.id, limit)).captures:
            claims.append(claim)
        await queue.wait(0.05)
    return claims


async def settle(house: House, claim: Claim, fails: bool = False) -> None:
    batch = [(each, FAILURE if fails else result_of(each, [draft(each.url)])) for each in claim.captures]
    await store_batch(house.store, claim.token, batch, max_attempts=9, retry_delay_s=1.0)


async def test_a_capture_is_claimed_by_one(house: House, queue: Queue) -> None:
    claims = await asyncio.gather(*(queue.claim(worker, 3) for worker in (house.worker.id, "b" * 32, "c" * 32)))
    assert all(len(claim.captures) <= 3 for claim in claims)
    claims += await drained(house, queue, 3)
    assert len(identifiers(*claims)) == len(set(identifiers(*claims))) == 10
    tokens = [claim.token for claim in claims if claim.captures]
    assert len(tokens) == len(set(tokens)) >= 4


async def test_the_oldest_come_first(house: House, queue: Queue) -> None:
    claims = await drained(house, queue, 4)
    assert max(len(claim.captures) for claim in claims) == 4
    assert identifiers(*claims) == sorted(identifiers(*claims))


async def test_what_is_given_back_comes_again_untouched(house: House, queue: Queue) -> None:
    claim = await claimed(queue, house.worker.id, 4)
    await queue.release(claim)
    again = await drained(house, queue)
    given_back = {capture for each in again for capture in each.captures} & set(claim.captures)
    assert given_back == set(claim.captures)
    assert claim.token not in {each.token for each in again}
    await queue.release(claim)  # too late: it is somebody else's now
    assert await drained(house, queue) == []


async def test_what_is_stored_is_not_claimed_again(house: House, queue: Queue) -> None:
    for claim in await drained(house, queue):
        await settle(house, claim)
        await queue.acknowledge(claim)
        await queue.release(claim)
    house.store.turn_on(3600)
    assert await drained(house, queue) == []
    assert (await queue.backlog()).captures == 0


async def test_what_failed_waits_and_then_comes_alone(house: House, queue: Queue) -> None:
    failed = await claimed(queue, house.worker.id, 2)
    await settle(house, failed, fails=True)
    await queue.acknowledge(failed)
    assert not set(identifiers(failed)) & set(identifiers(*await drained(house, queue)))
    house.store.turn_on(2)
    alone = await drained(house, queue)
    assert [len(claim.captures) for claim in alone] == [1, 1]
    assert sorted(identifiers(*alone)) == sorted(identifiers(failed))
    assert all(capture.attempts == 1 for claim in alone for capture in claim.captures)


async def test_the_claims_of_the_dead_come_back_one_by_one(house: House, queue: Queue) -> None:
    """One of them may be what killed its processor: it counts as an attempt, and no neighbour dies with it again."""
    other = await workers.register(house.store, "processor")
    claim = await claimed(queue, other.id, 10)
    house.store.turn_on(61)
    await workers.beat(house.store, house.worker)
    assert await workers.reclaim(house.store, 60) == 1
    alone = [each for each in await drained(house, queue) if each.captures[0].attempts]
    assert all(len(each.captures) == 1 and each.captures[0].attempts == 1 for each in alone)
    assert sorted(identifiers(*alone)) == sorted(identifiers(claim))
    await workers.leave(house.store, other)


async def test_the_backlog_is_what_waits_and_what_is_being_processed(house: House, queue: Queue) -> None:
    backlog = await queue.backlog()
    assert backlog.captures == 10
    claim = await claimed(queue, house.worker.id, 3)
    assert await queue.backlog() == backlog
    assert backlog.oldest_fetched_at == min(capture.fetched_at for capture in claim.captures)
    await settle(house, claim)
    assert (await queue.backlog()).captures == 7
    for rest in await drained(house, queue):
        await settle(house, rest)
    assert (await queue.backlog()) == type(backlog)(0, None)
