"""A broker made of Redis Streams: one stream for each priority, one consumer group, nothing that expires.

Needs Redis 7 (or a Sentinel's master) with `maxmemory-policy noeviction`. Each entry holds a few identifiers
(`parcels`); it is deleted by the script that acknowledges it, so a stream holds what is on its way and nothing
else. Whatever Redis loses comes back from the rows (`dispatched`). All keys bear the database's epoch: several
databases share a Redis.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    ConnectionError,  # noqa: A004 - redis's own
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TimeoutError,  # noqa: A004 - redis's own
)

from tidemill.errors import Permanent, TidemillError
from tidemill.models.ids import new_id
from tidemill.models.priority import PRIORITIES, Turns
from tidemill.queue.cancellation import heeded
from tidemill.queue.dispatcher import Message
from tidemill.queue.parcels import IN_ONE, packed, priority_of, settled, unpacked
from tidemill.queue.pause import Pause
from tidemill.queue.redis_url import client_of, closed, shown
from tidemill.queue.tls import tls_fault

_GROUP = "processors"
_BLOCK_S = 0.5
_AT_ONCE = 500
_IDLE_LEASES = 10

_PUBLISH = """
for i = 1, #ARGV, 2 do redis.call('XADD', KEYS[tonumber(ARGV[i])], '*', 'c', ARGV[i + 1]) end
"""
_TAKE = """
local found, left = {}, tonumber(ARGV[3])
local function read(stream, count)
    if count < 1 then return end
    local got = redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', count, 'STREAMS', KEYS[stream], '>')
    if not got then return end
    for _, entry in ipairs(got[1][2]) do
        found[#found + 1] = stream .. ' ' .. entry[1] .. ' ' .. entry[2][2]
        left = left - 1
    end
end
for stream = 1, #KEYS do read(stream, tonumber(ARGV[3 + stream])) end
for stream = 1, #KEYS do read(stream, left) end
return table.concat(found, '\\n')
"""
_SETTLE = """
local group = table.remove(ARGV, 1)
redis.call('XACK', KEYS[1], group, unpack(ARGV))
redis.call('XDEL', KEYS[1], unpack(ARGV))
"""
"""No MULTI: a Redis that is full refuses one even if all that it does is to make room."""

_FORGET_CONSUMERS = """
for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
    local fields = {}
    for i = 1, #info, 2 do fields[info[i]] = info[i + 1] end
    if fields['pending'] == 0 and fields['idle'] > tonumber(ARGV[2]) then
        redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], fields['name'])
    end
