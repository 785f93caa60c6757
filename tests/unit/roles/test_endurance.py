"""How a role waits: what it does away with meanwhile, and that it begins anew."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from tidemill.errors import NoSpace, Permanent, TidemillError, Transient
from tidemill.roles import endurance
from tidemill.roles.endurance import lasting


class Store:
    """Counts how often what is stuck was ended; `failure` is raised instead."""

    def __init__(self, failure: TidemillError | None = None) -> None:
        self.failure = failure
        self.ended = 0

    async def end_stuck(self) -> int:
        self.ended += 1
        if self.failure is not None:
            raise self.failure
        return 1


@pytest.fixture(autouse=True)
def _in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endurance, "_AWAY_S", 0.001)


async def played(store: Store, *errors: BaseException) -> int:
    """Play a role that fails so, one time after the other, and then ends; how often it was begun."""
    left, begun = list(errors), 0

    async def play() -> None:
        nonlocal begun
        begun += 1
        if left:
            raise left.pop(0)

    app: Any = SimpleNamespace(store=store)
    await lasting(app, "crawler", asyncio.Event(), play)
    return begun


@pytest.mark.parametrize("reason", ["database_timeout", "database_locked"])
async def test_who_waits_for_locks_ends_the_sessions_of_clients_that_vanished(reason: str) -> None:
    store = Store()
    assert await played(store, Transient("it took too long", reason=reason)) == 2
    assert store.ended == 1


@pytest.mark.parametrize(
    "error",
    [Transient("gone", reason="database_unavailable"), NoSpace("full", reason="disk_full")],
    ids=["gone", "full"],
)
async def test_who_waits_for_a_server_or_for_room_ends_nobody(error: TidemillError) -> None:
    store = Store()
    assert await played(store, error, error) == 3
    assert store.ended == 0


async def test_a_server_that_cannot_end_them_is_waited_for_as_well() -> None:
    error = Transient("it took too long", reason="database_timeout")
    assert await played(Store(error), error) == 2


async def test_a_cancellation_that_nobody_asked_for_is_an_outage() -> None:
    assert await played(Store(), asyncio.CancelledError()) == 2


async def test_what_no_waiting_mends_ends_the_role() -> None:
    with pytest.raises(Permanent):
        await played(Store(), Permanent("no", reason="wrong"))
