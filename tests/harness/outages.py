"""What tests of outages share: processes whose way to a server can be broken, and clients that keep asking."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.harness.backends import Backend
from tests.harness.fleet import Fleet, Member, eventually
from tests.harness.probing import Answer, ask
from tests.harness.watch import progress, until
from tests.site.numbered import numbered_paths

APART = ("crawler", "processor", "indexer", "serve")
_STARTS_S = 60.0
_OF_DRIVER = "_terminate_graceful_close"
"""A connection that nobody answers on could not be closed in peace: the driver's task says so when it is forgotten."""


@dataclass(frozen=True, slots=True)
class Detour(Backend):
    """A backend to which processes have another way than the books: through something that breaks it."""

    database_by: str = ""
    queue_by: str = ""

    @property
    def settings(self) -> tuple[str, ...]:
        database = self.database_by or self.database_url
        given = (f"database.url={database}",) if database else ()
        return (*given, f"queue.url={self.queue_by or self.queue_url}")


def manned(fleet: Fleet, *roles: str) -> dict[str, str]:
    """Start a process of each role and wait until all are ready; where they answer, by role."""
    members = [fleet.add(role) for role in roles]
    bases = {member.role: base_of(member) for member in members}
    until(lambda: all(ask(f"{base}/readyz").status == 200 for base in bases.values()), timeout_s=_STARTS_S)
    return bases


def base_of(member: Member) -> str:
    """Where a process answers: its probes, or its whole API. Waits until it has said so."""

    def found() -> re.Match[str] | None:
        return re.search(r"(?:probes and metrics on|^serving) (http://\S+)", member.said(), re.MULTILINE)

    until(lambda: found() is not None or not member.alive, timeout_s=_STARTS_S, what=f"the address of {member.role}")
    match = found()
    assert match is not None, member.said()
    return match[1]


def reach(fleet: Fleet, fraction: float) -> None:
    """Wait until so much of the run's work is done."""
    goal = fraction * len(list(numbered_paths(fleet.site.website.numbered)))
    waited(fleet, lambda: progress(fleet.books) >= goal, timeout_s=60, what=f"{fraction:.2f} of the run")


def is_over(fleet: Fleet) -> bool:
    """Whether the run has ended."""
    return fleet.books.count("runs", "state = 'completed'") == 1


def waited(fleet: Fleet, condition: Callable[[], bool], *, timeout_s: float = 30.0, what: str) -> None:
    """Wait for a condition; fail with what the processes said and how the ledger stands then."""
    if not eventually(condition, timeout_s):
        runs = fleet.books.rows("SELECT id, state, error FROM runs")
        visits = fleet.books.rows("SELECT state, outcome, reason, count(*) FROM visits GROUP BY 1, 2, 3")
        workers = fleet.books.rows("SELECT id, role, pid, heartbeat_at FROM workers")
        told = [runs, visits, workers, *_sessions(fleet)]
        raise AssertionError("\n".join([f"{what} did not come", *map(str, told), fleet.report()]))


def _sessions(fleet: Fleet) -> list[tuple[object, ...]]:
    """What PostgreSQL is doing, and for whom it waits."""
    if not fleet.backend.database_url:
        return []
    return fleet.books.rows(
        "SELECT pid, pg_blocking_pids(pid), state, wait_event, (now() - xact_start)::text, left(query, 100)"
        " FROM pg_stat_activity WHERE datname = current_database()"
    )


def ended(fleet: Fleet, *, timeout_s: float = 90.0) -> None:
    """Wait for the end of the run."""
    waited(fleet, lambda: is_over(fleet), timeout_s=timeout_s, what="the end of the run")


@dataclass
class Customer:
    """Adds sources to an API, one after the other, and remembers what it was promised."""

    base: str
    acknowledged: list[str] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    def work(self, over: threading.Event) -> None:
        number = 0
        while not over.wait(0.05):
            number += 1
            name = f"shop-{number}"
            answer = ask(f"{self.base}/api/v1/sources", {"name": name, "start": [f"http://{name}.example/"]}, 30)
            self.answers.append(answer)
            if answer.status in (200, 201):
                self.acknowledged.append(name)

    @property
    def unclean(self) -> list[str]:
        """Answers that are neither a promise kept nor a clean "later"."""
        return [
            f"{each.status} after {each.seconds:.1f} s: {each.body[:200]!r}"
            for each in self.answers
            if each.status not in (200, 201, 503) or (each.status == 503 and not each.header("Retry-After"))
        ]


@contextmanager
def customer(base: str) -> Iterator[Customer]:
    """One at work beside the block."""
    over, one = threading.Event(), Customer(base)
    thread = threading.Thread(target=one.work, args=(over,), name="customer")
    thread.start()
    try:
        yield one
    finally:
        over.set()
        thread.join(60)


def endured(fleet: Fleet) -> None:
    """Every process is the one that was started, and none has said anything that nobody foresaw."""
    for member in fleet.members:
        assert member.alive, f"{member.role} has ended:\n{member.said()[-3000:]}"
        said = [line for line in member.said().splitlines() if _OF_DRIVER not in line]
        assert not any("Traceback" in line for line in said), member.said()[-6000:]


def seconds(moment: float) -> float:
    """How long ago that was."""
    return time.monotonic() - moment
