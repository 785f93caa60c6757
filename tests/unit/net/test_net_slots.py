"""Slots are handed back, also by those who give up while they wait."""

from __future__ import annotations

import asyncio

import pytest

from tidemill.net.slots import Slots


async def hold(slots: Slots, host: str, until: asyncio.Event, holding: list[str]) -> None:
    async with slots.of(host):
        holding.append(host)
        await until.wait()
        holding.remove(host)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_one_busy_host_does_not_take_the_slots_of_the_others() -> None:
    slots, until, holding = Slots(3, 1), asyncio.Event(), list[str]()
    hosts = ["busy", "busy", "busy", "busy", "a", "b", "c"]
    waiting = [asyncio.create_task(hold(slots, host, until, holding)) for host in hosts]
    await settle()
    assert sorted(holding) == ["a", "b", "busy"]
    until.set()
    await asyncio.gather(*waiting)
    assert holding == []


async def test_who_gives_up_while_waiting_for_a_common_slot_hands_back_the_hosts() -> None:
    slots, until, holding = Slots(1, 1), asyncio.Event(), list[str]()
    first = asyncio.create_task(hold(slots, "a", until, holding))
    await settle()
    second = asyncio.create_task(hold(slots, "b", until, holding))
    await settle()
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    until.set()
    await first
    await asyncio.wait_for(hold(slots, "b", until, holding), 1)


async def test_hosts_nobody_asks_for_are_forgotten() -> None:
    slots, until = Slots(0, 2), asyncio.Event()
    until.set()
    for number in range(50):
        await hold(slots, f"{number}.example", until, [])
    assert len(slots._hosts) == 0
