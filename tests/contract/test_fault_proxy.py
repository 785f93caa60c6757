"""The fault proxy does to a connection what it says, so that the fault tests test what they say."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
from tests.harness.fault_proxy import FaultProxy, fault_proxy
from tests.harness.wire import Exchange, wire

ANSWER = b"x" * 1000


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(ANSWER)

    with wire(answer) as server, fault_proxy(server.ports[0]) as proxy:
        yield proxy


def opened(proxy: FaultProxy, timeout_s: float = 5.0) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=timeout_s)


def ask(link: socket.socket, size: int = len(ANSWER)) -> bytes:
    link.sendall(b"GET / HTTP/1.1\r\n\r\n")
    return hear(link, size)


def hear(link: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size and (piece := link.recv(size - len(got))):
        got += piece
    return got


def test_in_fair_weather_bytes_pass_both_ways(proxy: FaultProxy) -> None:
    with opened(proxy) as link:
        assert ask(link) == ask(link) == ANSWER


def test_a_cut_resets_open_connections_and_new_ones_until_it_is_healed(proxy: FaultProxy) -> None:
    with opened(proxy) as link:
        ask(link)
        proxy.cut()
        with pytest.raises(ConnectionError):
            ask(link)
    with pytest.raises(ConnectionError), opened(proxy) as link:  # noqa: PT012 - reset now, or when it is used
        time.sleep(0.1)
        ask(link)
    proxy.heal()
    with opened(proxy) as link:
        assert ask(link) == ANSWER


def test_a_partition_delivers_after_the_heal_what_was_sent_in_it(proxy: FaultProxy) -> None:
    with opened(proxy, 0.3) as link:
        ask(link)
        proxy.partition()
        with pytest.raises(TimeoutError):
            ask(link)
        proxy.heal()
        link.settimeout(5)
        assert hear(link, len(ANSWER)) == ANSWER


def test_a_half_open_connection_stays_silent_and_new_ones_work(proxy: FaultProxy) -> None:
    with opened(proxy, 0.3) as link:
        ask(link)
        proxy.silence()
        proxy.heal()
        with pytest.raises(TimeoutError):
            ask(link)
        with opened(proxy) as new:
            assert ask(new) == ANSWER


def test_latency_is_added_to_each_answer(proxy: FaultProxy) -> None:
    proxy.slow(0.3)
    with opened(proxy) as link:
        began = time.monotonic()
        assert ask(link) == ANSWER
        assert 0.3 <= time.monotonic() - began < 2


def test_a_trickle_gives_so_many_bytes_a_second(proxy: FaultProxy) -> None:
    proxy.trickle(20)
    with opened(proxy) as link:
        began = time.monotonic()
        assert ask(link, 10) == ANSWER[:10]
        assert 0.4 <= time.monotonic() - began < 2
        proxy.heal()
        assert hear(link, 990) == ANSWER[10:]


def test_a_reset_comes_in_the_midst_of_an_answer(proxy: FaultProxy) -> None:
    proxy.reset_mid_answer(after=100)
    with opened(proxy) as link, pytest.raises(ConnectionError):
        ask(link)
