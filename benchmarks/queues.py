"""Queue ports alone: identifiers acknowledged a second, the delay at 150 a second, and Celery on Redis beside them.

A broker is measured as its port stands (`queue.dispatcher`), the default queue over rows of SQLite and of a PostgreSQL
that flushes each commit, and a broker once more with the rows that it dispatches over ("with rows"; SQLite's). Rows
are claimed and done by two takers, as two processors would, each in a transaction for the claim and one for what became
of it: by the statements of `captures` and `closing`, but with nothing else to store. The servers are those of the
tests. Celery gets the same identifiers in the same run, in its own environment. Floors: issue 5.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.harness.brokers import own_redis, shared_rabbitmq

from benchmarks.captured import insert_captures, show
from benchmarks.measure import arguments, servers_cpu_s
from benchmarks.peers.environment import peers_python
from benchmarks.postgres import careful_postgres
from tidemill.models.ids import new_id
from tidemill.queue.base import Claim, Queue
from tidemill.queue.database import DatabaseQueue
from tidemill.queue.dispatched import DispatchedQueue
from tidemill.queue.dispatcher import Dispatcher
from tidemill.queue.rabbitmq import RabbitDispatcher
from tidemill.queue.redis import RedisDispatcher
from tidemill.settings import DatabaseSettings
from tidemill.store import claiming, schema, workers
from tidemill.store.engine import Store, open_store

BATCH = 1000
PER_S = 150
PEER = Path(__file__).resolve().parent / "peers" / "celery_queue.py"
TAKERS = 2
FLOORS = {"database (SQLite)": 30, "database (PostgreSQL)": 25, "redis": 50, "rabbitmq": 4}


@dataclass(frozen=True, slots=True)
class Measured:
    """Identifiers a second into the queue and out of it again; median and 99th percentile of the way in seconds."""

    name: str
    publish_per_s: float
    drain_per_s: float
    p50_s: float | None = None
    p99_s: float | None = None
    cpu_us: float | None = None


def main() -> None:
    """Measure every queue whose server is here, then Celery, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ids", type=int, default=50_000, help="identifiers (a fifth of them for RabbitMQ and Celery)")
    parser.add_argument("--latencies", type=int, default=900, help="identifiers of the latency measurement")
    options = parser.parse_args(arguments())
    folder = Path(tempfile.mkdtemp(prefix="tidemill-queues-"))
    try:
        found = asyncio.run(_ours(folder, options.ids, options.latencies))
        peers = _celery(folder, options.ids // 5, options.latencies)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _show(found, peers)


async def _ours(folder: Path, ids: int, latencies: int) -> list[Measured]:
    found = []
    store = await _store(f"sqlite:///{folder}/queues.db", folder)
    rows = DatabaseQueue(store)
    found.append(await _with_rows("database (SQLite)", store, rows, ids, latencies, is_told=True))
    with careful_postgres() as server:
        shared = await _store(await server.empty(), folder)
        listening = DatabaseQueue(shared)
        found.append(await _with_rows("database (PostgreSQL)", shared, listening, ids, latencies))
        await listening.close()
        await shared.close()
    if shutil.which("redis-server"):
        with own_redis(folder) as server:
            redis = RedisDispatcher(f"redis://127.0.0.1:{server.port}/0", epoch=new_id(), lease_s=60)
            found.append(await _alone("redis", redis, ids, latencies))
            found.append(await _with_rows("redis, with rows", store, DispatchedQueue(store, redis), ids, latencies))
            await redis.close()
    if shutil.which("rabbitmq-server") or os.environ.get("TIDEMILL_TEST_RABBITMQ_URL"):
        rabbit = RabbitDispatcher(shared_rabbitmq(folder), epoch=new_id(), prefetch=BATCH)
        found.append(await _alone("rabbitmq", rabbit, ids // 5, latencies))
        queue = DispatchedQueue(store, rabbit)
        found.append(await _with_rows("rabbitmq, with rows", store, queue, ids // 5, latencies))
        await rabbit.close()
    await store.close()
    return found


async def _alone(name: str, broker: Dispatcher, number: int, latencies: int) -> Measured:
    ids = [new_id() for _ in range(number)]
    published_s = await _timed(broker.publish([(each, "medium") for each in ids]))

    async def next_ones() -> int:
        taken = await broker.take(BATCH)
        if taken:
            await broker.acknowledge(taken)
        else:
            await broker.wait(0.5)
        return len(taken)

    before_s = _cpu_s()
    drained_s = await _timed(_until_drained(next_ones, number))
    cpu_us = 1e6 * (_cpu_s() - before_s) / number

    async def publish(capture_id: str) -> None:
        await broker.publish([(capture_id, "medium")])

    async def take() -> Sequence[str]:
        taken = await broker.take(BATCH)
        if not taken:
            await broker.wait(0.5)
            return ()
        await broker.acknowledge(taken)
        return [each.capture_id for each in taken]

    late = await _late(latencies, publish, take)
    return Measured(name, number / published_s, number / drained_s, *late, cpu_us)


async def _with_rows(
    name: str, store: Store, queue: Queue, number: int, latencies: int, *, is_told: bool = False
) -> Measured:
    """Over rows of captures: claimed in a transaction and done in another, as by `store_batch`.

    `is_told`: who takes is told by who publishes, as the processor is by a crawler of its process.
    """
    worker = await workers.register(store, "benchmark")
    first = await insert_captures(store, BATCH)
    await _announced(queue, first)
    await _drain(store, queue, worker.id, first)  # connections are open, statements prepared
    ids = await insert_captures(store, number)
    published_s = await _timed(_announced(queue, ids))
    before_s = _cpu_s()
    drained_s = await _timed(_drain(store, queue, worker.id, ids))
    cpu_us = 1e6 * (_cpu_s() - before_s) / number
    waiting, news = await insert_captures(store, latencies, "hidden"), asyncio.Event()

    async def publish(capture_id: str) -> None:
        async with store.write() as connection:
            await show(connection, capture_id)
        await queue.announce([capture_id])
        news.set()

    async def take() -> Sequence[str]:
        claim = await queue.claim(worker.id, BATCH)
        if not claim.captures:
            await (asyncio.wait_for(news.wait(), 5) if is_told else queue.wait(0.5))
            news.clear()
            return ()
        await _settle(store, queue, claim)
        return [each.id for each in claim.captures]

    late = await _late(latencies, publish, take, waiting)
    await workers.leave(store, worker)
    return Measured(name, number / published_s, number / drained_s, *late, cpu_us)


async def _drain(store: Store, queue: Queue, worker_id: str, ids: Sequence[str]) -> None:
    """Two takers, until all is done."""
    done = 0

    async def taking() -> None:
        nonlocal done
        while done < len(ids):
            claim = await queue.claim(worker_id, BATCH)
            if claim.captures:
                await _settle(store, queue, claim)
                done += len(claim.captures)
            else:
                await queue.wait(0.01)

    await asyncio.gather(*(taking() for _ in range(TAKERS)))


async def _settle(store: Store, queue: Queue, claim: Claim) -> None:
    """What is left of storing results if there are none: the rows are done, by the statement that `closing` uses."""
    async with store.write() as connection:
        await claiming.done(connection, [each.id for each in claim.captures])
    await queue.acknowledge(claim)


async def _announced(queue: Queue, ids: list[str]) -> None:
    for start in range(0, len(ids), BATCH):
        await queue.announce(ids[start : start + BATCH])


async def _until_drained(next_ones: Callable[[], Awaitable[int]], number: int) -> None:
    done = 0
    while done < number:
        done += await next_ones()


def _cpu_s() -> float:
    """CPU seconds of this process and of the servers."""
    return time.process_time() + servers_cpu_s()


async def _timed(work: Awaitable[None]) -> float:
    begun = time.perf_counter()
    await work
    return time.perf_counter() - begun


async def _late(
    number: int,
    publish: Callable[[str], Awaitable[None]],
    take: Callable[[], Awaitable[Sequence[str]]],
    given: list[str] | None = None,
) -> tuple[float, float]:
    """From before it is published to after it is acknowledged: the median and the 99th percentile."""
    ids = given or [new_id() for _ in range(number)]
    sent: dict[str, float] = {}
    late: list[float] = []

    async def sending() -> None:
        begun = time.perf_counter()
        for index, each in enumerate(ids):
            await asyncio.sleep(max(0.0, begun + index / PER_S - time.perf_counter()))
            sent[each] = time.perf_counter()
            await publish(each)

    sender = asyncio.create_task(sending())
    while len(late) < number:
        taken = await take()
        late += [time.perf_counter() - sent[each] for each in taken]
    await sender
    late.sort()
    return late[int(number * 0.5)], late[int(number * 0.99)]


async def _store(url: str, folder: Path) -> Store:
    store = open_store(url, DatabaseSettings(), folder)
    await schema.ensure_schema(store)
    return store


def _celery(folder: Path, number: int, latencies: int) -> list[Measured]:
    python = peers_python()
    if python is None or not shutil.which("redis-server"):
        return []
    found = []
    for pool in ("solo", "prefork"):
        with own_redis(folder) as server:
            command = [str(python), str(PEER), f"redis://127.0.0.1:{server.port}/0", str(number), pool, str(latencies)]
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
        if done.returncode:
            print(f"\n*** Celery ({pool}) LEFT OUT: {done.stderr[-800:]} ***")
            continue
        found.append(Measured(f"Celery on Redis ({pool})", **json.loads(done.stdout.splitlines()[-1])))
    return found


def _show(ours: list[Measured], peers: list[Measured]) -> None:
    best = max((each.drain_per_s for each in peers), default=None)
    print("\nqueues: identifiers a second published, and taken and acknowledged; delay at 150 a second")
    print("CPU: what it takes, servers included, to take and acknowledge one")
    columns = ("published/s", "drained/s", "× Celery", "floor", "p50 ms", "p99 ms", "CPU µs")
    print(f"{'':<28}" + "".join(f"{each:>12}" for each in columns))
    for each in [*ours, *peers]:
        cells = (
            f"{each.publish_per_s:,.0f}",
            f"{each.drain_per_s:,.0f}",
            f"{each.drain_per_s / best:.1f}" if best else "-",
            f"{FLOORS.get(each.name, '')}",
            "-" if each.p50_s is None else f"{1000 * each.p50_s:.1f}",
            "-" if each.p99_s is None else f"{1000 * each.p99_s:.1f}",
            "-" if each.cpu_us is None else f"{each.cpu_us:.0f}",
        )
        print(f"{each.name:<28}" + "".join(f"{cell:>12}" for cell in cells))


if __name__ == "__main__":
    main()
