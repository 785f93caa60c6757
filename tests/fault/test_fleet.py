"""Rows 1, 2 and 22: crawlers and processors are killed or replaced at random moments, and the sums come out right."""

from __future__ import annotations

import pytest
from tests.harness.accounts import Collect, check_ledger
from tests.harness.brokers import PATIENCE_S
from tests.harness.fleet import Fleet
from tests.harness.watch import progress, until
from tests.site.numbered import numbered_paths

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(PATIENCE_S + 600)]


def reach(fleet: Fleet, fraction: float) -> None:
    """Wait until so much of the run's work is done."""
    goal = fraction * len(list(numbered_paths(fleet.site.website.numbered)))
    until(lambda: progress(fleet.books) >= goal, timeout_s=60, what=f"{fraction:.2f} of the run\n{fleet.report()}")


def test_killed_crawlers_lose_nothing(fleet: Fleet, collect: Collect, is_long: bool) -> None:
    fleet.begin()
    fleet.add("processor")
    fleet.add("indexer")
    crawler = fleet.add("crawler")
    for point in sorted(fleet.rng.uniform(0.05, 0.9) for _ in range(50 if is_long else 2)):
        reach(fleet, point)
        fleet.kill(crawler, recovered=True)
        crawler = fleet.add("crawler")
    fleet.settle()
    check_ledger(fleet, "1. kill -9 of a crawler", collect=collect)


def test_killed_processors_lose_nothing(fleet: Fleet, collect: Collect, is_long: bool) -> None:
    """What a dead processor held is given to another within a lease and five seconds, on every queue."""
    fleet.begin()
    fleet.add("crawler")
    fleet.add("indexer")
    fleet.add("processor")
    processor = fleet.add("processor")
    for point in sorted(fleet.rng.uniform(0.05, 0.9) for _ in range(50 if is_long else 2)):
        reach(fleet, point)
        fleet.kill(processor, recovered=True)
        processor = fleet.add("processor")
    fleet.settle()
    check_ledger(fleet, "2. kill -9 of a processor", collect=collect)


def test_rolling_restarts_fail_no_request_and_cost_no_page(fleet: Fleet, collect: Collect, is_long: bool) -> None:
    """SIGTERM for one process after the other while they work: each drains in time, no page is fetched twice."""
    fleet.begin()
    roles = ("crawler", "processor", "indexer")
    for role in roles:
        fleet.add(role)
    rounds = 10 if is_long else 1
    for number in range(rounds):
        reach(fleet, 0.8 * (number + 0.5) / rounds)
        for role in roles:
            fleet.drain(fleet.of(role)[0])
            fleet.add(role)
    fleet.settle()
    check_ledger(fleet, "22. SIGTERM, rolling restart", collect=collect, blows=rounds * len(roles))
