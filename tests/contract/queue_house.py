"""Every queue over a store of a test: `QUEUES` names them, `opened_queue` gives the one that a test asks for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tidemill.models.ids import derived_id
from tidemill.queue.base import Queue
from tidemill.queue.database import DatabaseQueue
from tidemill.queue.dispatched import DispatchedQueue
from tidemill.queue.dispatcher import Dispatcher
from tidemill.queue.rabbitmq import RabbitDispatcher
from tidemill.queue.redis import RedisDispatcher
from tidemill.store.engine import Store

BROKERS = ("redis", "rabbitmq")
QUEUES = ("database", *BROKERS)
LEASE_S = 2.0


@asynccontextmanager
async def opened_queue(request: pytest.FixtureRequest, store: Store) -> AsyncIterator[Queue]:
    """The queue named by the parameter of a fixture, whose sweeper leaves nothing to anybody else."""
    queue = await queue_over(str(request.param), request, store)
    try:
        yield queue
    finally:
        await queue.close()


async def queue_over(name: str, request: pytest.FixtureRequest, store: Store) -> Queue:
    """One more process's way to the queue."""
    if name == "database":
        return DatabaseQueue(store)
    dispatcher = dispatcher_of(name, request.getfixturevalue(f"{name}_url"), epoch_of(store))
    return DispatchedQueue(store, dispatcher, grace_s=0.0, patience_s=1.0)


def epoch_of(store: Store) -> str:
    """An epoch of its own for each test: their stores are copies of one."""
    return derived_id("epoch", store.url)


def dispatcher_of(name: str, url: str, epoch: str, *, prefetch: int = 200) -> Dispatcher:
    """The broker alone, of one database."""
    if name == "redis":
        return RedisDispatcher(url, epoch=epoch, lease_s=LEASE_S)
    return RabbitDispatcher(url, epoch=epoch, prefetch=prefetch)
