"""Names are asked for once, remembered for a while, and every address of a name counts."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

import pytest

from tidemill.errors import Forbidden, Permanent, Transient
from tidemill.net.guard import Guard
from tidemill.net.lookup import LookupCache
from tidemill.net.resolver import PinnedResolver
from tidemill.settings import NetSettings


class FakeNames:
    """A name service with a list of answers, the last of which stays."""

    def __init__(self, *answers: Sequence[str] | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        self.gate: asyncio.Event | None = None

    async def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        if self.gate is not None:
            await self.gate.wait()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def resolver(names: FakeNames, *, private: bool = False, allow_hosts: tuple[str, ...] = ()) -> PinnedResolver:
    return PinnedResolver(Guard(NetSettings(allow_hosts=allow_hosts)), LookupCache(names), private=private)


async def test_an_answer_is_believed_for_its_lifetime_and_no_longer() -> None:
    names, clock = FakeNames(["8.8.8.8"], ["9.9.9.9"]), Clock()
    cache = LookupCache(names, lifetime_s=30, clock=clock)
    assert await cache("a.example") == ("8.8.8.8",)
    clock.now += 29
    assert await cache("a.example") == ("8.8.8.8",)
    clock.now += 2
    assert await cache("a.example") == ("9.9.9.9",)
    assert names.asked == ["a.example"] * 2


async def test_a_failure_is_believed_for_a_shorter_time() -> None:
    names, clock = FakeNames(socket.gaierror(socket.EAI_AGAIN, "later"), ["8.8.8.8"]), Clock()
    cache = LookupCache(names, failure_lifetime_s=2, clock=clock)
    for _ in range(3):
        with pytest.raises(Transient) as caught:
            await cache("a.example")
        assert caught.value.reason == "dns"
    assert len(names.asked) == 1
    clock.now += 3
    assert await cache("a.example") == ("8.8.8.8",)


async def test_many_who_ask_at_once_ask_once_and_one_who_gives_up_stops_nobody() -> None:
    names = FakeNames(["8.8.8.8"])
    names.gate = asyncio.Event()
    cache = LookupCache(names)
    asking = [asyncio.create_task(cache("a.example")) for _ in range(20)]
    await asyncio.sleep(0)
    asking[0].cancel()
    await asyncio.sleep(0)
    names.gate.set()
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert answers[1:] == [("8.8.8.8",)] * 19
    assert names.asked == ["a.example"]


async def test_closing_ends_those_who_wait_with_a_transient_error() -> None:
    names = FakeNames(["8.8.8.8"])
    names.gate = asyncio.Event()
    cache = LookupCache(names)
    asking = asyncio.create_task(cache("a.example"))
    await asyncio.sleep(0)
    await cache.close()
    with pytest.raises(Transient, match="closed"):
        await asking


async def test_memory_is_bounded() -> None:
    names = FakeNames(["8.8.8.8"])
    cache = LookupCache(names, size=10)
    for number in range(100):
        await cache(f"{number}.example")
    assert len(cache._answers) <= 10


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        (socket.gaierror(socket.EAI_NONAME, "no"), Permanent, "dns_no_such_host"),
        (socket.gaierror(socket.EAI_AGAIN, "later"), Transient, "dns"),
        (socket.gaierror(socket.EAI_FAIL, "refused"), Transient, "dns"),
        (OSError("no threads"), Transient, "dns"),
        (UnicodeError("label too long"), Permanent, "dns_no_such_host"),
        ((), Permanent, "dns_no_such_host"),
    ],
)
async def test_failures_say_whether_to_try_again(answer: Sequence[str], kind: type[Exception], reason: str) -> None:
    with pytest.raises(kind, match=r"a\.example") as caught:
        await LookupCache(FakeNames(answer))("a.example")
    assert getattr(caught.value, "reason", None) == reason


async def test_public_addresses_go_to_the_connector_as_they_are() -> None:
    found = await resolver(FakeNames(["8.8.8.8", "2606:4700:4700::1111"])).resolve("a.example", 443)
    assert [(one["host"], one["port"], one["family"]) for one in found] == [
        ("8.8.8.8", 443, socket.AF_INET),
        ("2606:4700:4700::1111", 443, socket.AF_INET6),
    ]


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["8.8.8.8", "::1"], ["::ffff:10.0.0.1"]])
async def test_one_private_address_refuses_the_name(addresses: list[str]) -> None:
    with pytest.raises(Forbidden, match=r"allow_hosts: \[a\.example:80\]") as caught:
        await resolver(FakeNames(addresses)).resolve("a.example", 80)
    assert caught.value.reason == "private_address"


async def test_exemptions_and_the_open_lane_take_any_address() -> None:
    exempt = resolver(FakeNames(["127.0.0.1"]), allow_hosts=("a.example:8000",))
    assert [one["host"] for one in await exempt.resolve("a.example", 8000)] == ["127.0.0.1"]
    with pytest.raises(Forbidden):
        await exempt.resolve("a.example", 8001)
    assert await resolver(FakeNames(["10.0.0.1"]), private=True).resolve("a.example", 80)


async def test_a_name_that_turns_private_is_refused_as_soon_as_its_answer_is_asked_for_again() -> None:
    names, clock = FakeNames(["8.8.8.8"], ["127.0.0.1"]), Clock()
    pinned = PinnedResolver(Guard(NetSettings()), LookupCache(names, clock=clock), private=False)
    assert [one["host"] for one in await pinned.resolve("a.example", 80)] == ["8.8.8.8"]
    assert [one["host"] for one in await pinned.resolve("a.example", 80)] == ["8.8.8.8"]
    clock.now += 60
    with pytest.raises(Forbidden):
        await pinned.resolve("a.example", 80)
