"""Brokers over the rows: whatever one loses, repeats or hands to the dead, each capture is processed and none twice."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import aio_pika
import pytest
from aiormq.connection import FrameReceiver
from tests.contract.queue_house import BROKERS, dispatcher_of, epoch_of
from tests.contract.store_house import House, opened_house
from tests.contract.test_queue import drained, identifiers, settle, waiting
from tests.harness.brokers import PATIENCE_S, OwnServer, own_redis

from tidemill.errors import Permanent, Transient
from tidemill.models.priority import PRIORITIES
from tidemill.queue.base import Claim
from tidemill.queue.dispatched import DispatchedQueue
from tidemill.queue.dispatcher import Dispatcher
from tidemill.queue.redis import RedisDispatcher
from tidemill.store import announcing, captures, workers

pytestmark = pytest.mark.timeout(PATIENCE_S)
URL = "redis://127.0.0.1:{port}/0"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened_house(tmp_path) as house:
        yield house


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[OwnServer]:
    """A Redis that keeps nothing over a restart."""
    with own_redis(tmp_path) as server:
        yield server


@pytest.fixture(params=BROKERS)
def process(request: pytest.FixtureRequest, house: House) -> Callable[[], DispatchedQueue]:
    """Makes the queue of one more process."""
    url = request.getfixturevalue(f"{request.param}_url")

    def begin() -> DispatchedQueue:
        return over(dispatcher_of(str(request.param), url, epoch_of(house.store)), house)

    return begin


def over(dispatcher: Dispatcher, house: House) -> DispatchedQueue:
    return DispatchedQueue(house.store, dispatcher, grace_s=0.0, patience_s=1.0)


def redis_queue(server: OwnServer, house: House, lease_s: float = 2.0) -> DispatchedQueue:
    return over(RedisDispatcher(URL.format(port=server.port), epoch=epoch_of(house.store), lease_s=lease_s), house)


async def worked_off(house: House, *queues: DispatchedQueue, of: int) -> list[Claim]:
    """Claim and settle until nothing waits; the claims."""
    claims: list[Claim] = []
    for _ in range(100):
        for queue in queues:
            for claim in await drained(house, queue, 3):
                await settle(house, claim)
                await queue.acknowledge(claim)
                claims.append(claim)
        if (await queues[0].backlog()).captures == 0:
            break
        house.store.turn_on(1.1)
        await asyncio.sleep(0.1)
    found = identifiers(*claims)
    assert len(found) == len(set(found)) == of, "each is processed, and none twice"
    return claims


async def test_two_processes_share_what_waits(house: House, process: Callable[[], DispatchedQueue]) -> None:
    ids = await waiting(house, "abcdefghijklmnopqrst")
    one, other = process(), process()
    await one.announce(ids)
    await worked_off(house, one, other, of=20)
    await one.close()
    await other.close()


async def test_what_was_announced_twice_is_processed_once(house: House, process: Callable[[], DispatchedQueue]) -> None:
    queue = process()
    ids = await waiting(house, "abcdef")
    await queue.announce(ids)
    await queue.announce(ids)  # marked already: says nothing
    await queue._dispatcher.publish([(each, "high") for each in ids])  # a publisher that did not hear of its success
    await worked_off(house, queue, of=6)
    await queue.close()


async def test_messages_without_a_row_are_forgotten(house: House, process: Callable[[], DispatchedQueue]) -> None:
    queue = process()
    unknown = ["00000000-0000-7000-8000-%012d" % each for each in range(50)]  # noqa: UP031
    await queue._dispatcher.publish([(each, "medium") for each in unknown])
    assert await drained(house, queue) == []
    await asyncio.sleep(0.1)
    assert await queue._dispatcher.depth() == 0
    await queue.close()


async def test_the_sweeper_announces_what_nobody_announced(
    house: House, process: Callable[[], DispatchedQueue]
) -> None:
    """A crawler that was killed between its commit and its announcement."""
    queue = process()
    await waiting(house, "abcdef")
    assert await queue.sweep() == 6
    assert await queue.sweep() == 0
    await worked_off(house, queue, of=6)
    await queue.close()


async def test_what_was_marked_and_never_published_is_found_out(
    house: House, process: Callable[[], DispatchedQueue], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A publisher that was killed between marking and publishing, or a broker that lost everything."""
    queue = process()

    async def killed(*_: object) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patch, suppress(asyncio.CancelledError):
        patch.setattr(queue._dispatcher, "publish", killed)
        patch.setattr(announcing, "unmark", killed)
        await queue.announce(await waiting(house, "abcdef"))
    await worked_off(house, queue, of=6)
    await queue.close()