end
"""


@dataclass(frozen=True, slots=True)
class _Entry:
    """What Redis knows a message by."""

    stream: str
    number: bytes


class RedisDispatcher:
    """Implements `queue.dispatcher.Dispatcher` over Redis Streams."""

    def __init__(self, url: str, *, epoch: str, lease_s: float) -> None:
        self._client = client_of(url)
        self._shown = shown(url)
        self._streams = [f"tidemill:{{{epoch}}}:captures:{priority}" for priority in PRIORITIES]
        self._lease_ms = int(lease_s * 1000)
        self._consumer = new_id()
        self._turns = Turns()
        self._ready: dict[str, deque[Message]] = {priority: deque() for priority in PRIORITIES}
        self._waiting: asyncio.Task[None] | None = None
        self._pause = Pause()
        self._full = Pause("queue_full")
        self._is_trusted = False
        self._tended = 0.0
        self._publish = self._client.register_script(_PUBLISH)
        self._take = self._client.register_script(_TAKE)
        self._settle = self._client.register_script(_SETTLE)
        self._forget = self._client.register_script(_FORGET_CONSUMERS)

    async def publish(self, announced: Sequence[tuple[str, str]]) -> None:
        """See `Dispatcher.publish`. A full Redis is left alone for a while, but only by those who would fill it."""
        self._full.raise_if_resting()
        async with self._link():
            for start in range(0, len(announced), _AT_ONCE):
                bodies = packed(announced[start : start + _AT_ONCE])
                given = [part for name, body in bodies for part in (PRIORITIES.index(name) + 1, body)]
                await self._publish(keys=self._streams, args=given)
        self._full.end()

    async def take(self, limit: int) -> list[Message]:
        """See `Dispatcher.take`."""
        async with self._link():
            if sum(map(len, self._ready.values())) < limit:
                await self._read(limit)
            taken = self._turns.deal(self._ready, limit)
            for message in taken:
                self._ready[priority_of(message)].popleft()
            return taken

    async def wait(self, timeout_s: float) -> None:
        """See `Dispatcher.wait`. It goes on in the background: to cut it off could lose a message on its way."""
        async with self._link():
            if any(self._ready.values()):
                return
            if self._waiting is None or _has_failed(self._waiting):  # in an outage that is over: Redis was just asked
                self._waiting = asyncio.create_task(self._block(), name="redis wait")
            done, _ = await asyncio.wait({self._waiting}, timeout=timeout_s)
            if done:
                self._waiting = None
                done.pop().result()

    async def acknowledge(self, messages: Sequence[Message]) -> None:
        """See `Dispatcher.acknowledge`."""
        by_stream: dict[str, list[bytes]] = {}
        for entry in settled(messages, _Entry):
            by_stream.setdefault(entry.stream, []).append(entry.number)
        if not by_stream:
            return
        async with self._link():
            for stream, entries in by_stream.items():
                await self._settle(keys=[stream], args=[_GROUP, *entries])

    async def depth(self) -> int:
        """See `Dispatcher.depth`: each entry taken for a full one."""
        async with self._link():
            return IN_ONE * sum([int(await self._client.xlen(stream)) for stream in self._streams])

    async def abandoned(self) -> list[Message]:
        """See `Dispatcher.abandoned`: what was not acknowledged for a whole lease. Asks once in an eighth of that."""
        loop_time = asyncio.get_running_loop().time()
        if self._is_trusted and loop_time < self._tended + self._lease_ms / 8000:
            return []  # of one that is gone this would say that it is back
        async with self._link():
            found = [each for stream in self._streams for each in await self._with_group(partial(self._idle, stream))]
            self._tended = loop_time
            return found

    async def check(self) -> None:
        """See `Dispatcher.check`. An evicting policy would throw away what waits."""
        async with self._link():
            await _answered(self._client.ping())

    async def close(self) -> None:
        """See `Dispatcher.close`. What was taken and not begun is published again, at the end of its stream."""
        with contextlib.suppress(TidemillError):
            if self._waiting is not None:
                async with self._link():
                    await self._waiting
            ready = [message for waiting in self._ready.values() for message in waiting]
            if ready:
                await self.publish([(message.capture_id, priority_of(message)) for message in ready])
                await self.acknowledge(ready)
        await closed(self._client)

    async def _read(self, limit: int) -> None:
        """Fetch what is lacking for the next `limit`, each priority's share first."""
        shares = self._turns.shares(limit)
        lacking = [math.ceil(max(0, shares[each] - len(self._ready[each])) / IN_ONE) for each in PRIORITIES]
        whole = math.ceil((limit - sum(map(len, self._ready.values()))) / IN_ONE)
        given: list[Any] = [_GROUP, self._consumer, whole, *lacking]
        text = await self._with_group(lambda: self._take(keys=self._streams, args=given))
        for line in (text or b"").splitlines():
            stream, number, body = line.split(b" ", 2)
            self._keep(int(stream) - 1, number, body)

    def _keep(self, stream: int, number: bytes, body: bytes) -> None:
        priority = PRIORITIES[stream]
        self._ready[priority].extend(unpacked(body, priority, _Entry(self._streams[stream], number)))

    async def _idle(self, stream: str) -> list[Message]:
        """What consumers hold for too long; those that hold nothing and ask for nothing any more are forgotten."""
        claimed = await self._client.xautoclaim(stream, _GROUP, self._consumer, self._lease_ms, count=_AT_ONCE)
        await self._forget(keys=[stream], args=[_GROUP, self._lease_ms * _IDLE_LEASES])
        priority = PRIORITIES[self._streams.index(stream)]
        entries = [(_Entry(stream, number), fields[b"c"]) for number, fields in claimed[1] if fields]
        return [message for entry, body in entries for message in unpacked(body, priority, entry)]

    async def _block(self) -> None:
        """Wait for the next message of any stream, and keep it for `take`."""

        def reading() -> Awaitable[Any]:
            streams: Any = dict.fromkeys(self._streams, ">")
            block = int(_BLOCK_S * 1000)
            return self._client.xreadgroup(_GROUP, self._consumer, streams, count=1, block=block)

        answer = await self._with_group(reading)
        for stream, entries in _pairs(answer):
            for number, fields in entries:
                self._keep(self._streams.index(stream.decode()), number, fields[b"c"])

    async def _with_group(self, asking: Any) -> Any:
        """Ask; if the group is not there, because Redis is new or has lost its data, make it and ask again."""
        try:
            return await asking()
        except ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
        await self._make_groups()
        return await asking()

    async def _make_groups(self) -> None:
        for stream in self._streams:
            try:
                await self._client.xgroup_create(stream, _GROUP, id="0", mkstream=True)
            except ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise

    @asynccontextmanager
    async def _link(self) -> AsyncIterator[None]:
        """Redis's errors as ours; after one that says it is gone, nobody asks again for a while."""
        self._pause.raise_if_resting()
        try:
            with heeded():
                if not self._is_trusted:
                    await self._trust()
                yield
        except (AuthenticationError, AuthorizationError, NoPermissionError) as error:
            raise Permanent(
                f"queue.url: {self._shown} refuses us ({error}); correct the user, the password or its rights",
                reason="queue_refused",
            ) from error
        except (ConnectionError, TimeoutError, ReadOnlyError, OSError) as error:
            self._is_trusted = False  # who comes back may be another
            if (fault := tls_fault(error, self._shown)) is not None:
                raise fault from error
            raise self._pause.begin(f"{self._shown} does not answer ({error}); it is asked again") from error
        except OutOfMemoryError as error:
            raise self._full.begin(
                f"{self._shown} is full; captures wait in the database until it has room: raise its maxmemory"
            ) from error
        except RedisError as error:
            self._is_trusted = False  # it may have lost the groups
            raise self._pause.begin(f"{self._shown} refused a command ({error}); it is asked again") from error
        else:
            self._pause.end()

    async def _trust(self) -> None:
        policy = str((await _answered(self._client.info("memory"))).get("maxmemory_policy", "noeviction"))
        if policy != "noeviction":
            raise Permanent(
                f"queue.url: {self._shown} has maxmemory-policy {policy}, which throws away what waits when memory is"
                " short; set it to noeviction, or use another Redis for the queue",
                reason="queue_evicts",
            )
        with contextlib.suppress(OutOfMemoryError):  # those who read need no memory, if the groups are there already
            await self._make_groups()
        self._is_trusted = True


def _has_failed(task: asyncio.Task[None]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


def _pairs(answer: Any) -> Any:
    """Streams with their entries: a mapping of lists of lists in RESP3, pairs in RESP2."""
    if isinstance(answer, dict):
        return [(stream, [pair for piece in pieces for pair in piece]) for stream, pieces in answer.items()]
    return answer or ()


async def _answered(answer: Any) -> Any:
    """redis types its commands for both of its clients; ours gives awaitables."""
    return await answer


__all__ = ["Redis", "RedisDispatcher"]
