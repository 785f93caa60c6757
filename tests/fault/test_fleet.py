"""Rows 1, 2, 6 and 22: crawlers and processors die, sleep and are replaced, and the sums come out right."""

from __future__ import annotations

import time

import pytest
from tests.harness.accounts import Collect, Tally, check_ledger
from tests.harness.brokers import PATIENCE_S
from tests.harness.fleet import QUEUE_LEASE_S, Fleet, Member
from tests.harness.load import load
from tests.harness.steps import armed
from tests.harness.watch import progress, until
from tests.site.numbered import numbered_paths

from tidemill.models.run import RunOptions

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(PATIENCE_S + 600)]


FAULT_2 = "2. kill -9 of a processor"


def reach(fleet: Fleet, fraction: float) -> None:
    """Wait until so much of the run's work is done."""
    goal = fraction * len(list(numbered_paths(fleet.site.website.numbered)))
    until(lambda: progress(fleet.books) >= goal, timeout_s=60, what=f"{fraction:.2f} of the run\n{fleet.report()}")


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_fleet_to_which_nothing_happens_accounts_for_every_page(fleet: Fleet) -> None:
    """What the sums are held against, and what a mutant that shows only at a death must still pass."""
    fleet.begin()
    for role in ("crawler", "processor", "indexer"):
        fleet.add(role)
    fleet.settle()
    check_ledger(fleet, "none")


LONG = pytest.mark.long
SERVED = ["postgres", "postgres+redis", "postgres+rabbitmq"]
"""The backends that several machines can share."""


@LONG
@pytest.mark.parametrize("backend", SERVED, indirect=True)
def test_processors_killed_on_other_machines_lose_nothing(fleet: Fleet, collect: Collect) -> None:
    """No lock tells of their death, only that their hearts stop."""
    fleet.begin()
    fleet.add("crawler")
    fleet.add("indexer")
    fleet.add("processor")
    for _ in range(15):
        victim = fleet.add("processor", elsewhere=True)
        until(lambda held=victim: holds(fleet, held) or fleet.is_over(), what="a claim")  # type: ignore[misc]
        fleet.kill(victim, recovered=True)
    fleet.settle()
    check_ledger(fleet, "2. kill -9 of a processor on another machine", collect=collect)


def test_what_a_dead_processor_held_is_done_by_another_in_time(fleet: Fleet, collect: Collect) -> None:
    """A lease and five seconds after the death, where no lock tells of it either; or soon after all other work."""
    fleet.begin(options=RunOptions(allow_private=True, max_pages=40))
    one = "process.batch_size=1"  # so that there is something for each
    heir = fleet.add("processor", one)
    victim = fleet.add("processor", one, armed("process.claimed"), elsewhere=fleet.backend.name != "sqlite")
    fleet.add("indexer")
    until(lambda: heir.is_up and victim.is_up, what="two processors")
    fleet.stop(heir)  # else it may do all there is, and the victim never gets anything
    fleet.add("crawler")
    until(lambda: not victim.alive, what="the death of a processor with captures in its hands")
    died = time.monotonic()
    fleet.wake(heir)
    fleet.fell(victim, "process.claimed")
    of_victim = f"worker_id IN (SELECT id FROM workers WHERE pid = {victim.running.pid})"
    theirs = ", ".join(f"'{row[0]}'" for row in fleet.books.rows(f"SELECT capture_id FROM waiting WHERE {of_victim}"))
    until(lambda: is_fetched(fleet), timeout_s=60, what="the end of the crawl")
    others = f"capture_id NOT IN ({theirs or 'NULL'})"  # a lock may have told of the death already
    until(lambda: fleet.books.count("waiting", others) == 0, timeout_s=60, what="the end of all other work")
    left_s = died + QUEUE_LEASE_S + 5 - time.monotonic()  # none, if the machine is too busy for the others' work
    until(lambda: fleet.is_over(), timeout_s=max(left_s, QUEUE_LEASE_S), what="the end of its work")
    fleet.recovery_s.append(time.monotonic() - died)
    fleet.settle()
    fetched = fleet.books.count("captures")
    assert fleet.books.count("documents", "state = 'current' AND version = 1") == fetched > 20
    collect(Tally(FAULT_2, fleet.backend.title, 1, fetched, 0, 0, 0, round(fleet.recovery_s[-1], 2)))


@pytest.mark.parametrize("backend", [pytest.param(each, marks=LONG) for each in SERVED[1:]] + SERVED[:1], indirect=True)
def test_a_processor_that_sleeps_through_its_lease_changes_nothing(fleet: Fleet, collect: Collect) -> None:
    """What it held is given to another, who ends the run; then it wakes, and brings results that nobody waits for."""
    fleet.begin()
    fleet.add("crawler")
    fleet.add("indexer")
    sleeper = fleet.add("processor")
    until(lambda: holds(fleet, sleeper), what="a claim")
    fleet.stop(sleeper)
    fleet.mourn(fleet.names_of(sleeper))
    fleet.add("processor")
    fleet.await_recovery()
    until(lambda: fleet.books.count("runs", "state = 'completed'") == 1, timeout_s=60, what="the end of the run")
    fleet.wake(sleeper)
    fleet.settle()
    check_ledger(fleet, "6. SIGSTOP of a processor for longer than its lease", collect=collect, blows=1)


def holds(fleet: Fleet, member: Member) -> bool:
    """Whether a process has captures in its hands."""
    return any(fleet.books.count("waiting", f"worker_id = '{name}'") for name in fleet.names_of(member))


def is_fetched(fleet: Fleet) -> bool:
    """Whether there is nothing left to fetch."""
    return fleet.books.count("runs", "state IN ('crawled', 'completed')") == 1


@pytest.mark.parametrize(
    "backend",
    ["sqlite", "postgres+redis", *(pytest.param(each, marks=LONG) for each in ("postgres", "postgres+rabbitmq"))],
    indirect=True,
)
def test_rolling_restarts_fail_no_request_and_cost_no_page(fleet: Fleet, collect: Collect, is_long: bool) -> None:
    """SIGTERM for one process after the other while they work: each drains in time, no page is fetched twice.

    Of two processes that serve the API one is always there, and who asks is always answered.
    """
    fleet.begin()
    roles = ("crawler", "processor", "indexer", "serve")
    for role in (*roles, "serve"):
        fleet.add(role)
    until(lambda: all(member.is_up for member in fleet.members), what=f"all roles\n{fleet.report()}")
    rounds = 10 if is_long else 1
    with load(lambda: [str(member.probes) for member in fleet.of("serve") if member.is_up], "/api/v1/runs") as asked:
        for number in range(rounds):
            reach(fleet, 0.8 * (number + 0.5) / rounds)
            for role in roles:
                follower = fleet.add(role) if role == "serve" else None
                until(lambda new=follower: new is None or new.is_up, what="one more API")  # type: ignore[misc]
                fleet.drain(fleet.of(role)[0])
                if role != "serve":
                    fleet.add(role)
    assert asked.failures == []
    assert asked.answered > 10
    fleet.settle()
    check_ledger(fleet, "22. SIGTERM, rolling restart", collect=collect, blows=rounds * len(roles))
