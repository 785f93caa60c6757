"""Brokers over TLS with an authority of one's own, and Redis behind Sentinels whose master dies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.contract.queue_house import epoch_of
from tests.contract.store_house import House, opened_house
from tests.contract.test_brokers import over, worked_off
from tests.contract.test_queue import drained, identifiers, settle, waiting
from tests.harness.brokers import (
    MASTER,
    PATIENCE_S,
    own_redis,
    redis_tls,
    session_folder,
    shared_rabbitmq_tls,
    watched_redis,
)
from tests.harness.brokers import free_port as free
from tests.harness.certificates import certified
from tests.logs import captured_logs

from tidemill.errors import Permanent, Transient
from tidemill.queue.dispatched import DispatchedQueue
from tidemill.queue.rabbitmq import RabbitDispatcher
from tidemill.queue.redis import RedisDispatcher

pytestmark = pytest.mark.timeout(PATIENCE_S)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    (tmp_path / "house").mkdir()
    async with opened_house(tmp_path / "house") as house:
        yield house


@dataclass
class Broker:
    """A broker that speaks TLS: its address without parameters, and the parameter that names its authority."""

    scheme: str
    rest: str
    trusted: str
    stranger: str
    missing: str

    def queue(self, house: House, parameters: str, *, scheme: str = "", rest: str = "") -> DispatchedQueue:
        url = f"{scheme or self.scheme}://{rest or self.rest}{parameters}"
        if self.scheme == "rediss":
            return over(RedisDispatcher(url, epoch=epoch_of(house.store), lease_s=2.0), house)
        return over(RabbitDispatcher(url, epoch=epoch_of(house.store), prefetch=200), house)


@pytest.fixture(params=["rediss", "amqps"])
def broker(
    request: pytest.FixtureRequest, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Broker]:
    (tmp_path / "stranger").mkdir()
    stranger = certified(tmp_path / "stranger").authority
    if request.param == "amqps":
        try:
            url, authority = shared_rabbitmq_tls(session_folder(tmp_path_factory.getbasetemp()))
        except LookupError as error:
            pytest.skip(str(error))
        yield Broker("amqps", url.partition("://")[2], *(f"?cafile={each}" for each in (authority, stranger, "/none")))
        return
    ours = certified(tmp_path)
    port = free()
    with own_redis(tmp_path, *redis_tls(ours, port), port=port):
        named = (f"?ssl_ca_certs={each}" for each in (ours.authority, stranger, "/none"))
        yield Broker("rediss", f"127.0.0.1:{port}/0", *named)


async def test_captures_go_over_tls_to_a_broker_that_our_authority_vouches_for(house: House, broker: Broker) -> None:
    queue = broker.queue(house, broker.trusted)
    await queue.check()
    await queue.announce(await waiting(house, "abcdef"))
    await worked_off(house, queue, of=6)
    await queue.close()


@pytest.mark.parametrize("wrong", ["nobody", "a stranger", "a missing file", "another name", "no TLS"])
async def test_a_broker_is_verified_unless_told_otherwise(house: House, broker: Broker, wrong: str) -> None:
    """The error is no outage: it is said at once, and what to do."""
    elsewhere = broker.rest.replace("127.0.0.1", "localhost")
    queue = {
        "nobody": lambda: broker.queue(house, ""),
        "a stranger": lambda: broker.queue(house, broker.stranger),
        "a missing file": lambda: broker.queue(house, broker.missing),
        "another name": lambda: broker.queue(house, broker.trusted, rest=elsewhere),
        "no TLS": lambda: broker.queue(house, "", rest=f"127.0.0.1:{_deaf.port}/0"),
    }[wrong]
    async with _Deaf() as _deaf:
        opened = queue()
        with pytest.raises(Permanent, match=r"queue\.url: no TLS connection to") as told:
            await opened.check()
        assert told.value.reason == "queue_tls"
        assert "guest" not in str(told.value)
        await opened.close()


class _Deaf:
    """Listens, and answers in clear."""

    async def __aenter__(self) -> _Deaf:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"-ERR unknown command\r\n" * 5)
        await writer.drain()
        writer.close()


@pytest.mark.parametrize("is_tls", [False, True], ids=["clear", "tls"])
async def test_when_the_master_dies_work_goes_on_with_the_next_one(house: House, tmp_path: Path, is_tls: bool) -> None:
    """Kill it with messages announced, taken and not yet announced: each capture is processed once."""
    ours = certified(tmp_path) if is_tls else None
    with watched_redis(tmp_path, ours) as redis, captured_logs() as log:
        hosts = ",".join(f"127.0.0.1:{port}" for port in redis.sentinels)
        tls = f"&ssl_ca_certs={ours.authority}" if ours else ""
        url = f"{'rediss' if is_tls else 'redis'}://{hosts}/0?sentinel_master={MASTER}{tls}"
        queue = over(RedisDispatcher(url, epoch=epoch_of(house.store), lease_s=2.0), house)
        await queue.announce(await waiting(house, "abcdefgh"))
        first = await drained(house, queue, 3)
        assert identifiers(*first)
        redis.master.kill()
        for claim in first:
            await settle(house, claim)
            await queue.acknowledge(claim)
        done = len(identifiers(*first))
        await queue.announce(await waiting(house, "klm"))
        left = (await queue.backlog()).captures
        with pytest.raises(Transient):
            await queue.check()
        for _ in range(200):  # until the Sentinels have made the replica master
            with suppress(Transient):
                await queue.check()
                break
            await asyncio.sleep(0.1)
        await worked_off(house, queue, of=left)
        assert done + left >= 11
        said = [each["action"] for each in log if each.get("action") in ("queue.down", "queue.up")]
        assert said == ["queue.down", "queue.up"]
        await queue.close()