async def test_what_was_never_published_is_found_out_while_the_broker_is_busy_with_others(
    house: House, process: Callable[[], DispatchedQueue], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number of messages tells nothing as long as there are some in work: their order does."""
    queue = process()

    async def killed(*_: object) -> None:
        raise asyncio.CancelledError

    lost = await waiting(house, "abc")
    with monkeypatch.context() as patch, suppress(asyncio.CancelledError):
        patch.setattr(queue._dispatcher, "publish", killed)
        patch.setattr(announcing, "unmark", killed)
        await queue.announce(lost)
    house.store.turn_on(100)
    others = await waiting(house, "def")
    await queue.announce(others)
    claims: list[Claim] = []
    while len(identifiers(*claims)) < len(others):
        claims.append(await queue.claim(house.worker.id, 10))
    house.store.turn_on(10)
    assert await queue.sweep() == len(lost)
    claims.append(await queue.claim(house.worker.id, 10))
    assert {each.id for each in claims[-1].captures} <= set(lost)
    for claim in claims:
        await queue.release(claim)
    await worked_off(house, queue, of=len(others) + len(lost))
    await queue.close()


async def test_what_a_cancelled_publisher_has_marked_is_due_at_once(
    house: House, process: Callable[[], DispatchedQueue], monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = process()

    async def cancelled(_: object) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patch, suppress(asyncio.CancelledError):
        patch.setattr(queue._dispatcher, "publish", cancelled)
        await queue.announce(await waiting(house, "abc"))
    assert await announcing.is_any_silent(house.store)
    await queue.close()


async def test_what_a_dead_process_held_comes_back(house: House, process: Callable[[], DispatchedQueue]) -> None:
    dying, heir = process(), process()
    await dying.announce(await waiting(house, "abcdef"))
    other = await workers.register(house.store, "processor")
    for _ in range(50):
        held = await dying.claim(other.id, 3)
        if held.captures:
            break
        await dying.wait(0.1)
    assert held.captures
    await dying.close()  # the connection ends, as it does with the process; nothing was given back
    house.store.turn_on(61)
    await workers.beat(house.store, house.worker)
    assert await workers.reclaim(house.store, 60) == 1
    claims = await worked_off(house, heir, of=6)
    again = [capture for claim in claims for capture in claim.captures if capture.attempts]
    assert {capture.id for capture in again} == set(identifiers(held))
    await heir.close()
    await workers.leave(house.store, other)


async def test_what_a_dead_process_held_is_announced_by_the_next_sweep(
    house: House, process: Callable[[], DispatchedQueue]
) -> None:
    """Its messages may be held by nobody for long: the rows are told of anew as soon as they are given back."""
    dead, heir = process(), process()
    await dead.announce(await waiting(house, "abc"))
    dying = await workers.register(house.store, "processor")
    held: set[str] = set()
    for _ in range(50):
        held |= set(identifiers(await dead.claim(dying.id, 3)))
        if len(held) == 3:
            break
        await dead.wait(0.1)
    assert await heir.sweep() == 0
    os.close(dying.lock_fd)
    assert await workers.reclaim(house.store, 60.0) == 1
    assert await heir.sweep() == 3
    await worked_off(house, heir, of=3)
    await dead.close()
    await heir.close()


async def test_priorities_share_each_batch_and_nobody_starves(
    house: House, process: Callable[[], DispatchedQueue]
) -> None:
    queue = process()
    published = [(f"00000000-0000-7000-8000-{n:012d}", p) for n, p in enumerate(PRIORITIES * 60)]
    await queue._dispatcher.publish(published)
    await queue._dispatcher.take(1)
    await asyncio.sleep(0.5)  # RabbitMQ sends ahead
    priority_of = dict(published)
    taken = [priority_of[message.capture_id] for message in await queue._dispatcher.take(50)]
    assert [taken.count(each) for each in PRIORITIES] == [30, 15, 5]
    await queue.close()


async def test_a_claim_that_cannot_be_given_back_holds_no_message(
    house: House, process: Callable[[], DispatchedQueue], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database is away. The rows come back with their worker; a message that nobody acknowledges keeps a broker
    from sending others ahead."""
    queue, other = process(), process()
    await queue.announce(await waiting(house, "ab"))
    claim = (await drained(house, queue, 9))[0]

    async def away(*_: object) -> None:
        raise Transient("no such server", reason="database_unavailable")

    monkeypatch.setattr(captures, "release", away)
    with pytest.raises(Transient):
        await queue.release(claim)
    await queue.close()
    await asyncio.sleep(0.3)
    assert await other._dispatcher.depth() == 0
    await other.close()


async def test_redis_that_lost_its_data_gets_it_back(house: House, redis: OwnServer) -> None:
    """FLUSHALL, or a restart without persistence: the rows are what counts."""
    queue = redis_queue(redis, house)
    await queue.announce(await waiting(house, "abcdefgh"))
    first = await queue.claim(house.worker.id, 3)
    redis.kill()
    redis.start()
    await settle(house, first)
    await queue.acknowledge(first)
    house.store.turn_on(2)
    await worked_off(house, queue, of=5)
    await queue.close()


async def test_without_redis_nothing_fails_and_nothing_is_lost(house: House, redis: OwnServer) -> None:
    queue = redis_queue(redis, house)
    await queue.announce(await waiting(house, "abc"))
    redis.kill()
    await queue.announce(await waiting(house, "defg"))
    assert (await queue.claim(house.worker.id, 9)).captures == ()
    assert await queue.sweep() == 0
    with pytest.raises(Transient) as told:
        await queue.check()
    assert told.value.reason == "queue_unavailable"
    assert (await queue.backlog()).captures == 10  # the second run visits what is known, too
    redis.start()
    house.store.turn_on(2)
    await worked_off(house, queue, of=10)
    await queue.close()


async def test_a_full_redis_makes_captures_wait_in_the_database(house: House, tmp_path: Path) -> None:
    with own_redis(tmp_path, "--maxmemory", "1") as full:
        queue = redis_queue(full, house)
        await queue.announce(await waiting(house, "abc"))
        assert (await queue.backlog()).captures == 3
        assert (await queue.claim(house.worker.id, 9)).captures == ()
        await queue.close()


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
async def test_an_evicting_redis_is_refused(house: House, tmp_path: Path, policy: str) -> None:
    with own_redis(tmp_path, "--maxmemory-policy", policy) as server:
        queue = redis_queue(server, house)
        with pytest.raises(Permanent, match=policy) as told:
            await queue.check()
        assert told.value.reason == "queue_evicts"
        with pytest.raises(Permanent):
            await queue.claim(house.worker.id, 1)
        await queue.close()


async def test_a_wrong_password_is_said(house: House, tmp_path: Path) -> None:
    with own_redis(tmp_path, "--requirepass", "right") as server:
        queue = redis_queue(server, house)
        with pytest.raises(Permanent) as told:
            await queue.check()
        assert told.value.reason == "queue_refused"
        await queue.close()


async def test_redis_takes_back_what_nobody_acknowledged_for_a_lease(house: House, redis: OwnServer) -> None:
    """A process that lives, took messages and never came to claim them."""
    stuck, heir = redis_queue(redis, house, lease_s=0.2), redis_queue(redis, house, lease_s=0.2)
    await stuck.announce(await waiting(house, "abcdef"))
    assert len(await stuck._dispatcher.take(4)) == 4
    await asyncio.sleep(0.3)
    await worked_off(house, heir, of=6)
    assert await heir._dispatcher.depth() == 0
    await stuck.close()
    await heir.close()


async def test_rabbitmq_hands_what_it_delivered_too_often_back_to_the_rows(house: House, rabbitmq_url: str) -> None:
    dispatcher = dispatcher_of("rabbitmq", rabbitmq_url, epoch_of(house.store))
    queue = over(dispatcher, house)
    await queue.announce(await waiting(house, "abc"))
    rejected = await _rejected(rabbitmq_url, epoch_of(house.store))
    assert len(rejected) == 3
    for _ in range(100):
        await queue.sweep()
        if await dispatcher.depth():
            break
        await asyncio.sleep(0.05)
    await worked_off(house, queue, of=3)
    await queue.close()


async def _rejected(url: str, epoch: str) -> list[str]:
    """Deliver the messages of the medium queue again and again, until it delivers them no more."""
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel()
        queue = await channel.get_queue(f"tidemill.{epoch}.medium")
        seen: list[str] = []
        while (incoming := await queue.get(fail=False)) is not None:
            seen += incoming.body.decode().split()
            await incoming.reject(requeue=True)
            if len(seen) > 500:
                raise AssertionError("delivered for ever")
        return sorted(set(seen))


async def test_a_rabbitmq_that_is_not_there_is_waited_for(house: House) -> None:
    queue = over(dispatcher_of("rabbitmq", "amqp://127.0.0.1:1/", epoch_of(house.store)), house)
    await queue.announce(await waiting(house, "ab"))
    assert (await queue.claim(house.worker.id, 9)).captures == ()
    with pytest.raises(Transient) as told:
        await queue.check()
    assert told.value.reason == "queue_unavailable"
    await queue.close()


async def test_a_rabbitmq_that_goes_in_the_middle_of_its_welcome_is_waited_for(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two frames its client takes the end of a connection for the end of an iteration, which is no error."""

    async def ended(*_: object, **__: object) -> None:
        reader = asyncio.StreamReader()
        reader.feed_eof()
        await FrameReceiver(reader).get_frame()

    monkeypatch.setattr(aio_pika, "connect", ended)
    dispatcher = dispatcher_of("rabbitmq", "amqp://127.0.0.1:1/", epoch_of(house.store))
    with pytest.raises(Transient, match="does not answer"):
        await dispatcher.take(1)
    await dispatcher.close()


@pytest.mark.parametrize("command", ["publish", "depth", "take"])
@pytest.mark.parametrize("broker", BROKERS)
async def test_who_is_cancelled_while_he_asks_the_broker_ends(
    house: House, request: pytest.FixtureRequest, broker: str, command: str
) -> None:
    """`asyncio.wait_for` of Python 3.11, which the clients use, swallows some cancellations; a role never ended."""
    dispatcher = dispatcher_of(broker, request.getfixturevalue(f"{broker}_url"), epoch_of(house.store))
    given = ([("capture", PRIORITIES[0])],) if command == "publish" else (1,) if command == "take" else ()

    async def asking() -> None:
        while True:
            await getattr(dispatcher, command)(*given)
            await asyncio.sleep(0)

    for turns in range(60):
        task = asyncio.create_task(asking())
        for _ in range(turns):
            await asyncio.sleep(0.0001)
        task.cancel()
        await asyncio.wait({task}, timeout=0.2)
        has_ended = task.done()
        while not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=0.2)
        assert has_ended, f"a cancellation after {turns} turns went unheeded"
    await dispatcher.close()
