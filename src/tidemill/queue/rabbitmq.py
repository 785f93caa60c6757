"""A broker made of RabbitMQ's quorum queues: one for each priority, publisher confirms, nothing unroutable.

Needs RabbitMQ 3.10. A message holds the identifiers of a few captures of one priority (`parcels`). Queues deliver a
message so often and no more: then it goes to a queue of the dead, from which it is handed back to the rows
(`dispatched`). The names of all queues bear the database's epoch: several databases share a RabbitMQ.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractQueue
from aio_pika.exceptions import AMQPError, AuthenticationError, DeliveryError, ProbableAuthenticationError

from tidemill.errors import Permanent, Transient
from tidemill.models.priority import PRIORITIES, Turns
from tidemill.queue.cancellation import heeded
from tidemill.queue.dispatcher import Message
from tidemill.queue.parcels import IN_ONE, packed, priority_of, settled, unpacked
from tidemill.queue.pause import Pause
from tidemill.queue.tls import tls_fault

_TIMEOUT_S = 5.0
_HEARTBEAT_S = 5
"""RabbitMQ is believed to be there for three of these without a word from it: the client's own minute is too long."""

# The last one: a connection that ends between two frames of the greeting.
_BROKEN = (AMQPError, OSError, TimeoutError, RuntimeError, asyncio.InvalidStateError, StopAsyncIteration)
"""What aio_pika raises when a connection is lost."""

_AT_ONCE = 200
_DELIVERIES = 20
_DEAD = "dead"


@dataclass(slots=True)
class _Line:
    """One connection with what came over it. Receipts of an older one mean nothing to a newer one."""

    connection: AbstractConnection
    publishing: AbstractChannel
    consuming: AbstractChannel
    queues: dict[str, AbstractQueue] = field(default_factory=dict)
    arrived: dict[str, deque[Message]] = field(default_factory=lambda: {each: deque() for each in PRIORITIES})
    news: asyncio.Event = field(default_factory=asyncio.Event)
    consumes: bool = False

    @property
    def is_alive(self) -> bool:
        return not (self.connection.is_closed or self.publishing.is_closed or self.consuming.is_closed)


