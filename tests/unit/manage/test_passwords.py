"""Passwords: what tells a stranger nothing, and how many are worked on at once."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from tidemill.errors import Transient
from tidemill.manage.passwords import Passwords
from tidemill.settings import AuthSettings

CHEAP = AuthSettings(argon2_passes=1, argon2_memory_kib=64, argon2_lanes=1)
SECRET = "correct horse battery"  # pragma: allowlist secret


async def test_an_unknown_user_costs_the_same_hash_and_is_never_right(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords = Passwords(CHEAP)
    stored = await passwords.hash(SECRET)
    verified: list[str] = []
    hasher = type(passwords._hasher)
    right = hasher.verify

    def counting(self: Any, made: str, password: str) -> Any:
        verified.append(made)
        return right(self, made, password)

    monkeypatch.setattr(hasher, "verify", counting)
    assert await passwords.verify(SECRET, stored)
    assert not await passwords.verify("nobody's password", None)
    assert not await passwords.verify(SECRET, None)
    assert len(verified) == 3
    assert {made.rpartition("$")[0].rpartition("$")[0] for made in verified} == {"$argon2id$v=19$m=64,t=1,p=1"}


async def test_the_first_unknown_user_is_not_told_by_the_time_either(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is compared with for unknown users is made once, with the first login of all, whoever that is."""
    stored = await Passwords(CHEAP).hash(SECRET)
    passwords = Passwords(CHEAP)
    hashed: list[str] = []
    hasher = type(passwords._hasher)
    right = hasher.hash

    def counting(self: Any, password: str, **more: Any) -> Any:
        hashed.append(password)
        return right(self, password, **more)

    monkeypatch.setattr(hasher, "hash", counting)
    assert await passwords.verify(SECRET, stored)
    assert len(hashed) == 1
    assert not await passwords.verify(SECRET, None)
    assert len(hashed) == 1


@pytest.mark.parametrize("stored", ["", "x", "$argon2id$", "$2b$12$abcdefghijklmnopqrstuv"])
async def test_what_is_no_hash_is_nobodys(stored: str) -> None:
    assert not await Passwords(CHEAP).verify(SECRET, stored or None)


@pytest.mark.thorough
async def test_few_at_once_and_no_endless_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords = Passwords(CHEAP)
    gate, inside, most = threading.Event(), 0, 0

    def slow(*_: Any) -> bool:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        gate.wait(10)
        inside -= 1
        return True

    async def log_in() -> bool:
        with passwords.place():
            return await passwords.verify(SECRET, None)

    monkeypatch.setattr(passwords, "_verify", slow)
    tasks = [asyncio.create_task(log_in()) for _ in range(80)]
    await asyncio.sleep(0.05)
    gate.set()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    with passwords.place():
        pass
    assert sum(isinstance(each, Transient) for each in done) == 80 - 64
    assert most <= 2
