"""Which queue `queue.url` names. The brokers' clients are imported only when they are named."""

from __future__ import annotations

from functools import partial
from urllib.parse import urlsplit

from tidemill.errors import Invalid
from tidemill.queue.base import Queue
from tidemill.queue.database import DatabaseQueue
from tidemill.queue.dispatched import DispatchedQueue
from tidemill.queue.dispatcher import Dispatcher
from tidemill.queue.metered import MeteredQueue
from tidemill.settings import Settings
from tidemill.store import schema
from tidemill.store.engine import Store
from tidemill.telemetry.metrics import Metrics

_LANES = 2
_REDIS_PATIENCE_S, _RABBITMQ_PATIENCE_S = 3.0, 10.0
"""RabbitMQ does not tell how many messages are under way, so it is suspected of losses later."""


async def open_queue(settings: Settings, store: Store, metrics: Metrics) -> Queue:
    """The queue, counted in `metrics`. No broker is asked yet: one that is gone is waited for.

    Raises `Invalid` (`queue_url`).
    """
    url = settings.queue.url
    scheme = urlsplit(url).scheme
    if scheme == "database":
        return MeteredQueue(DatabaseQueue(store), metrics)
    epoch = await schema.epoch(store)
    patience_s = _REDIS_PATIENCE_S if scheme in ("redis", "rediss") else _RABBITMQ_PATIENCE_S
    failed = partial(metrics.count_queue_error, "broker")
    queue = DispatchedQueue(store, open_dispatcher(settings, epoch), patience_s=patience_s, failed=failed)
    return MeteredQueue(queue, metrics)


def open_dispatcher(settings: Settings, epoch: str) -> Dispatcher:
    """The broker alone, for one database. Raises `Invalid` (`queue_url`)."""
    url, lease_s = settings.queue.url, settings.queue.lease_s
    match urlsplit(url).scheme:
        case "redis" | "rediss":
            try:
                from tidemill.queue.redis import RedisDispatcher
            except ImportError as error:
                raise _lacks("redis") from error
            return RedisDispatcher(url, epoch=epoch, lease_s=lease_s)
        case "amqp" | "amqps":
            try:
                from tidemill.queue.rabbitmq import RabbitDispatcher
            except ImportError as error:
                raise _lacks("rabbitmq") from error
            return RabbitDispatcher(url, epoch=epoch, prefetch=_LANES * settings.process.batch_size)
        case scheme:
            raise Invalid(
                f"queue.url begins with {scheme!r}; begin it with database:, redis:, rediss:, amqp: or amqps:",
                reason="queue_url",
            )


def _lacks(extra: str) -> Invalid:
    return Invalid(f"queue.url needs the extra {extra}: pip install 'tidemill[{extra}]'", reason="queue_url")