class RabbitDispatcher:
    """Implements `queue.dispatcher.Dispatcher` over RabbitMQ. `prefetch`: messages on their way to this process."""

    def __init__(self, url: str, *, epoch: str, prefetch: int) -> None:
        self._url = url
        self._shown = shown(url)
        self._prefix = f"tidemill.{epoch}"
        self._prefetch = prefetch
        self._turns = Turns()
        self._pause = Pause()
        self._line: _Line | None = None
        self._opening = asyncio.Lock()

    async def publish(self, announced: Sequence[tuple[str, str]]) -> None:
        """See `Dispatcher.publish`: each piece is confirmed by the queues' majority before the next one goes out."""
        async with self._linked() as line:
            channel: Any = await line.publishing.get_underlay_channel()  # its type does not know `wait`
            bodies = list(packed(announced))
            for start in range(0, len(bodies), _AT_ONCE):
                sending = [
                    channel.basic_publish(
                        body, routing_key=self._queue(priority), properties=_properties(), mandatory=True, wait=False
                    )
                    for priority, body in bodies[start : start + _AT_ONCE]
                ]
                async with asyncio.timeout(_TIMEOUT_S):
                    await asyncio.gather(*sending)

    async def take(self, limit: int) -> list[Message]:
        """See `Dispatcher.take`: of what the broker has sent ahead."""
        async with self._linked() as line:
            await self._consume(line)
            taken = self._turns.deal(line.arrived, limit)
            for message in taken:
                line.arrived[priority_of(message)].popleft()
            if not any(line.arrived.values()):
                line.news.clear()
            return taken

    async def wait(self, timeout_s: float) -> None:
        """See `Dispatcher.wait`."""
        async with self._linked() as line:
            await self._consume(line)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(line.news.wait(), timeout_s)

    async def acknowledge(self, messages: Sequence[Message]) -> None:
        """See `Dispatcher.acknowledge`. What came over a connection that is gone has been given back with it."""
        async with self._linked() as line, asyncio.timeout(_TIMEOUT_S):
            channel = await line.consuming.get_underlay_channel()
            for tag in settled(messages, _Tag):
                if tag.line is line:
                    await channel.basic_ack(tag.number, wait=False)

    async def depth(self) -> int:
        """See `Dispatcher.depth`. RabbitMQ counts messages that nobody has taken, each taken for a full one."""
        async with self._linked() as line, asyncio.timeout(_TIMEOUT_S):
            declared = [await line.publishing.declare_queue(self._queue(each), passive=True) for each in PRIORITIES]
            return IN_ONE * sum(each.declaration_result.message_count or 0 for each in declared)

    async def abandoned(self) -> list[Message]:
        """See `Dispatcher.abandoned`: the queue of the dead. What a lost connection held, RabbitMQ gives to others."""
        async with self._linked() as line, asyncio.timeout(_TIMEOUT_S):
            found: list[Message] = []
            while len(found) < _AT_ONCE:
                incoming = await line.queues[_DEAD].get(fail=False, timeout=_TIMEOUT_S)
                if incoming is None:
                    break
                found += unpacked(incoming.body, _DEAD, _Tag(line, incoming.delivery_tag or 0))
            return found

    async def check(self) -> None:
        """See `Dispatcher.check`."""
        async with self._linked() as line, asyncio.timeout(_TIMEOUT_S):
            await line.publishing.declare_queue(self._queue(PRIORITIES[0]), passive=True)

    async def close(self) -> None:
        """See `Dispatcher.close`. The broker gives what was not acknowledged to others."""
        line, self._line = self._line, None
        if line is not None:
            await _hang_up(line)

    def _queue(self, name: str) -> str:
        return f"{self._prefix}.{name}"

    @asynccontextmanager
    async def _linked(self) -> AsyncIterator[_Line]:
        """The connection, made if need be. RabbitMQ's errors as ours; a broken connection is not used again."""
        self._pause.raise_if_resting()
        try:
            with heeded():
                async with self._opening:
                    if self._line is None or not self._line.is_alive:
                        await self.close()
                        self._line = await asyncio.wait_for(self._open(), 2 * _TIMEOUT_S)
                yield self._line
        except (AuthenticationError, ProbableAuthenticationError) as error:
            raise Permanent(
                f"queue.url: {self._shown} refuses us ({error}); correct the user, the password or the virtual host",
                reason="queue_refused",
            ) from error
        except (
            DeliveryError
        ) as error:  # returned as unroutable, or not confirmed: the queues are gone, or have no leader
            await self.close()
            raise self._gone(error) from error
        except _BROKEN as error:
            await self.close()
            if (fault := tls_fault(error, self._shown)) is not None:
                raise fault from error
            raise self._gone(error) from error
        else:
            self._pause.end()

    def _gone(self, error: BaseException) -> Transient:
        why = str(error) or type(error).__name__
        return self._pause.begin(f"{self._shown} does not answer ({why}); it is asked again")

    async def _open(self) -> _Line:
        connection = await aio_pika.connect(_with_heartbeat(self._url), timeout=_TIMEOUT_S)
        try:
            publishing = await connection.channel(publisher_confirms=True, on_return_raises=True)
            consuming = await connection.channel(publisher_confirms=False)
            line = _Line(connection, publishing, consuming)
            await self._declare(line)
        except BaseException:
            await connection.close()
            raise
        return line

    async def _declare(self, line: _Line) -> None:
        """The queues and the exchange of the dead, declared alike by everyone: whoever comes first makes them."""
        quorum: dict[str, Any] = {"x-queue-type": "quorum"}
        graves = await line.consuming.declare_exchange(f"{self._prefix}.graves", "fanout", durable=True)
        line.queues[_DEAD] = await line.consuming.declare_queue(self._queue(_DEAD), durable=True, arguments=quorum)
        await line.queues[_DEAD].bind(graves)
        for priority in PRIORITIES:
            arguments: dict[str, Any] = {
                **quorum,
                "x-delivery-limit": _DELIVERIES,
                "x-dead-letter-exchange": graves.name,
                "x-dead-letter-strategy": "at-least-once",
                "x-overflow": "reject-publish",
            }
            queue = await line.consuming.declare_queue(self._queue(priority), durable=True, arguments=arguments)
            line.queues[priority] = queue
        await line.consuming.set_qos(prefetch_count=max(2, self._prefetch // IN_ONE))

    async def _consume(self, line: _Line) -> None:
        """Have messages sent ahead; begun by the first who wants one, since a crawler's process wants none."""
        if line.consumes:
            return
        line.consumes = True
        try:
            await self._subscribe(line)
        except BaseException:  # half of a subscription would never hear of the other priorities
            await self.close()
            raise

    async def _subscribe(self, line: _Line) -> None:
        channel = await line.consuming.get_underlay_channel()
        for priority in PRIORITIES:

            async def arrived(delivered: Any, priority: str = priority) -> None:
                line.arrived[priority].extend(unpacked(delivered.body, priority, _Tag(line, delivered.delivery_tag)))
                line.news.set()

            await channel.basic_consume(self._queue(priority), arrived, timeout=_TIMEOUT_S)


@dataclass(frozen=True, slots=True, eq=False)
class _Tag:
    """What RabbitMQ knows a message by, on one connection."""

    line: _Line
    number: int


def _properties() -> Any:
    return aio_pika.Message(b"", delivery_mode=aio_pika.DeliveryMode.PERSISTENT).properties


def _with_heartbeat(url: str) -> str:
    """The URL, which may say another heartbeat itself."""
    parsed = urlsplit(url)
    if "heartbeat" in dict(parse_qsl(parsed.query)):
        return url
    return urlunsplit(parsed._replace(query="&".join(filter(None, (parsed.query, f"heartbeat={_HEARTBEAT_S}")))))


async def _hang_up(line: _Line) -> None:
    with contextlib.suppress(*_BROKEN), heeded():
        await asyncio.wait_for(line.connection.close(), _TIMEOUT_S)


def shown(url: str) -> str:
    """The address without user, password and parameters."""
    parsed = urlsplit(url)
    return f"{parsed.scheme}://{parsed.netloc.rpartition('@')[2]}{parsed.path}"
