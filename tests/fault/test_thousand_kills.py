"""Rows 1 and 2 by the number: crawlers and processors are killed with work in their hands, over every backend.

The short form kills a few; the long form a thousand, 25 in each of five runs of a role and backend.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.harness.accounts import Collect, check_ledger
from tests.harness.backends import Backend
from tests.harness.brokers import PATIENCE_S
from tests.harness.command import Tidemill
from tests.harness.fleet import Fleet, fleet_over
from tests.harness.nursery import Nursery
from tests.harness.sites import site_in_thread
from tests.site.server import Site

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(PATIENCE_S + 600)]
KILLS, KILLS_IN_SHORT = 25, 3
NOTES, NOTES_IN_SHORT = 400, 100
AT_START = 0.2
"""How many of the kills hit who has just been started, at a random moment: before it has anything."""

FOUND_S = 60.0
ROUNDS = [0, *(pytest.param(number, marks=pytest.mark.long) for number in range(1, 5))]


@pytest.fixture(scope="module")
def many_notes(request: pytest.FixtureRequest) -> Iterator[Site]:
    """Enough pages that the run is not over before the last kill."""
    with site_in_thread(pages=NOTES if request.config.getoption("--long") else NOTES_IN_SHORT) as served:
        yield served


@pytest.fixture
def big_fleet(
    backend: Backend, many_notes: Site, tmp_path: Path, rng: random.Random, nursery: Nursery | None
) -> Iterator[Fleet]:
    """A fleet without members over each backend and those notes."""
    with fleet_over(backend, Tidemill(tmp_path / "data", nursery=nursery), many_notes, rng) as made:
        yield made


@pytest.mark.parametrize("number", ROUNDS)
def test_crawlers_killed_at_work_lose_nothing(big_fleet: Fleet, collect: Collect, is_long: bool, number: int) -> None:
    killed_at_work(big_fleet, "crawler", KILLS if is_long else KILLS_IN_SHORT, beside="processor")
    check_ledger(big_fleet, "1. kill -9 of a crawler", collect=collect)


@pytest.mark.parametrize("number", ROUNDS)
def test_processors_killed_at_work_lose_nothing(big_fleet: Fleet, collect: Collect, is_long: bool, number: int) -> None:
    killed_at_work(big_fleet, "processor", KILLS if is_long else KILLS_IN_SHORT, beside="crawler")
    check_ledger(big_fleet, "2. kill -9 of a processor", collect=collect)


def killed_at_work(fleet: Fleet, role: str, kills: int, *, beside: str) -> None:
    """Two processes of the role work, one is killed and replaced, again and again; then the run is left to end."""
    fleet.begin()
    for each in (beside, "indexer", role, role):
        fleet.add(each)
    with_work = 0
    while fleet.kills[role] < kills and not fleet.is_over():
        if fleet.kills[role] and fleet.rng.random() < AT_START:
            time.sleep(fleet.rng.uniform(0, 0.5))
            fleet.kill(fleet.of(role)[-1])
        else:
            with_work += killed_with_work(fleet, role)
        fleet.add(role)
        fleet.look_for_recovery()
    print(f"{fleet.kills[role]} of {role}, {with_work} of them with work in their hands")
    assert with_work > fleet.kills[role] / 4, "who was killed had nothing to lose: these kills prove nothing"
    fleet.settle(timeout_s=300)  # what was in the hands of the killed is done alone, one by one


def killed_with_work(fleet: Fleet, role: str) -> bool:
    """Kill one that holds something, a moment after that was seen. `False` if the run is over before one is found.

    It is stopped first, so that it cannot lay down its work between the look at the ledger and its death.
    """
    deadline = time.monotonic() + FOUND_S
    while not fleet.is_over():
        assert time.monotonic() < deadline, f"no {role} was seen at work\n{fleet.report()}"
        fleet.look_for_recovery()
        for victim in fleet.of(role):
            names = fleet.names_of(victim)
            if not fleet.holds(names):
                continue
            time.sleep(fleet.rng.uniform(0, 0.03))
            os.kill(victim.running.pid, signal.SIGSTOP)
            if fleet.holds(names):
                fleet.kill(victim)
                return True
            os.kill(victim.running.pid, signal.SIGCONT)
    return False
